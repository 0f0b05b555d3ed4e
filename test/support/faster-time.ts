import { setTimeout as sleep } from "node:timers/promises";
import type { Time } from "../../ingest/autodj/clock.ts";
import { millis } from "../../shared/units.ts";

/**
 * Time for AutoDJs that passes faster than the clock, as fast as what they send can be stored and announced: it stands still
 * while `isBehind`. To be given to an `Ingest` (`autodjTime`), which is otherwise the real one. Of one AutoDJ: with several the
 * fastest would set the pace.
 */
export class FasterTime implements Time {
  readonly #speed: number;
  readonly #isBehind: () => boolean;
  readonly #beganMs = Date.now();
  #nowMs = 0;

  constructor(speed: number, isBehind: () => boolean) {
    this.#speed = speed;
    this.#isBehind = isBehind;
  }

  /** How much has passed, ms. */
  now(): number {
    return this.#nowMs;
  }

  wall() {
    return millis(this.#beganMs + Math.round(this.#nowMs));
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const toMs = this.#nowMs + ms;
    await sleep(ms / this.#speed, undefined, { signal, ref: false }).catch(() => undefined);
    while (!signal.aborted && this.#isBehind()) await sleep(2, undefined, { ref: false });
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }
}
