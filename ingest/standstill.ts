import { standstillMs, standstillOverMs } from "./limits.ts";

/** Notices when this process has stood still: stopped by a signal, a virtual machine that was paused, a disk that swaps. */
export class Standstill {
  readonly #now: () => number;
  #lookedMs: number;
  #overMs = Number.NEGATIVE_INFINITY;
  readonly #timer: NodeJS.Timeout;

  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#lookedMs = now();
    this.#timer = setInterval(() => this.#look(), standstillMs / 4).unref();
  }

  /** What is read now may have been sent while nobody read, by somebody who has given up since. */
  get isJustOver(): boolean {
    this.#look();
    return this.#now() - this.#overMs < standstillOverMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = this.#now();
    if (now - this.#lookedMs > standstillMs) this.#overMs = now;
    this.#lookedMs = now;
  }
}
