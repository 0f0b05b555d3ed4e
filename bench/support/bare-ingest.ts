import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { ask, ended } from "./source-load.ts";

/** What no ingest in Node can be cheaper than: `bare-ingest-process.ts`. */
export class BareIngest {
  readonly #child: ChildProcess;
  readonly pid: number;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
  }

  static async open(port: number, storeUrl: string): Promise<BareIngest> {
    const child = fork(join(import.meta.dirname, "bare-ingest-process.ts"), { stdio: "inherit" });
    await ask(child, { port, storeUrl });
    return new BareIngest(child);
  }

  close(): Promise<void> {
    return ended(this.#child);
  }
}
