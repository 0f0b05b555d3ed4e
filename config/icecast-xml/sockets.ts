import { isReadableFile, type XmlContext } from "./context.ts";
import { attribute, eachChild, flagOf, type Handlers, instead, numberOf, textOf } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

interface Socket {
  readonly element: XmlElement;
  port: number;
  address?: { readonly value: string; readonly element: XmlElement };
  tls: boolean;
  /** Takes SHOUTcast sources only. */
  shoutcast: boolean;
  shoutcastMount?: { readonly value: string; readonly element: XmlElement };
}

const usualPort = 8000;
const usualEdgePort = 8787;

/**
 * `<listen-socket>`, of which Skywave has one for everything, one with TLS, and one each above them for SHOUTcast
 * sources; and the elements that a server with one socket had in the root.
 */
export class Sockets {
  readonly #context: XmlContext;
  readonly #sockets: Socket[] = [];
  readonly #only: Socket;
  #certificate: XmlElement | undefined;
  #key: XmlElement | undefined;

  constructor(root: XmlElement, context: XmlContext) {
    this.#context = context;
    this.#only = newSocket(root);
  }

  /** Elements of the root. */
  get handlers(): Handlers {
    const { port, "bind-address": address, "shoutcast-mount": mount } = this.#handlersOf(this.#only);
    if (!port || !address || !mount) throw new TypeError("a socket is read by its elements");
    return { port, "bind-address": address, "shoutcast-mount": mount, "listen-socket": (e) => this.#read(e) };
  }

  /** Elements of `<paths>` and of 2.5's `<tls-context>`. */
  get certificateHandlers(): Handlers {
    const certificate = (element: XmlElement) => {
      if (textOf(element) !== undefined) this.#certificate = element;
    };
    const key = (element: XmlElement) => {
      if (textOf(element) !== undefined) this.#key = element;
    };
    return {
      "ssl-certificate": certificate,
      "tls-certificate": certificate,
      "ssl-private-key": key,
      "tls-key": key,
    };
  }

  /** After all sections. */
  finish(): void {
    const { draft } = this.#context;
    const sockets = this.#sockets.length > 0 ? this.#sockets : [this.#only];
    const plain = sockets.filter(({ tls, shoutcast }) => !tls && !shoutcast);
    const main = plain[0];
    const tls = this.#usableTls(sockets.filter((socket) => socket.tls));
    const shoutcast = sockets.filter((socket) => socket.shoutcast);
    const taken = new Set(sockets.map(({ port }) => port));
    const port = main?.port ?? freeFrom(usualPort, taken);
    taken.add(port);
    if (!main)
      draft.note(sockets[0]?.element ?? this.#only.element, `port ${port} is opened as well, without TLS`);
    draft.set(["ingest", "port"], port, (main ?? this.#only).element);
    this.#setAddress(
      main ?? tls,
      [shoutcast[0], tls].filter((socket) => socket !== undefined),
    );
    for (const other of plain.slice(1)) {
      draft.note(
        other.element,
        `port ${other.port} is not opened: port ${port} serves sources and listeners`,
      );
    }

    const shoutcastPort = this.#shoutcastPort(port, shoutcast, { taken, tls });
    this.#setShoutcastMount([main, shoutcast[0], ...sockets, this.#only]);
    taken.add(shoutcastPort);
    if (tls) this.#setTls(tls, taken);
    const edgePort = freeFrom(usualEdgePort, taken);
    if (edgePort !== usualEdgePort) draft.set(["edge", "port"], edgePort, this.#only.element);
  }

  #read(element: XmlElement): void {
    const { draft } = this.#context;
    const type = attribute(element, "type") ?? "normal";
    if (type !== "normal") return draft.note(element, `not opened: its type is ${JSON.stringify(type)}`);
    const socket = newSocket(element);
    eachChild(element, this.#handlersOf(socket), draft);
    this.#sockets.push(socket);
  }

  #handlersOf(socket: Socket): Handlers {
    const { draft } = this.#context;
    return {
      port: (element) => {
        const port = numberOf(element, draft);
        if (port === undefined) return;
        if (port > 0 && port < 65_535) socket.port = port;
        else draft.problem(element, `must be a port from 1 to 65534, got ${port}`);
      },
      "bind-address": (element) => {
        const value = textOf(element);
        if (value !== undefined) socket.address = { value, element };
      },
      ssl: (element) => {
        socket.tls = flagOf(element, draft) ?? socket.tls;
      },
      tls: (element) => {
        const mode = textOf(element)?.toLowerCase() ?? "auto";
        socket.tls = ["rfc2818", "auto_no_plain"].includes(mode);
        if (mode === "auto") draft.note(element, "this port speaks without TLS; give TLS a port of its own");
      },
      "shoutcast-compat": (element) => {
        socket.shoutcast = flagOf(element, draft) ?? socket.shoutcast;
      },
      "shoutcast-mount": (element) => {
        const value = textOf(element);
        if (value !== undefined) socket.shoutcastMount = { value, element };
      },
      "so-sndbuf": instead(draft, "the system chooses the buffers of sockets"),
      "listen-backlog": instead(draft, "the system's queue of connections is used"),
      "http-headers": instead(draft, "headers of one port are not sent: put them into the root or a <mount>"),
      authentication: instead(draft, "logins of one port are not read"),
      "shoutcast-user": instead(draft, "SHOUTcast sources log in with the mount's user"),
    };
  }

  #setAddress(socket: Socket | undefined, sockets: readonly Socket[]): void {
    const { draft } = this.#context;
    const address = socket?.address;
    draft.set(["ingest", "address"], address?.value ?? "0.0.0.0", address?.element ?? this.#only.element);
    for (const other of sockets) {
      if (other === socket || other.address?.value === address?.value) continue;
      const { element } = other.address ?? other;
      draft.note(element, `all ports are opened on ${address?.value ?? "all addresses"}, as the first one`);
    }
  }

  #shoutcastPort(
    port: number,
    sockets: readonly Socket[],
    { taken, tls }: { readonly taken: ReadonlySet<number>; readonly tls: Socket | undefined },
  ): number {
    const { draft } = this.#context;
    const [first, ...others] = sockets;
    for (const other of others)
      draft.note(other.element, `port ${other.port} is not opened: one takes SHOUTcast sources`);
    const wanted = first?.port ?? port + 1;
    const chosen = wanted === tls?.port ? freeFrom(port + 2, taken) : wanted;
    if (chosen !== wanted && tls) {
      draft.note(tls.element, `SHOUTcast sources connect to port ${chosen}, for ${wanted} speaks TLS`);
    }
    if (chosen !== port + 1) draft.set(["ingest", "shoutcast_port"], chosen, (first ?? this.#only).element);
    return chosen;
  }

  #setShoutcastMount(sockets: readonly (Socket | undefined)[]): void {
    const { draft } = this.#context;
    const mounts = sockets.flatMap((socket) => socket?.shoutcastMount ?? []);
    const [used] = mounts;
    if (!used) return;
    draft.set(["ingest", "shoutcast_mount"], used.value, used.element);
    for (const { value, element } of new Set(mounts)) {
      if (value === used.value) continue;
      draft.note(
        element,
        `SHOUTcast sources get ${used.value}; one with the password of another mount gets that`,
      );
    }
  }

  /** Of those with TLS the first, if there is a certificate. */
  #usableTls(sockets: readonly Socket[]): Socket | undefined {
    const { draft, resolve } = this.#context;
    const [first, ...others] = sockets;
    for (const other of others) draft.note(other.element, `port ${other.port} is not opened: one speaks TLS`);
    const path = this.#certificate && textOf(this.#certificate);
    const key = this.#key ? textOf(this.#key) : path;
    if (!first) {
      if (this.#certificate) draft.note(this.#certificate, "not used: no <listen-socket> has <ssl>1</ssl>");
      return undefined;
    }
    if (path === undefined || key === undefined) {
      draft.note(first.element, `port ${first.port} is not opened: there is no <ssl-certificate>`);
      return undefined;
    }
    const missing = [path, key].find((each) => !isReadableFile(resolve(each)));
    if (missing === undefined) return first;
    const origin = this.#certificate ?? first.element;
    draft.note(origin, `port ${first.port} is not opened: ${resolve(missing)} cannot be read`);
    return undefined;
  }

  #setTls(socket: Socket, taken: Set<number>): void {
    const { draft, resolve } = this.#context;
    const cert = (this.#certificate && textOf(this.#certificate)) ?? "";
    const key = (this.#key && textOf(this.#key)) ?? cert;
    draft.set(["ingest", "tls", "cert"], resolve(cert), this.#certificate ?? socket.element);
    draft.set(["ingest", "tls", "key"], resolve(key), this.#key ?? this.#certificate ?? socket.element);
    draft.set(["ingest", "tls", "port"], socket.port, socket.element);
    const shoutcastPort = freeFrom(socket.port + 1, taken);
    taken.add(shoutcastPort);
    if (shoutcastPort !== socket.port + 1)
      draft.set(["ingest", "tls", "shoutcast_port"], shoutcastPort, socket.element);
  }
}

const newSocket = (element: XmlElement): Socket => ({
  element,
  port: usualPort,
  tls: false,
  shoutcast: false,
});

function freeFrom(port: number, taken: ReadonlySet<number>): number {
  let free = port;
  while (taken.has(free)) free++;
  return free;
}
