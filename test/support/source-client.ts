import type { Socket } from "node:net";
import { openSocket } from "./raw-request.ts";
import { waitFor } from "./wait.ts";

/** A source's socket that remembers everything it is told and how it ended. */
export class SourceClient {
  readonly socket: Socket;
  /** The server closed its half, or all of it. */
  ended = false;
  /** The connection broke before it was closed. */
  wasReset = false;
  #received = "";

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => (this.#received += chunk.toString("latin1")));
    socket.on("end", () => (this.ended = true));
    socket.on("close", () => (this.ended = true));
    socket.on("error", () => (this.wasReset = true));
  }

  static async open(port: number, first: string | Uint8Array = ""): Promise<SourceClient> {
    const client = new SourceClient(await openSocket(port));
    client.send(first);
    return client;
  }

  /** Everything received so far, as Latin-1. */
  get received(): string {
    return this.#received;
  }

  /** A string is sent as UTF-8. */
  send(bytes: string | Uint8Array): void {
    if (bytes.length > 0) this.socket.write(bytes);
  }

  /** What has been received when it ends in `end`. */
  async until(end: string): Promise<string> {
    await this.#wait(`a reply ending in ${JSON.stringify(end)}`, () => this.#received.endsWith(end));
    return this.#received;
  }

  /** Everything received when the server has closed. */
  async text(): Promise<string> {
    await this.#wait("the server to close", () => this.ended);
    this.socket.destroy();
    return this.#received;
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #wait(what: string, condition: () => boolean): Promise<void> {
    try {
      await waitFor(what, condition, 10_000);
    } catch (error) {
      throw new Error(`waited for ${what}, got ${JSON.stringify(this.#received)}`, { cause: error });
    }
  }
}
