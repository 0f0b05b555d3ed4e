import { clockStepMs } from "./limits.ts";

/**
 * Time that goes on when the machine's clock is set: milliseconds since the Unix epoch at first, and never a step back nor
 * a leap. The runtime has no other clock to ask, so a leap is told by what cannot be: `isWatched` says that somebody reads
 * this clock every few seconds; a longer step between two readings is then no time that has passed.
 */
export class SteadyClock {
  readonly #isWatched: () => boolean;
  #offsetMs = 0;
  #readMs: number | null = null;

  constructor(isWatched: () => boolean) {
    this.#isWatched = isWatched;
  }

  now(): number {
    const wallMs = Date.now();
    const stepMs = wallMs - (this.#readMs ?? wallMs);
    if (stepMs < 0 || (stepMs > clockStepMs && this.#isWatched())) this.#offsetMs -= stepMs;
    this.#readMs = wallMs;
    return wallMs + this.#offsetMs;
  }
}
