import { retryAfterMaxMs } from "./limits.ts";

interface BackoffLimits {
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

/** When something that failed may be tried again: later each time, half of the wait random. */
export class Backoff {
  readonly #limits: BackoffLimits;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  /** On the clock of `fail`; in the past while all goes well. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** `askedMs`: the wait that the other side asked for; honoured up to a bound. */
  fail(now: number, askedMs = 0): void {
    const { retryFirstMs, retryMaxMs } = this.#limits;
    const longestMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(this.#failures, 20));
    const waitMs = Math.max(longestMs * (0.5 + Math.random() / 2), Math.min(askedMs, retryAfterMaxMs));
    this.#failures++;
    this.#retryAtMs = now + waitMs;
  }

  succeed(): void {
    this.#failures = 0;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
  }
}
