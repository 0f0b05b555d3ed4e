/** A histogram as it travels between processes. */
export interface HistogramCounts {
  readonly counts: readonly number[];
  readonly most: number;
}

/** Counts of values by size, a fixed share apart, so that millions cost nothing to keep. */
export class Histogram {
  readonly #counts: number[] = [];
  #total = 0;
  #most = 0;

  /** Of positive numbers; all below a hundredth are alike. */
  add(value: number): void {
    const bucket = value < least ? 0 : 1 + Math.floor(Math.log(value / least) / step);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
    this.#most = Math.max(this.#most, value);
  }

  /** Takes in what another one has counted. */
  merge({ counts, most }: HistogramCounts): void {
    for (const [bucket, count] of counts.entries()) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
    }
    this.#most = Math.max(this.#most, most);
  }

  /** A copy. */
  encode(): HistogramCounts {
    return { counts: Array.from(this.#counts, (count) => count ?? 0), most: this.#most };
  }

  get total(): number {
    return this.#total;
  }

  /** The largest value as it was; 0 of nothing. */
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

  get quantiles(): Quantiles {
    return {
      p50: this.at(0.5),
      p95: this.at(0.95),
      p99: this.at(0.99),
      p999: this.at(0.999),
      most: this.most,
    };
  }
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
}

const least = 0.01;
const step = Math.log(1.02);
