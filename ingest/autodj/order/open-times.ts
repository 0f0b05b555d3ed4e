import type { DjSlot } from "../../../config/ingest-settings.ts";
import type { Millis } from "../../../shared/units.ts";
import { nextSlotMs, slotAt } from "../../access/dj-slots.ts";

/**
 * Whether weekly times hold. The calendar is asked once for each time that begins or ends, not for each track; without
 * any times they hold always.
 */
export class OpenTimes {
  readonly #slots: readonly DjSlot[];
  #fromMs = Number.POSITIVE_INFINITY;
  #untilMs = Number.NEGATIVE_INFINITY;
  #open = false;

  constructor(slots: readonly DjSlot[]) {
    this.#slots = slots;
  }

  hold(now: Millis): boolean {
    if (this.#slots.length === 0) return true;
    if (now >= this.#fromMs && now < this.#untilMs) return this.#open;
    const slot = slotAt(this.#slots, now);
    this.#open = slot !== null;
    this.#fromMs = now;
    this.#untilMs = slot?.untilMs ?? nextSlotMs(this.#slots, now) ?? Number.POSITIVE_INFINITY;
    return this.#open;
  }
}
