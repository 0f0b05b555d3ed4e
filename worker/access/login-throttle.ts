/** What slows the guessing of passwords. Times in ms. */
export interface TryLimits {
  /** Wrong passwords that cost nothing. */
  readonly free: number;
  /** The wait after the first that does; it doubles with each... */
  readonly firstMs: number;
  /** ...up to this. */
  readonly maxMs: number;
  /** After so long without a try everything is forgotten. */
  readonly forgetMs: number;
  /** Kept at most; the one tried longest ago goes first. */
  readonly keys: number;
}

interface Tries {
  readonly count: number;
  readonly lastMs: number;
  /** When the next one is looked at. */
  readonly freeMs: number;
}

/**
 * How often a password may be tried for one key: an address, a group of accounts. A try counts as wrong from its beginning, or a
 * thousand at once would all be free; `right` takes it back.
 */
export class LoginThrottle {
  readonly #limits: TryLimits;
  /** In order of the last try, oldest first. */
  readonly #tries = new Map<string, Tries>();

  constructor(limits: TryLimits) {
    this.#limits = limits;
  }

  /** How long the next try has to wait, ms; 0: not at all. */
  waitMs(key: string, nowMs: number): number {
    const { freeMs, lastMs } = this.#look(key, nowMs);
    // A clock that was put back keeps nobody out for longer.
    return nowMs < lastMs ? 0 : Math.max(0, freeMs - nowMs);
  }

  /** Counts a try. To be asked for `waitMs` before. */
  count(key: string, nowMs: number): void {
    const { free, firstMs, maxMs } = this.#limits;
    const count = this.#look(key, nowMs).count + 1;
    const costly = count - free;
    const delayMs = costly <= 0 ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(costly - 1, 30));
    this.#keep(key, { count, lastMs: nowMs, freeMs: nowMs + delayMs });
  }

  /**
   * A counted try was right: it was none. What others have tried stays counted, or whoever has a login of his own could guess at
   * another's for ever.
   */
  right(key: string, nowMs: number): void {
    const { count } = this.#look(key, nowMs);
    if (count <= 1) this.#tries.delete(key);
    else this.#keep(key, { count: count - 1, lastMs: nowMs, freeMs: nowMs });
  }

  /** Keys that are kept. */
  get size(): number {
    return this.#tries.size;
  }

  #look(key: string, nowMs: number): Tries {
    const found = this.#tries.get(key);
    const recent = found !== undefined && nowMs - found.lastMs < this.#limits.forgetMs;
    return recent ? found : { count: 0, lastMs: nowMs, freeMs: nowMs };
  }

  #keep(key: string, tries: Tries): void {
    this.#tries.delete(key);
    this.#tries.set(key, tries);
    const oldest = this.#tries.keys().next();
    if (this.#tries.size > this.#limits.keys && !oldest.done) this.#tries.delete(oldest.value);
  }
}
