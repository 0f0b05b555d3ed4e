import { isIPv6 } from "node:net";
import { mountProblem } from "../station-checks.ts";
import type { XmlContext } from "./context.ts";
import {
  attribute,
  type Draft,
  eachChild,
  flagOf,
  type Handlers,
  instead,
  numberOf,
  passwordOf,
  textOf,
} from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

interface Upstream {
  server: string;
  port?: number;
  mount: string;
  url?: string;
  username?: string;
  password?: string;
  titles: boolean;
}

/** `<relay>`: of 2.4, of KH with its `<host>`s, of 2.5 with its `<upstream>`s. */
export function readRelay(relay: XmlElement, { draft, relaysOnDemand }: XmlContext): void {
  const main: Upstream = { server: "127.0.0.1", mount: "/", titles: true };
  const upstreams: { readonly element: XmlElement; readonly of: Upstream }[] = [];
  let localMount: string | undefined = attribute(relay, "local-mount");
  let onDemand: boolean | undefined = relaysOnDemand;
  const further = (element: XmlElement) => {
    const of: Upstream = { ...main };
    eachChild(element, upstreamHandlers(of, draft), draft);
    if (attribute(element, "type") === "default") Object.assign(main, of);
    else upstreams.push({ element, of });
  };
  eachChild(
    relay,
    {
      ...upstreamHandlers(main, draft),
      "local-mount": (element) => {
        localMount = textOf(element) ?? localMount;
      },
      "on-demand": (element) => {
        onDemand = flagOf(element, draft) ?? onDemand;
      },
      host: further,
      upstream: further,
      master: further,
      enable: (element) => {
        if (flagOf(element, draft) === false)
          draft.note(element, "is relayed all the same: remove the <relay>");
      },
      "run-on": instead(draft, "has no effect"),
      "retry-delay": instead(draft, "it is tried again at growing intervals"),
      interval: instead(draft, "it is tried again at growing intervals"),
    },
    draft,
  );
  const [first, ...others] = upstreams;
  for (const { element } of others)
    draft.note(element, "not used: a stream is relayed from the first one only");
  append(relay, first?.of ?? main, { localMount, onDemand }, draft);
}

function upstreamHandlers(upstream: Upstream, draft: Draft): Handlers {
  const setText = (key: "server" | "mount" | "username") => (element: XmlElement) => {
    const text = textOf(element);
    if (text !== undefined) upstream[key] = text;
  };
  const setTitles = (element: XmlElement) => {
    upstream.titles = flagOf(element, draft) ?? upstream.titles;
  };
  return {
    server: setText("server"),
    ip: setText("server"),
    mount: setText("mount"),
    username: setText("username"),
    port: (element) => {
      const port = numberOf(element, draft);
      if (port !== undefined) upstream.port = port;
    },
    uri: (element) => {
      const url = textOf(element);
      if (url !== undefined) upstream.url = url;
    },
    password: (element) => {
      const password = passwordOf(element);
      if (password !== undefined) upstream.password = password;
    },
    "relay-shoutcast-metadata": setTitles,
    "relay-icy-metadata": setTitles,
    bind: instead(draft, "the system chooses the address that it is asked from"),
    timeout: instead(draft, "has no effect"),
    priority: instead(draft, "has no effect"),
  };
}

function append(
  relay: XmlElement,
  { server, port, mount, url, username, password, titles }: Upstream,
  { localMount, onDemand }: { readonly localMount: string | undefined; readonly onDemand: boolean },
  draft: Draft,
): void {
  const target = url ?? (port === undefined ? undefined : httpUrl(server, port, mount));
  if (target === undefined) return draft.note(relay, "left out: it has no <port>");
  const local = localMount ?? (url === undefined ? mount : URL.parse(url)?.pathname) ?? mount;
  const problem = mountProblem(local);
  if (problem !== undefined)
    return draft.note(
      relay,
      `left out: ${JSON.stringify(local)} cannot be a mount here (${problem}); name a <local-mount>`,
    );
  draft.append(
    ["relay"],
    {
      url: target,
      mount: local,
      ...(username === undefined || password === undefined ? {} : { username, password }),
      titles: titles ? undefined : false,
      on_demand: onDemand ? true : undefined,
    },
    relay,
  );
}

function httpUrl(server: string, port: number, path: string): string {
  return `http://${isIPv6(server) ? `[${server}]` : server}:${port}${path.startsWith("/") ? path : `/${path}`}`;
}

/** `<master-server>` and what belongs to it: all streams of another server. */
export class Master {
  readonly #draft: Draft;
  readonly #texts = new Map<string, XmlElement>();

  constructor({ draft }: Pick<XmlContext, "draft">) {
    this.#draft = draft;
  }

  get handlers(): Handlers {
    const keep = (element: XmlElement) => void this.#texts.set(element.name, element);
    const names = ["server", "server-port", "username", "password", "update-interval"];
    return {
      ...Object.fromEntries(names.map((name) => [`master-${name}`, keep])),
      "master-redirect": instead(this.#draft, "listeners are not sent to other servers"),
      "master-redirect-port": instead(this.#draft, "listeners are not sent to other servers"),
      "master-ssl-port": instead(this.#draft, "the master is asked without TLS"),
    };
  }

  /** After all sections. */
  finish(onDemand: boolean): void {
    const draft = this.#draft;
    const [host, portElement, user, passwordElement, interval] = [
      "master-server",
      "master-server-port",
      "master-username",
      "master-password",
      "master-update-interval",
    ].map((name) => this.#texts.get(name));
    const server = host && textOf(host);
    if (!host || server === undefined) return;
    const port = portElement && numberOf(portElement, draft);
    const password = passwordElement && passwordOf(passwordElement);
    if (port === undefined || password === undefined)
      return draft.note(
        host,
        "not asked, as in Icecast: that takes <master-server-port> and <master-password>",
      );
    draft.set(["master", "url"], httpUrl(server, port, "").replace(/\/$/, ""), host);
    if (user && textOf(user) !== undefined) draft.set(["master", "username"], textOf(user), user);
    draft.set(["master", "password"], password, passwordElement ?? host);
    const seconds = interval && numberOf(interval, draft);
    if (interval && seconds !== undefined) draft.set(["master", "update_seconds"], seconds, interval);
    if (onDemand) draft.set(["master", "on_demand"], true, host);
  }
}
