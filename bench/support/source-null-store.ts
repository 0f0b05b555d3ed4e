import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { ask, ended, type SegmentMoment } from "./source-load.ts";

/** Since the last report. */
export interface NullStoreReport {
  /** When the last byte of an object had come. */
  readonly stored: readonly SegmentMoment[];
  readonly storedBytes: number;
  readonly announced: number;
  readonly renewed: number;
}

/**
 * Storage and edge for an ingest that is measured: a process of its own that speaks their protocols, says yes at once
 * and keeps nothing.
 */
export class NullStore {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async open(port: number): Promise<NullStore> {
    const child = fork(join(import.meta.dirname, "source-null-store-process.ts"), { stdio: "inherit" });
    await ask(child, { listen: port });
    return new NullStore(child, port);
  }

  async report(): Promise<NullStoreReport> {
    return (await ask(this.#child, "report")) as NullStoreReport;
  }

  close(): Promise<void> {
    return ended(this.#child);
  }
}
