import { clockStepMs } from "./limits.ts";

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
  #reading: ClockReading | undefined;

  constructor(isWatched: () => boolean, from?: ClockReading) {
    this.#isWatched = isWatched;
    this.#reading = from;
  }

  now(): number {
    const { wallMs, offsetMs } = this.reading;
    return wallMs + offsetMs;
  }

  /** A time of this clock as the machine's clock has it now, ms since the Unix epoch. */
  wallOf(ms: number): number {
    return ms - this.reading.offsetMs;
  }

  /** As of now. */
  get reading(): ClockReading {
    const wallMs = Date.now();
    const last = this.#reading ?? { wallMs, offsetMs: 0 };
    const stepMs = wallMs - last.wallMs;
    const isSet = stepMs < 0 || (stepMs > clockStepMs && this.#isWatched());
    this.#reading = { wallMs, offsetMs: isSet ? last.offsetMs - stepMs : last.offsetMs };
    return this.#reading;
  }
}
