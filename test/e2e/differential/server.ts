import { join } from "node:path";
import type { Socket } from "node:net";
import { basic } from "../../support/icecast-wire.ts";
import { openSocket, readHead } from "../../support/raw-request.ts";
import { streamMp3, type Streaming } from "../../support/stream-mp3.ts";
import { waitFor } from "../../support/wait.ts";
import { exchange, type Reply } from "./exchange.ts";
import { adminPassword, sourcePassword } from "./station-xml.ts";

const fixture = join(import.meta.dirname, "..", "..", "fixtures", "cbr128-joint44.mp3");

export const admin = basic("admin", adminPassword);
export const source = basic("source", sourcePassword);

export const sourceHead = (
  mount: string,
  more = "",
  login = source,
  method = "SOURCE",
  version = "HTTP/1.0",
): string =>
  `${method} ${mount} ${version}\r\nHost: 127.0.0.1\r\n${login}User-Agent: cap/1\r\nContent-Type: audio/mpeg\r\n${more}\r\n`;

export const get = (target: string, headers = "", method = "GET"): string =>
  `${method} ${target} HTTP/1.0\r\n${headers}\r\n`;

export const post = (target: string, form: string, headers = ""): string =>
  `POST ${target} HTTP/1.0\r\n${headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`;

export const command = (name: string, query = ""): string =>
  get(`/admin/${name}${query === "" ? "" : `?${query}`}`, admin);

/** One of the two that are asked the same, and what it has answered by the name of the request. */
export class Server {
  readonly replies = new Map<string, Reply>();
  readonly port: number;
  readonly #open: { destroy(): void }[] = [];

  constructor(port: number) {
    this.port = port;
  }

  async ask(name: string, request: string, at = this.port): Promise<void> {
    this.note(name, await exchange(at, request));
  }

  /** Of requests that do not depend on each other. Few at a time: Icecast drops connections that come faster than it accepts. */
  async askAll(requests: Readonly<Record<string, string>>): Promise<void> {
    const waiting = Object.entries(requests);
    const askOneByOne = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.ask(...next);
    };
    await Promise.all(Array.from({ length: 5 }, askOneByOne));
  }

  /** Keeps a reply that was got otherwise than by `ask`. */
  note(name: string, reply: Reply): void {
    if (this.replies.has(name)) throw new Error(`asked twice: ${name}`);
    this.replies.set(name, reply);
  }

  /** The reply's body, which is not compared. */
  async look(request: string): Promise<string> {
    return (await exchange(this.port, request)).body;
  }

  /** A source that sends until it is destroyed, or all is closed. */
  async stream(mount: string, head = sourceHead(mount), at = this.port): Promise<Streaming> {
    const streaming = await streamMp3(at, mount, fixture, { password: sourcePassword, head, loop: true });
    this.#open.push(streaming);
    return streaming;
  }

  /** A listener who has got the head of a stream; what follows waits to be read. */
  async listen(target: string, headers = ""): Promise<Socket> {
    const socket = await openSocket(this.port);
    this.#open.push(socket);
    socket.write(get(target, headers));
    const head = await readHead(socket, 15_000);
    if (!head.startsWith("HTTP/1.0 200")) throw new Error(`no stream of ${target}: ${head}`);
    return socket;
  }

  async untilOnAir(mount: string): Promise<void> {
    await waitFor(
      `${mount} to be heard`,
      async () => {
        const { status, headers } = await exchange(this.port, get(mount));
        return status.includes("200") && headers["content-type"] === "audio/mpeg";
      },
      20_000,
    );
  }

  /** Those who asked whether it is on air may still be counted. */
  async untilListeners(mount: string, count: number): Promise<void> {
    await waitFor(
      `${count} listeners on ${mount}`,
      async () => {
        const clients = await this.look(command("listclients", `mount=${mount}`));
        const mounts = await this.look(command("listmounts"));
        const counted = new RegExp(`mount="${mount}"><fallback>[^<]*</fallback><listeners>${count}<`);
        // Icecast counts in three places, one after the other.
        const body = await this.look(command("stats", `mount=${mount}`));
        const listed = clients.includes(`<Listeners>${count}<`) && counted.test(mounts);
        return listed && body.slice(body.indexOf("<source mount")).includes(`<listeners>${count}<`);
      },
      20_000,
    );
  }

  async untilGone(mount: string, list = "listmounts"): Promise<void> {
    await waitFor(
      `${mount} to be gone`,
      async () => !(await this.look(command(list))).includes(`"${mount}"`),
      15_000,
    );
  }

  close(): void {
    for (const each of this.#open) each.destroy();
  }
}
