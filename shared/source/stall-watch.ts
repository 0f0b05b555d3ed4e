/** Silence that no source is free of, ms: what it has sent so far should not wait for longer. */
const leastMs = 500;
/** Silence of this many times the longest usual one is no longer usual. */
const factor = 1.5;
/** After this time a gap counts half, ms: long enough to know a source that sends once in several seconds. */
const halfLifeMs = 30_000;

/**
 * Tells when a source has stalled: silent for longer than its own habit. An encoder that sends every 50 ms has stalled
 * after half a second, one that sends four seconds at a time has not.
 */
export class StallWatch {
  #longestMs = 0;
  #longestAtMs = 0;
  #quietSinceMs: number;

  constructor(nowMs: number) {
    this.#quietSinceMs = nowMs;
  }

  /** Something came; for `unreadMs` nothing more will be taken from the source, which is no silence of its own. */
  arrived(nowMs: number, unreadMs: number): void {
    const gapMs = this.silentMs(nowMs);
    if (gapMs >= this.#usualMs(nowMs)) {
      this.#longestMs = gapMs;
      this.#longestAtMs = nowMs;
    }
    this.#quietSinceMs = nowMs + unreadMs;
  }

  /** For how long nothing came, ms. */
  silentMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#quietSinceMs);
  }

  /** From when on the silence is a stall, unless something comes. */
  get stalledAtMs(): number {
    return this.#quietSinceMs + Math.max(leastMs, factor * this.#usualMs(this.#quietSinceMs));
  }

  /** The longest gap of late. */
  #usualMs(nowMs: number): number {
    return this.#longestMs * 2 ** (-(nowMs - this.#longestAtMs) / halfLifeMs);
  }
}
