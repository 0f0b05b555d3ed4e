/**
 * Keeps a source near real time: a leaky bucket of audio that drains as time passes. `delayMs` says how long to
 * leave the socket unread so that the source is at most `maxAheadMs` ahead. The bucket never goes below empty, so
 * a stall earns no credit: after it a source may again send `maxAheadMs` at once and no more, else one that hung
 * for an hour could pour that hour in.
 */
export class Pacer {
  readonly #maxAheadMs: number;
  #aheadMs = 0;
  #atMs: number | null = null;

  constructor(maxAheadMs: number) {
    this.#maxAheadMs = maxAheadMs;
  }

  /** Audio of this duration has arrived. */
  add(durationMs: number, nowMs: number): void {
    this.#drain(nowMs);
    this.#aheadMs += durationMs;
  }

  /** How long to wait before reading on; 0 when the source is not too far ahead. */
  delayMs(nowMs: number): number {
    this.#drain(nowMs);
    return Math.max(0, this.#aheadMs - this.#maxAheadMs);
  }

  /** How far ahead of real time the audio that has arrived is. */
  aheadMs(nowMs: number): number {
    this.#drain(nowMs);
    return this.#aheadMs;
  }

  /** A clock that is set back drains nothing. */
  #drain(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#aheadMs = Math.max(0, this.#aheadMs - elapsedMs);
    this.#atMs = nowMs;
  }
}
