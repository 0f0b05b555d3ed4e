import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { Duplex } from "node:stream";

/** Opens lines to ports of this machine that let so many bytes a second through, and hold next to nothing themselves. */
export class SlowLines {
  readonly #program: string;

  /** Builds the program in `folder`. */
  constructor(folder: string) {
    this.#program = join(folder, "slow-line");
    execFileSync("cc", ["-O2", "-o", this.#program, join(import.meta.dirname, "slow-line.c")]);
  }

  /** Ends with its connection; destroying it ends that. */
  open(port: number, bytesPerSecond: number): Duplex {
    const child = spawn(this.#program, [String(port), String(bytesPerSecond)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const line = Duplex.from({ readable: child.stdout, writable: child.stdin });
    line.once("close", () => child.kill());
    return line;
  }
}
