import { clockBeatMs, clockBeats } from "./limits.ts";
import { pause } from "./pause.ts";
import { type ClockReading, SteadyClock } from "./steady-clock.ts";

/** A steady clock of an object: it reads itself every few seconds, for as long after a `beat` as anything hangs on it. */
export class BeatingClock {
  readonly #keepAlive: (work: Promise<void>) => void;
  readonly #clock: SteadyClock;
  #beatsLeft = 0;

  /** `from`: the reading that was stored with this clock's times. */
  constructor(keepAlive: (work: Promise<void>) => void, from?: ClockReading) {
    this.#keepAlive = keepAlive;
    this.#clock = new SteadyClock(() => this.#beatsLeft > 0, from);
  }

  now(): number {
    return this.#clock.now();
  }

  /** A time of this clock as the machine's clock has it now, ms since the Unix epoch. */
  wallOf(ms: number): number {
    return this.#clock.wallOf(ms);
  }

  /** As of now, to be stored. */
  get reading(): ClockReading {
    return this.#clock.reading;
  }

  beat(): void {
    // Before it counts as watched: an hour without a beat is an hour.
    this.now();
    const beating = this.#beatsLeft > 0;
    this.#beatsLeft = clockBeats;
    if (!beating) this.#keepAlive(this.#beatOn());
  }

  async #beatOn(): Promise<void> {
    for (; this.#beatsLeft > 0; this.#beatsLeft--) {
      const fromMs = this.now();
      await pause(clockBeatMs);
      this.#clock.passed(fromMs, clockBeatMs);
    }
  }
}
