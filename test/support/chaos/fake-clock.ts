import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A wall clock for the processes of a rig that can be made to jump. */
export class FakeClock {
  /** For the environment of every process that is to have it. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: number;

  /** Builds the library and its file in `folder`. */
  constructor(folder: string) {
    const library = join(folder, "fake-clock.so");
    execFileSync("cc", ["-O2", "-shared", "-fPIC", "-o", library, join(import.meta.dirname, "fake-clock.c")]);
    const file = join(folder, "clock");
    this.#file = openSync(file, "w");
    this.env = { LD_PRELOAD: library, SKYWAVE_FAKE_CLOCK: file };
    this.set(0);
  }

  /** Seconds from the true time; all processes see it at once. */
  set(seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    writeSync(this.#file, bytes, 0, bytes.length, 0);
  }

  close(): void {
    closeSync(this.#file);
  }
}
