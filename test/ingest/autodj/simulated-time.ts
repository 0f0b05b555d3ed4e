import type { Time } from "../../../ingest/autodj/clock.ts";
import { millis } from "../../../shared/units.ts";

/** Time that passes as soon as somebody waits for it: as long as they wait, and whatever was to happen until then has. */
export class SimulatedTime implements Time {
  #nowMs = 1_000;
  /** What timers are late by. */
  lateMs = (): number => 0;
  /** Waited for so often. */
  waits = 0;
  /** Nobody waits any longer than until then. */
  untilMs = Number.POSITIVE_INFINITY;

  now = (): number => this.#nowMs;
  wall = () => millis(Date.UTC(2026, 10, 21) + Math.round(this.#nowMs));

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.waits++;
    // What reads ahead is to be ahead.
    await new Promise((resolve) => setImmediate(resolve));
    this.#nowMs += ms + this.lateMs();
    if (this.#nowMs < this.untilMs || signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }
}
