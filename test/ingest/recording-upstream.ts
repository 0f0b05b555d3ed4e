import * as net from "node:net";

/** What came over one connection. */
export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  /** Names as sent. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/**
 * In the place of the edge a socket that keeps every byte, and a reader of its own with no leniency at all: what it
 * can read, every server reads the same way.
 */
export class RecordingUpstream {
  /** The bytes of each connection, as Latin-1. */
  readonly connections: string[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #server = net.createServer((socket) => this.#take(socket));
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.#port = typeof address === "object" ? (address?.port ?? 0) : 0;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Every request that came; throws when a byte does not belong to exactly one whole request on its connection. */
  requests(): UpstreamRequest[] {
    return this.connections.map(readRequest);
  }

  #take(socket: net.Socket): void {
    const index = this.connections.push("") - 1;
    this.#sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (text: string) => {
      this.connections[index] += text;
      // Left open: whatever came after the request would be seen.
      if (isWhole(this.connections[index] ?? "")) {
        socket.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
      }
    });
  }
}

function isWhole(bytes: string): boolean {
  try {
    readRequest(bytes);
    return true;
  } catch {
    return false;
  }
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";

function readRequest(bytes: string): UpstreamRequest {
  const end = bytes.indexOf("\r\n\r\n");
  const [requestLine = "", ...lines] = bytes.slice(0, Math.max(end, 0)).split("\r\n");
  const [, method, target] = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(requestLine) ?? [];
  if (method === undefined || target === undefined)
    throw new Error(`not a request: ${JSON.stringify(bytes)}`);
  const headers = lines.map((line): readonly [string, string] => {
    const [, name, value] = new RegExp(`^(${token}): ([\\t\\x20-\\x7e\\x80-\\xff]*)$`).exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a header: ${JSON.stringify(line)}`);
    return [name, value];
  });
  const all = (wanted: string) =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const lengths = all("content-length");
  const codings = all("transfer-encoding");
  if (all("host").length !== 1) throw new Error("not one Host");
  if (lengths.length + codings.length > 1) throw new Error("framed twice");
  return { method, target, headers, body: readBody(bytes.slice(end + 4), lengths[0], codings[0]) };
}

function readBody(rest: string, length: string | undefined, coding: string | undefined): string {
  if (coding !== undefined) {
    if (coding !== "chunked") throw new Error(`coding ${coding}`);
    let body = "";
    for (let at = 0; ; ) {
      const [line = "", size = ""] = /^([0-9a-f]+)\r\n/.exec(rest.slice(at)) ?? [];
      if (line === "") throw new Error(`not a chunk: ${JSON.stringify(rest.slice(at))}`);
      const bytes = Number.parseInt(size, 16);
      const data = rest.slice(at + line.length, at + line.length + bytes);
      at += line.length + bytes + 2;
      if (rest.slice(at - 2, at) !== "\r\n") throw new Error("a chunk does not end where it says");
      body += data;
      if (bytes === 0) {
        if (at !== rest.length) throw new Error(`bytes after the body: ${JSON.stringify(rest.slice(at))}`);
        return body;
      }
    }
  }
  if (!/^(?:0|[1-9][0-9]*)$/.test(length ?? "0")) throw new Error(`length ${length}`);
  if (rest.length !== Number(length ?? "0"))
    throw new Error(`a body of ${rest.length} bytes, said ${length}`);
  return rest;
}
