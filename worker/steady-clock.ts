import { clockSlackMs, clockStepMs } from "./limits.ts";

/** Where a steady clock was: who keeps its times keeps this with them. */
export interface ClockReading {
  /** The machine's clock, ms since the Unix epoch. */
  readonly wallMs: number;
  /** How far the steady clock was ahead of it, ms. */
  readonly offsetMs: number;
}

/**
 * Time that goes on when the machine's clock is set: milliseconds since the Unix epoch at first, and never a step back nor
 * a leap. The runtime has no other clock to ask, so a leap is told by what cannot be: `isWatched` says that somebody reads
 * this clock every few seconds; a longer step between two readings is then no time that has passed.
 *
 * Its times mean nothing to another clock, unless that goes on from this one's `reading`.
 */
export class SteadyClock {
  readonly #isWatched: () => boolean;
  /** At the last reading; undefined before the first. */
  #wallMs: number | undefined;
  #offsetMs: number;

  constructor(isWatched: () => boolean, from?: ClockReading) {
    this.#isWatched = isWatched;
    this.#wallMs = from?.wallMs;
    this.#offsetMs = from?.offsetMs ?? 0;
  }

  now(): number {
    const wallMs = Date.now();
    const stepMs = wallMs - (this.#wallMs ?? wallMs);
    const isSet = stepMs < 0 || (stepMs > clockStepMs && this.#isWatched());
    if (isSet) this.#offsetMs -= stepMs;
    this.#wallMs = wallMs;
    return wallMs + this.#offsetMs;
  }

  /**
   * A timer that was begun at `fromMs` of this clock has ended after `ms`. Timers know nothing of the machine's clock and are
   * never early: what this clock lost of that time when it was set, it gets back.
   */
  passed(fromMs: number, ms: number): void {
    const lostMs = fromMs + ms - this.now();
    if (lostMs > clockSlackMs) this.#offsetMs += lostMs;
  }

  /** A time of this clock as the machine's clock has it now, ms since the Unix epoch. */
  wallOf(ms: number): number {
    return ms - this.reading.offsetMs;
  }

  /** As of now. */
  get reading(): ClockReading {
    const wallMs = this.now() - this.#offsetMs;
    return { wallMs, offsetMs: this.#offsetMs };
  }
}
