import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { openSocket, readHead } from "../raw-request.ts";
import { frameMs, stampedFrame } from "./stamped-frame.ts";
import { TitleBook } from "./title-book.ts";

export interface ChaosSourceOptions {
  /** Stands in every frame; unique among the sources of a mount. */
  readonly id: number;
  readonly mount: string;
  readonly password: string;
  /** Ingest hosts, the preferred one first. */
  readonly ports: readonly number[];
  readonly random: () => number;
  readonly titles: TitleBook;
}

/** What went out on one connection: frames `first`, `first + 1`, … */
export interface SourceConnection {
  readonly port: number;
  readonly first: number;
  /** When each frame was written, by `performance.now()`. */
  readonly sentAt: number[];
  /** When the connection ended; null while it is open. */
  endedAt: number | null;
  /** Its host was killed: what that had not yet cut and stored has gone with it. */
  hostLost: boolean;
}

const stepMs = 40;
const titleEveryMs = 3_000;
/** What a title request may take; a host that hangs gets the next one too. */
const titleTimeoutMs = 2_000;

/**
 * An encoder that accounts for its frames: sends them in real time, comes back 0.3 to 1 s after its connection ended, at the
 * next host when one does not take it. Numbers go on over connections; what is on while it has none gets no number.
 */
export class ChaosSource {
  readonly id: number;
  readonly mount: string;
  readonly connections: SourceConnection[] = [];
  /** Replies that did not let it in, by their first line. */
  readonly refusals = new Map<string, number>();
  readonly #options: ChaosSourceOptions;
  readonly #stopping = new AbortController();
  #socket: Socket | null = null;
  #host = 0;
  #next = 0;
  #stalledUntil = 0;
  #backlog = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ChaosSourceOptions) {
    this.#options = options;
    this.id = options.id;
    this.mount = options.mount;
  }

  /** Port of the ingest it is connected to; undefined while it is not. */
  get port(): number | undefined {
    const last = this.connections.at(-1);
    return last?.endedAt === null ? last.port : undefined;
  }

  /** Frames sent so far. */
  get sent(): number {
    return this.#next;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends cleanly: what was sent is read by the ingest before it sees the end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Its connection is reset in the middle of things. */
  reset(): void {
    this.#socket?.resetAndDestroy();
  }

  /** Sends nothing for a while, then goes on: with what is on by then, or first with all it has in hand. */
  stall(ms: number, backlog: boolean): void {
    this.#stalledUntil = performance.now() + ms;
    this.#backlog = backlog;
  }

  /** Its ingest host is gone from this moment on, though the connection may not know. */
  loseHost(): void {
    const last = this.connections.at(-1);
    if (last?.endedAt !== null) return;
    last.endedAt = performance.now();
    last.hostLost = true;
  }

  /** Gives its connection up and prefers the next host. */
  failOver(): void {
    this.#host++;
    this.#socket?.destroy();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const port = this.#options.ports[this.#host % this.#options.ports.length] ?? 0;
      const socket = await this.#connect(port);
      if (socket) await this.#send(socket, port);
      else this.#host++;
      const pauseMs = 300 + this.#options.random() * 700;
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #connect(port: number): Promise<Socket | null> {
    let socket: Socket | undefined;
    try {
      socket = await openSocket(port);
      const authorization = Buffer.from(`source:${this.#options.password}`).toString("base64");
      socket.write(
        `PUT ${this.mount} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${authorization}\r\nContent-Type: audio/mpeg\r\n\r\n`,
      );
      const [line = ""] = (await readHead(socket)).split("\r\n");
      if (/^HTTP\/1\.[01] 200/.test(line)) return socket;
      this.refusals.set(line, (this.refusals.get(line) ?? 0) + 1);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/[\d.]+:\d+.*/, "").trim() : "unknown";
      this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    }
    socket?.destroy();
    return null;
  }

  async #send(socket: Socket, port: number): Promise<void> {
    const { signal } = this.#stopping;
    const connection: SourceConnection = {
      port,
      first: this.#next,
      sentAt: [],
      endedAt: null,
      hostLost: false,
    };
    this.connections.push(connection);
    this.#socket = socket;
    this.#options.titles.began(this.id, this.#next);
    const over = new AbortController();
    const closed = () => {
      over.abort();
      connection.endedAt ??= performance.now();
      socket.destroy();
    };
    socket.once("end", closed);
    socket.once("close", closed);
    socket.resume();
    const titles = setInterval(() => void this.#setTitle(port), titleEveryMs);
    void this.#setTitle(port);
    let startedAt = performance.now();
    while (!over.signal.aborted && !signal.aborted) {
      const now = performance.now();
      if (now < this.#stalledUntil) {
        if (!this.#backlog) startedAt = now - connection.sentAt.length * frameMs;
      } else {
        const due = Math.floor((now - startedAt) / frameMs) + 1;
        while (!over.signal.aborted && connection.sentAt.length < due)
          this.#sendFrame(socket, connection, now);
      }
      await sleep(stepMs);
    }
    clearInterval(titles);
    connection.endedAt ??= performance.now();
    this.#socket = null;
    if (signal.aborted && !over.signal.aborted) {
      await new Promise<void>((resolve) => {
        socket.end(() => resolve());
        socket.once("close", () => resolve());
      });
      setTimeout(() => socket.destroy(), 1_000).unref();
    }
  }

  #sendFrame(socket: Socket, connection: SourceConnection, now: number): void {
    const number = this.#next++;
    connection.sentAt.push(now);
    socket.write(stampedFrame(this.id, number, number === connection.first));
  }

  async #setTitle(port: number): Promise<void> {
    const { password, titles } = this.#options;
    const number = this.#next;
    const query = new URLSearchParams({
      mode: "updinfo",
      mount: this.mount,
      song: TitleBook.text(this.id, number),
    });
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/admin/metadata?${query.toString()}`, {
        headers: { authorization: `Basic ${Buffer.from(`source:${password}`).toString("base64")}` },
        signal: AbortSignal.timeout(titleTimeoutMs),
      });
      await reply.arrayBuffer();
      // Of a connection that has ended meanwhile nobody needs to show it.
      if (reply.ok && this.port === port)
        titles.set(this.id, Math.max(number, this.connections.at(-1)?.first ?? 0));
    } catch {
      // A host that is down or hangs.
    }
  }
}
