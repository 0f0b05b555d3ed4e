import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { framesOf } from "../../test/support/stream-mp3.ts";
import type { SegmentMoment, SourceOrder, SourceReport } from "./source-load.ts";

// Sources of a benchmark, in a process of their own. Told what to do by its parent, see source-load.ts.

/** Three frames make one packet of Ethernet, 78 ms of audio. */
const framesPerWrite = 3;
const tickMs = 5;
/** Of the segments that are cut at the usual target of 2 s from frames of 1,152 samples at 44.1 kHz. */
const framesPerSegment = Math.ceil((2 * 44_100) / 1152);
/** A source whose bytes are not taken for so long has been lost. */
const mostUnsentBytes = 256 * 1024;

const frames = framesOf(join(import.meta.dirname, "..", "..", "test", "fixtures", "cbr128-joint44.mp3"));
const writeMs = (framesPerWrite * 1152 * 1000) / 44_100;
/** What is written, over and over: the same buffers for all sources. */
const writes = Array.from({ length: frames.length }, (_, index) =>
  Buffer.concat(
    Array.from(
      { length: framesPerWrite },
      (__, part) => frames[(index * framesPerWrite + part) % frames.length]?.bytes ?? new Uint8Array(0),
    ),
  ),
);

class Source {
  onAir = false;
  lost = false;
  sentBytes = 0;
  readonly answered: Promise<void>;
  readonly #name: string;
  readonly #socket: Socket;
  #writes = 0;
  #dueMs = 0;

  constructor({ port, password }: SourceOrder, index: number) {
    this.#name = `bench-${index}.mp3`;
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const login = Buffer.from(`source:${password}`).toString("base64");
    this.#socket.write(
      `SOURCE /${this.#name} HTTP/1.0\r\nAuthorization: Basic ${login}\r\nContent-Type: audio/mpeg\r\n` +
        `User-Agent: bench\r\nice-name: Bench ${index}\r\n\r\n`,
    );
    this.#socket.on("error", () => (this.lost = true));
    this.answered = new Promise((resolve) => {
      this.#socket.on("close", () => {
        this.lost = true;
        resolve();
      });
      this.#socket.on("data", (reply: Buffer) => {
        if (this.onAir) return;
        if (/^HTTP\/1\.[01] 200/.test(reply.toString("latin1"))) {
          this.onAir = true;
          this.#dueMs = performance.now() + Math.random() * writeMs;
        } else this.#socket.destroy();
        resolve();
      });
    });
  }

  /** Writes what is due. */
  write(now: number): void {
    if (!this.onAir || this.lost) return;
    while (this.#dueMs <= now) {
      const bytes = writes[this.#writes % writes.length];
      if (!bytes) return;
      mostLateMs = Math.max(mostLateMs, now - this.#dueMs);
      const segment = Math.floor((this.#writes * framesPerWrite) / framesPerSegment);
      this.#writes++;
      this.#dueMs += writeMs;
      this.#socket.write(bytes);
      this.sentBytes += bytes.length;
      if (Math.floor((this.#writes * framesPerWrite) / framesPerSegment) > segment) {
        closed.push([`${this.#name}/${segment}`, performance.timeOrigin + performance.now()]);
      }
    }
    if (this.#socket.writableLength > mostUnsentBytes) this.#socket.destroy();
  }
}

const sources: Source[] = [];
let mostLateMs = 0;
let closed: SegmentMoment[] = [];

async function open(order: SourceOrder): Promise<void> {
  const startedMs = performance.now();
  const opened: Promise<void>[] = [];
  while (opened.length < order.count) {
    const share = (performance.now() - startedMs) / Math.max(1, order.withinMs);
    const due = Math.min(order.count, 1 + Math.floor(share * order.count));
    while (opened.length < due) {
      const source = new Source(order, sources.length);
      sources.push(source);
      opened.push(source.answered);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(opened);
}

function report(): SourceReport {
  const { user, system } = process.cpuUsage();
  const answer = {
    onAir: sources.filter(({ onAir, lost }) => onAir && !lost).length,
    lost: sources.filter(({ lost }) => lost).length,
    sentBytes: sources.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    mostLateMs,
    cpuSeconds: (user + system) / 1e6,
    closed,
  };
  mostLateMs = 0;
  closed = [];
  return answer;
}

setInterval(() => {
  const now = performance.now();
  for (const source of sources) source.write(now);
}, tickMs);
process.on("message", (message: { readonly open: SourceOrder } | "report") => {
  if (message === "report") process.send?.(report());
  else void open(message.open).then(() => process.send?.("opened"));
});
process.on("disconnect", () => process.exit(0));
