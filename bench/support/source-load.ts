import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

/** What sources to connect, each to a mount of its own: `/bench-0.mp3` and so on. */
export interface SourceOrder {
  readonly port: number;
  readonly password: string;
  readonly count: number;
  /** Spread evenly over so many ms. */
  readonly withinMs: number;
}

/** Of all sources since they connected. */
export interface SourceReport {
  readonly onAir: number;
  /** Refused or cut off. */
  readonly lost: number;
  readonly sentBytes: number;
  /** The latest that a write was behind its time, ms, since the last report. */
  readonly mostLateMs: number;
  /** Of the load process itself. */
  readonly cpuSeconds: number;
  /** When the last frame of a segment was written, since the last report. */
  readonly closed: readonly SegmentMoment[];
}

/** Something happened to a segment: its mount and sequence as its key has them, ms since the Unix epoch. */
export type SegmentMoment = readonly [segment: string, atMs: number];

/** Sources of 128 kb/s in real time, in a process of their own, so that what they cost is not counted. */
export class SourceLoad {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, "source-load-process.ts"), { stdio: "inherit" });
  }

  /** Resolves when all have been answered, or refused. */
  async open(order: SourceOrder): Promise<void> {
    await ask(this.#child, { open: order });
  }

  async report(): Promise<SourceReport> {
    return (await ask(this.#child, "report")) as SourceReport;
  }

  close(): Promise<void> {
    return ended(this.#child);
  }
}

/** Sends a message to a process that answers each with one. */
export function ask(child: ChildProcess, message: object | string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error("a process of the benchmark has ended"));
    child.once("exit", fail);
    child.once("message", (answer) => {
      child.off("exit", fail);
      resolve(answer);
    });
    child.send(message);
  });
}

/** Ends a process of the benchmark. */
export async function ended(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.disconnect();
  await exited;
}
