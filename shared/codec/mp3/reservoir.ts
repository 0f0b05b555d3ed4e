import { MAX_RESERVOIR_BYTES } from "./limits.ts";

/**
 * The bit reservoir: the last main data of a run of Layer III frames, without what lies between (headers, CRCs, side
 * information). The next frame may begin up to `MAX_RESERVOIR_BYTES` back in it (ISO 11172-3 2.4.2.7).
 */
export class Reservoir {
  #bytes: Uint8Array = new Uint8Array(CAPACITY);
  #end = 0;

  /** From now on nobody has a view any more. */
  begin(): void {
    if (this.#end < CAPACITY / 2) return;
    const kept = Math.min(MAX_RESERVOIR_BYTES, this.#end);
    this.#bytes.copyWithin(0, this.#end - kept, this.#end);
    this.#end = kept;
  }

  /** The bytes that the next frame might reach back to: a view that nobody overwrites until `begin`. */
  view(): Uint8Array {
    return this.#bytes.subarray(Math.max(0, this.#end - MAX_RESERVOIR_BYTES), this.#end);
  }

  /** Takes the main data of one more frame: what lies in `bytes` from `start` to `end`. */
  push(bytes: Uint8Array, start: number, end: number): void {
    const from = Math.max(start, end - MAX_RESERVOIR_BYTES);
    if (from >= end) return;
    if (this.#end + end - from > CAPACITY) {
      const kept = this.view();
      this.#bytes = new Uint8Array(CAPACITY);
      this.#bytes.set(kept);
      this.#end = kept.length;
    }
    this.#bytes.set(bytes.subarray(from, end), this.#end);
    this.#end += end - from;
  }

  /** Forgets everything: what follows has no frame before it. */
  clear(): void {
    this.#bytes = new Uint8Array(CAPACITY);
    this.#end = 0;
  }
}

/** Views are not overwritten, so a buffer that is full is replaced: larger means more rarely. */
const CAPACITY = 8 * 1024;
