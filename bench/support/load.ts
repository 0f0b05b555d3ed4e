import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { Histogram, type HistogramCounts, type Quantiles } from "./histogram.ts";

/** What listeners to open. */
export interface LoadOrder {
  readonly port: number;
  readonly path: string;
  readonly count: number;
  /** Spread evenly over so many ms. */
  readonly withinMs: number;
  /** Ask for titles. */
  readonly icy: boolean;
  /** Of the audio, for the model player. */
  readonly bytesPerSecond: number;
  /** The model player starts so long after its first byte. */
  readonly playerDelayMs: number;
}

/** Of all listeners; times in ms. */
export interface LoadReport {
  readonly opened: number;
  /** Have a first byte of audio. */
  readonly served: number;
  /** Refused, or cut off. */
  readonly lost: number;
  /** Since the last report. */
  readonly receivedBytes: number;
  /** From the beginning of the connection. */
  readonly firstByteMs: Quantiles;
  /** Between two reads of one listener, since the last report. */
  readonly gapMs: Quantiles;
  /** Players that have run dry. */
  readonly ranDry: number;
  /** The longest of one listener in all. */
  readonly dryMs: number;
  readonly leastInHandMs: number;
  /** Those who had least in hand, in words. */
  readonly worst: readonly string[];
  /** Of the load processes, in all their life. */
  readonly cpuSeconds: number;
  /** The largest part of its time that one of the load processes was busy, since the last report: at 1 it is the bottleneck. */
  readonly busyShare: number;
}

/** What one load process tells of itself. */
export interface LoadPart extends Omit<LoadReport, "firstByteMs" | "gapMs"> {
  readonly firstByte: HistogramCounts;
  readonly gap: HistogramCounts;
}

/** Listeners in processes of their own, so that what they cost is not counted. */
export class Load {
  readonly #children: readonly ChildProcess[];

  /** One process reads about 100 MB/s, or opens 2,000 connections a second. */
  constructor(processes = 1) {
    const script = join(import.meta.dirname, "load-process.ts");
    this.#children = Array.from({ length: processes }, () => fork(script, { stdio: "inherit" }));
  }

  /** Resolves when all have been opened, served or not. */
  async open(order: LoadOrder): Promise<void> {
    const share = (index: number): number => Math.floor((index * order.count) / this.#children.length);
    await Promise.all(
      this.#children.map((child, index) =>
        ask(child, { open: { ...order, count: share(index + 1) - share(index) } }),
      ),
    );
  }

  async report(): Promise<LoadReport> {
    const parts = await Promise.all(this.#children.map((child) => ask(child, "report")));
    return mergeParts(parts as LoadPart[]);
  }

  /** Drops all connections at once. */
  async close(): Promise<void> {
    await Promise.all(
      this.#children.map((child) => {
        const closed = new Promise((resolve) => child.once("exit", resolve));
        child.send("close");
        return closed;
      }),
    );
  }
}

/** One report of all parts. */
export function mergeParts(parts: readonly LoadPart[]): LoadReport {
  const firstByte = new Histogram();
  const gap = new Histogram();
  for (const part of parts) {
    firstByte.merge(part.firstByte);
    gap.merge(part.gap);
  }
  const sum = (of: (part: LoadPart) => number): number => parts.reduce((total, part) => total + of(part), 0);
  return {
    opened: sum(({ opened }) => opened),
    served: sum(({ served }) => served),
    lost: sum(({ lost }) => lost),
    receivedBytes: sum(({ receivedBytes }) => receivedBytes),
    firstByteMs: firstByte.quantiles,
    gapMs: gap.quantiles,
    ranDry: sum(({ ranDry }) => ranDry),
    dryMs: Math.max(...parts.map(({ dryMs }) => dryMs)),
    leastInHandMs: Math.min(...parts.map(({ leastInHandMs }) => leastInHandMs)),
    worst: parts.flatMap(({ worst }) => worst),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    busyShare: Math.max(...parts.map(({ busyShare }) => busyShare)),
  };
}

/** Sends a message and resolves with the next one that comes back; rejects when the process ends. */
function ask(child: ChildProcess, message: { readonly open: LoadOrder } | "report"): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error("a load process has ended"));
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer);
    });
    child.once("exit", ended);
    child.send(message);
  });
}
