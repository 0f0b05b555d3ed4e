/** A player that starts `delayMs` after its first byte and plays in real time; it stops while it has nothing. */
export class ModelPlayer {
  readonly #bytesPerMs: number;
  readonly #delayMs: number;
  #startMs = Number.POSITIVE_INFINITY;
  #bytes = 0;
  dryMs = 0;
  timesDry = 0;
  leastInHandMs = Number.POSITIVE_INFINITY;
  /** When it had that first. */
  leastAtMs = 0;

  constructor(bytesPerSecond: number, delayMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#delayMs = delayMs;
  }

  /** In all it has got so many bytes. */
  got(bytes: number, nowMs: number): void {
    if (this.#startMs === Number.POSITIVE_INFINITY && bytes > 0) this.#startMs = nowMs + this.#delayMs;
    this.look(nowMs);
    this.#bytes = bytes;
  }

  /** What it has in hand is least just before something comes, and now. */
  look(nowMs: number): void {
    if (nowMs < this.#startMs) return;
    const inHandMs = this.#bytes / this.#bytesPerMs - (nowMs - this.#startMs);
    if (inHandMs < 0) {
      this.timesDry++;
      this.dryMs -= inHandMs;
      this.#startMs -= inHandMs;
    }
    if (inHandMs >= this.leastInHandMs || this.leastInHandMs === 0) return;
    this.leastInHandMs = Math.max(0, inHandMs);
    this.leastAtMs = nowMs;
  }
}
