import { setTimeout as sleep } from "node:timers/promises";
import type { Time } from "../../ingest/autodj/clock.ts";
import type { Ingest } from "../../ingest/ingest.ts";
import { millis } from "../../shared/units.ts";

/** Whether an ingest in a faster time still has to read what is to go out, or to publish what has. */
export const isBehind = ({
  waitingSegments,
  autodjs,
}: Pick<Ingest, "waitingSegments" | "autodjs">): boolean =>
  waitingSegments > 2 || autodjs.some(({ aheadMs }) => aheadMs < leastAheadMs);

const leastAheadMs = 1_000;

/**
 * Time for AutoDJs that passes faster than the clock, as fast as they can be read and what they send can be published: it
 * stands still while it `mustWait` (`isBehind`). To be given to an `Ingest` (`autodjTime`), which is otherwise the real one. Of one AutoDJ: with several the
 * fastest would set the pace.
 */
export class FasterTime implements Time {
  readonly #speed: number;
  readonly #mustWait: () => boolean;
  readonly #beganMs = Date.now();
  #nowMs = 0;

  constructor(speed: number, mustWait: () => boolean) {
    this.#speed = speed;
    this.#mustWait = mustWait;
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
    while (!signal.aborted && this.#mustWait()) await sleep(2, undefined, { ref: false });
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }
}
