import { isFolder, isReadableFile, type XmlContext } from "./context.ts";
import { attribute, eachChild, type Handlers, instead, textOf } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

/** `<paths>`, but for certificates, which are the sockets', and the folder of logs. */
export function readPaths(
  paths: XmlElement,
  {
    certificates,
    logFolder,
    listensOn,
  }: { certificates: Handlers; logFolder: (element: XmlElement) => void; listensOn: readonly string[] },
  context: XmlContext,
): void {
  const { draft } = context;
  const list = (setting: string) => (element: XmlElement) => {
    const path = textOf(element);
    if (path === undefined) return;
    const file = context.resolve(path);
    draft.set(["bans", setting], file, element);
    if (!isReadableFile(file))
      draft.note(element, `${file} cannot be read: it counts as empty until it is there`);
  };
  eachChild(
    paths,
    {
      ...certificates,
      logdir: logFolder,
      // Read before everything else.
      basedir: () => undefined,
      webroot: () => undefined,
      pidfile: instead(draft, "not written: npm start prints its process id"),
      "deny-ip": list("deny_file"),
      "allow-ip": list("allow_file"),
      "deny-agents": instead(draft, "players are not told apart by their name"),
      "x-forwarded-for": instead(
        draft,
        "headers of a proxy are not believed: its address counts for all who come through it",
      ),
      "all-xforwarded-for": instead(
        draft,
        "headers of a proxy are not believed: its address counts for all who come through it",
      ),
      "ssl-allowed-ciphers": instead(draft, "the ciphers that Node recommends are used"),
      "tls-allowed-ciphers": instead(draft, "the ciphers that Node recommends are used"),
      "ssl-cafile": instead(draft, "has no effect"),
      adminroot: instead(draft, "the pages for administrators are Skywave's own"),
      reportxmldb: instead(draft, "has no effect"),
      geoipdb: instead(draft, "countries come from the platform"),
      nulldevice: instead(draft, "has no effect"),
      "mime-types": instead(draft, "the types of files are known by their names"),
      alias: (element) => readAlias(element, listensOn, context),
      resource: (element) => readAlias(element, listensOn, context),
    },
    draft,
  );
}

function readAlias(element: XmlElement, listensOn: readonly string[], { draft }: XmlContext): void {
  const source = attribute(element, "source");
  const destination = attribute(element, "destination") ?? attribute(element, "dest");
  if (source === undefined || destination === undefined)
    return draft.note(element, "left out: it has no source or no destination");
  const [port, address] = [attribute(element, "port"), attribute(element, "bind-address")];
  if (address !== undefined && !listensOn.includes(address))
    return draft.note(element, `left out: nothing listens on ${address} alone`);
  const special = Object.keys(element.attributes).filter((name) => !aliasAttributes.includes(name));
  if (special.length > 0) return draft.note(element, `left out: ${special.join(", ")} is not known`);
  if (port !== undefined && !/^\d{1,5}$/.test(port))
    return draft.problem(element, "must have a number as its port");
  draft.append(
    ["alias"],
    { source, destination, port: port === undefined ? undefined : Number(port) },
    element,
  );
}

const aliasAttributes = ["source", "destination", "dest", "port", "bind-address"];

/** `<fileserve>` and `<webroot>`: the folder that is served. */
export function serveWebroot(root: XmlElement, isServed: boolean, { draft, webroot }: XmlContext): void {
  if (!isServed || webroot === undefined) return;
  const element =
    root.children.flatMap(({ children }) => children).findLast(({ name }) => name === "webroot") ?? root;
  if (isFolder(webroot)) draft.set(["web", "root"], webroot, element);
  else draft.note(element, `no files are served: ${webroot} is not a folder`);
}
