import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

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
  readonly ranDry: number;
  /** The longest of one listener in all. */
  readonly dryMs: number;
  readonly leastInHandMs: number;
  /** Of the load process itself. */
  readonly cpuSeconds: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
}

/** Listeners in a process of their own, so that what they cost is not counted. */
export class Load {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, "load-process.ts"), { stdio: "inherit" });
  }

  /** Resolves when all have been opened, served or not. */
  async open(order: LoadOrder): Promise<void> {
    const opened = this.#next();
    this.#child.send({ open: order });
    await opened;
  }

  async report(): Promise<LoadReport> {
    const report = this.#next();
    this.#child.send("report");
    return (await report) as LoadReport;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.send("close");
    await closed;
  }

  #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error("the load process has ended"));
      this.#child.once("message", (message) => {
        this.#child.off("exit", ended);
        resolve(message);
      });
      this.#child.once("exit", ended);
    });
  }
}
