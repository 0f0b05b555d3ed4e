import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Frame } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { openSocket, readHead } from "./raw-request.ts";

export interface StreamOptions {
  readonly password: string;
  /** Pace by the frames' own time; otherwise as fast as the ingest takes them. Default true. */
  readonly realtime?: boolean;
  /** Begin again at the end of the file, until `stop`. */
  readonly loop?: boolean;
  readonly user?: string;
  /** Request line and headers in place of an Icecast PUT; the blank line ends it. */
  readonly head?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A source that sends whole frames and remembers them. */
export interface Streaming {
  readonly socket: Socket;
  /** The ingest's reply head. */
  readonly reply: string;
  /** Frames sent so far, in order, over all rounds of the file. */
  readonly sent: readonly Frame[];
  /** Resolves when the file has been sent or the connection ended. */
  readonly finished: Promise<void>;
  /** Ends the connection cleanly after the frame being sent. */
  stop(): Promise<void>;
  /** Drops the connection. */
  destroy(): void;
}

/** How many ms of audio go out together. */
const stepMs = 50;

/** The frames of a file, tags and info frames left out. */
export function framesOf(file: string): Frame[] {
  const parser = mp3.createParser();
  return [...parser.push(readFileSync(file)), ...parser.flush()];
}

/** Connects as a source and streams a file. Rejects when the ingest does not answer 200 or OK. */
export async function streamMp3(
  port: number,
  mount: string,
  file: string,
  options: StreamOptions,
): Promise<Streaming> {
  const frames = framesOf(file);
  const socket = await openSocket(port);
  socket.write(options.head ?? putHead(mount, options));
  const reply = await readHead(socket);
  if (!/^(HTTP\/1\.[01] 200|OK)/.test(reply)) {
    socket.destroy();
    throw new Error(`the source was refused: ${reply}`);
  }
  socket.resume();
  const sent: Frame[] = [];
  const stopping = new AbortController();
  socket.once("close", () => stopping.abort());
  const finished = send();
  return {
    socket,
    reply,
    sent,
    finished,
    async stop() {
      stopping.abort();
      await finished;
    },
    destroy() {
      stopping.abort();
      socket.destroy();
    },
  };

  async function send(): Promise<void> {
    const startedAt = performance.now();
    let sentMs = 0;
    do {
      for (const frame of frames) {
        if (stopping.signal.aborted) break;
        const flowing = socket.write(frame.bytes);
        sent.push(frame);
        sentMs += (frame.samples * 1000) / frame.format.sampleRate;
        if (!flowing) await drained(socket);
        const aheadMs = sentMs - (performance.now() - startedAt);
        if (options.realtime !== false && aheadMs > stepMs) await sleep(aheadMs);
      }
    } while (options.loop === true && !stopping.signal.aborted);
    if (!socket.destroyed) socket.end();
  }
}

function putHead(mount: string, { user = "source", password, headers = {} }: StreamOptions): string {
  const authorization = Buffer.from(`${user}:${password}`).toString("base64");
  const all = { Authorization: `Basic ${authorization}`, "Content-Type": "audio/mpeg", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `PUT ${mount} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines.join("")}\r\n`;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.once("drain", done);
    socket.once("close", done);
  });
}
