import { msSince } from "../ms-since.ts";
import { cutLookMs, cutsAtOnce, shortCutMs } from "./file-limits.ts";

/**
 * Long cuts that are looked for in an isolate at the same time: each walks the index of a day before its first byte, and whoever may
 * listen may ask for them as often as he likes.
 */
export class CutDesk {
  /** Since when. Of a request that has ended nothing comes back, not even its end. */
  readonly #looking = new Map<symbol, number>();

  /** For a cut of so many ms: what is called when it is found, or null when there are too many. */
  enter(lengthMs: number): (() => void) | null {
    if (lengthMs <= shortCutMs) return () => undefined;
    for (const [each, sinceMs] of this.#looking) {
      if (msSince(sinceMs) > cutLookMs) this.#looking.delete(each);
    }
    if (this.#looking.size >= cutsAtOnce) return null;
    const each = Symbol("cut");
    this.#looking.set(each, Date.now());
    return () => void this.#looking.delete(each);
  }
}
