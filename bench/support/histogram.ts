/** Counts of values by size, a fixed share apart, so that millions cost nothing to keep. */
export class Histogram {
  readonly #counts: number[] = [];
  #total = 0;
  #most = 0;

  add(value: number): void {
    const bucket = value < least ? 0 : 1 + Math.floor(Math.log(value / least) / step);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
    this.#most = Math.max(this.#most, value);
  }

  get total(): number {
    return this.#total;
  }

  get most(): number {
    return this.#most;
  }

  /** The value that `share` of all do not exceed, to within 2 %; NaN of nothing. */
  at(share: number): number {
    let left = Math.ceil(share * this.#total);
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count ?? 0;
      if (this.#total > 0 && left <= 0) return Math.min(this.#most, least * Math.exp(bucket * step));
    }
    return Number.NaN;
  }
}

const least = 0.01;
const step = Math.log(1.02);
