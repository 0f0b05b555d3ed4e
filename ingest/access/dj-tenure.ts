import { isDeepStrictEqual } from "node:util";
import type { DjSlot } from "../../config/ingest-settings.ts";
import { millis } from "../../shared/units.ts";
import { clockStepMs, slotLookMs } from "../login-limits.ts";
import { slotAt } from "./dj-slots.ts";

/** The time of day, which may be set, and one that only goes on; ms. */
export interface Clocks {
  wall(): number;
  steady(): number;
}

const realClocks: Clocks = { wall: () => Date.now(), steady: () => performance.now() };

/**
 * For how long somebody who came in a slot may stay. Whoever is on air goes when both clocks say so: a time of day that
 * is set, rightly or not, throws nobody off whose slot was to last. Whoever comes next goes by the time of day alone.
 */
export class DjTenure {
  readonly #slots: () => readonly DjSlot[] | null;
  readonly #clocks: Clocks;
  #knownSlots: readonly DjSlot[] | null;
  /** Of the time of day from the steady clock, when the end was worked out last. */
  #offset: number;
  /** On the steady clock. */
  #untilMs: number;

  /** `slots`: as the settings have them now; null when the account is no more, empty when it holds always. */
  constructor(slots: () => readonly DjSlot[] | null, clocks: Clocks = realClocks) {
    this.#slots = slots;
    this.#clocks = clocks;
    this.#knownSlots = slots();
    this.#offset = clocks.wall() - clocks.steady();
    this.#untilMs = clocks.steady();
    this.look();
  }

  /** Whether the next one may take the mount over. */
  get isOver(): boolean {
    const slots = this.#slots();
    if (slots === null) return true;
    return slots.length > 0 && slotAt(slots, millis(this.#clocks.wall())) === null;
  }

  /** In how many ms to look again; null when it is over. */
  look(): number | null {
    const slots = this.#slots();
    const isNew = !isDeepStrictEqual(slots, this.#knownSlots);
    this.#knownSlots = slots;
    if (slots === null) return null;
    if (slots.length === 0) return slotLookMs;
    const [wall, steady] = [this.#clocks.wall(), this.#clocks.steady()];
    const here = slotAt(slots, millis(wall));
    if (here === null) {
      const leftMs = this.#untilMs - steady;
      return isNew || leftMs <= 0 ? null : Math.min(leftMs, slotLookMs);
    }
    const wasSet = Math.abs(wall - steady - this.#offset) > clockStepMs;
    if (isNew || !wasSet) {
      this.#offset = wall - steady;
      this.#untilMs = steady + here.untilMs - wall;
    }
    return Math.min(here.untilMs - wall, slotLookMs);
  }
}
