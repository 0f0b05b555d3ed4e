import { ConfigError } from "../config-error.ts";
import type { Station } from "../station.ts";
import { checkStation, quoted, sentence } from "../station-checks.ts";
import { lastOf, pathResolver, type XmlContext } from "./context.ts";
import { readDirectory, readYpDirectory } from "./directories.ts";
import { Draft, eachChild, flagOf, type Handlers, instead, type Note, textOf } from "./draft.ts";
import { readHeaders } from "./http-headers.ts";
import { Logins } from "./logins.ts";
import { Logs } from "./logging.ts";
import { Mounts } from "./mounts.ts";
import { readPaths, serveWebroot } from "./paths.ts";
import { Master, readRelay } from "./relays.ts";
import { Sockets } from "./sockets.ts";
import { finishLimits, readLimits } from "./station-limits.ts";
import { XmlError } from "./xml-text.ts";
import { readXml, type XmlElement } from "./xml-tree.ts";

export interface IcecastXml {
  readonly station: Station;
  /** What a station file with the same settings says, and nothing else. Paths are absolute. */
  readonly input: Readonly<Record<string, unknown>>;
  /** What is not as in Icecast, in the order of the file. */
  readonly notes: readonly Note[];
}

export interface IcecastXmlOptions {
  /** The name that problems are reported under. */
  readonly file: string;
  /** Where relative paths in the file start; absolute. */
  readonly startedIn: string;
}

/**
 * Reads an icecast.xml: all of Icecast 2.4.4's, and of 2.5's and KH's what has a counterpart. What has none becomes a
 * note; a value that cannot be meant, a problem. Throws ConfigError with every problem in the order of the lines, or
 * with the first place where the file is not XML.
 */
export function readIcecastXml(bytes: Uint8Array, { file, startedIn }: IcecastXmlOptions): IcecastXml {
  const root = parse(bytes, file);
  const draft = new Draft();
  const resolve = pathResolver(root, startedIn);
  const webroot = lastOf(root, "paths", "webroot");
  readRoot(root, {
    draft,
    resolve,
    ...(webroot === undefined ? {} : { webroot: resolve(webroot) }),
    relaysOnDemand: false,
  });

  // Files were looked at when their elements were read.
  const result = checkStation(draft.value, () => undefined);
  if ("problems" in result) {
    for (const problem of result.problems) {
      const origin = draft.originOf(problem.path) ?? root;
      const text = sentence("", problem) + quoted(problem, draft.value);
      draft.problem(origin, text.trimStart());
    }
  }
  const problems = draft.problems.toSorted((a, b) => a.line - b.line);
  if ("problems" in result || problems.length > 0) {
    throw new ConfigError(
      problems.map(
        ({ line, element, text }) => `${file}:${line}: ${element}${text.startsWith(":") ? "" : " "}${text}`,
      ),
    );
  }
  return { station: result.station, input: draft.value, notes: draft.sortedNotes() };
}

/** A note as it is printed. */
export const noteLine = (file: string, { line, element, text }: Note): string =>
  `${file}:${line}: ${element}: ${text}`;

function parse(bytes: Uint8Array, file: string): XmlElement {
  try {
    const root = readXml(bytes);
    if (root.name === "icecast") return root;
    throw new XmlError(root.line, `the root is <${root.name}>, not <icecast>`);
  } catch (error) {
    if (error instanceof XmlError) throw new ConfigError([`${file}:${error.line}: ${error.message}`]);
    throw error;
  }
}

function readRoot(root: XmlElement, context: XmlContext): void {
  const { draft } = context;
  const logins = new Logins(context);
  const logs = new Logs(context);
  const master = new Master(context);
  const mounts = new Mounts(context);
  const sockets = new Sockets(root, context);
  let isServed = true;
  const sourcePassword = logins.handlers["source-password"];
  eachChild(
    root,
    {
      ...stationHandlers(draft),
      ...sockets.handlers,
      ...master.handlers,
      ...(sourcePassword ? { "source-password": sourcePassword } : {}),
      authentication: (element) => logins.read(element),
      limits: (element) => readLimits(element, context),
      fileserve: (element) => {
        isServed = flagOf(element, draft) ?? isServed;
      },
      "relays-on-demand": (element) => {
        context.relaysOnDemand = flagOf(element, draft) ?? context.relaysOnDemand;
      },
      "http-headers": (element) => {
        for (const each of readHeaders(element, context))
          draft.append(["header"], { ...each.header }, each.element);
      },
      relay: (element) => readRelay(element, context),
      mount: mounts.read,
      directory: (element) => readDirectory(element, context),
      "yp-directory": (element) => readYpDirectory(element, context),
      paths: (element) =>
        readPaths(
          element,
          {
            certificates: sockets.certificateHandlers,
            logFolder: logs.readFolder,
            listensOn: addressesOf(root),
          },
          context,
        ),
      logging: (element) => logs.read(element),
      security: (element) => eachChild(element, securityHandlers(sockets, draft), draft),
    },
    draft,
  );
  logins.finish(root);
  sockets.finish();
  master.finish(context.relaysOnDemand);
  mounts.finish();
  logs.finish(root);
  serveWebroot(root, isServed, context);
  finishLimits(root, context);
}

function stationHandlers(draft: Draft): Handlers {
  const text = (setting: string) => (element: XmlElement) => {
    const value = textOf(element);
    if (value !== undefined) draft.set(["station", setting], value, element);
  };
  return {
    location: text("location"),
    admin: text("admin"),
    hostname: text("hostname"),
    "server-id": text("server_id"),
    icelogin: (element) => {
      if (flagOf(element, draft) === true)
        draft.note(element, "logins with an ice-password header are not taken");
    },
    "mime-types": instead(draft, "the types of files are known by their names"),
    "event-bindings": instead(draft, "events of Icecast 2.5 are not read: use [[webhook]] of a station file"),
    "shoutcast-user": instead(draft, "SHOUTcast sources log in with the mount's user"),
    "config-backend": instead(draft, "has no effect"),
  };
}

function securityHandlers(sockets: Sockets, draft: Draft): Handlers {
  return {
    chroot: (element) => {
      if (flagOf(element, draft) === true)
        draft.note(element, "the process is not locked into <basedir>; paths are still taken to lie in it");
    },
    changeowner: instead(draft, "everything runs as the user who starts it"),
    "tls-context": (element) =>
      eachChild(
        element,
        {
          ...sockets.certificateHandlers,
          "tls-allowed-ciphers": instead(draft, "the ciphers that Node recommends are used"),
        },
        draft,
      ),
    "prng-seed": instead(draft, "has no effect"),
  };
}

/** All addresses that sockets are bound to: an alias of one of them is meant when there is no other. */
function addressesOf(root: XmlElement): string[] {
  const sockets = root.children.filter(({ name }) => name === "listen-socket");
  const addresses = (sockets.length > 0 ? sockets : [root]).map(
    ({ children }) => children.findLast(({ name }) => name === "bind-address")?.text.trim() ?? "",
  );
  return new Set(addresses).size === 1 ? addresses.filter((address) => address !== "") : [];
}
