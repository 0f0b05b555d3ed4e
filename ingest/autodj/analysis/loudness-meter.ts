/**
 * Integrated loudness (ITU-R BS.1770-4): each channel is weighted by two filters, the mean square of blocks of 400 ms
 * that overlap by three quarters is taken, and what is below -70 LUFS or 10 LU below the mean of the rest is left out.
 * Sums are kept per 100 ms, of which four make a block. Push only finite samples.
 */
export class LoudnessMeter {
  readonly #filters: readonly KWeighting[];
  readonly #stepSamples: number;
  /** Sum over channels of the mean square of each 100 ms. */
  readonly #steps: number[] = [];
  /** Indexes of `#steps` where a stretch of the sound begins: no block crosses one. */
  readonly #borders = new Set<number>();
  #sum = 0;
  #filled = 0;
  #peak = 0;

  /** `channels` is 1 or 2, which BS.1770 weights alike. */
  constructor(sampleRate: number, channels: number) {
    this.#filters = Array.from({ length: channels }, () => new KWeighting(sampleRate));
    this.#stepSamples = Math.round(sampleRate / 10);
  }

  /** The largest sample so far; 1 is full scale. Of damage, which can be anything, no more than 100. */
  get peak(): number {
    return Math.min(100, this.#peak);
  }

  push(channelData: readonly Float32Array[]): void {
    const length = channelData[0]?.length ?? 0;
    for (let at = 0; at < length; ) {
      const end = Math.min(length, at + this.#stepSamples - this.#filled);
      for (const [i, filter] of this.#filters.entries()) {
        const samples = channelData[i];
        if (!samples) continue;
        this.#sum += filter.sumOfSquares(samples, at, end);
        this.#peak = Math.max(this.#peak, peakOf(samples, at, end));
      }
      this.#filled += end - at;
      at = end;
      if (this.#filled === this.#stepSamples) this.#closeStep();
    }
  }

  /** What comes next does not follow what came before. */
  cut(): void {
    this.#sum = 0;
    this.#filled = 0;
    this.#borders.add(this.#steps.length);
    for (const filter of this.#filters) filter.reset();
  }

  /** LUFS; null where there is no block above -70. */
  integrated(): number | null {
    const blocks = this.#blocks().filter((power) => lufs(power) > ABSOLUTE_GATE_LUFS);
    const gate = lufs(mean(blocks)) + RELATIVE_GATE_LU;
    const loud = blocks.filter((power) => lufs(power) > gate);
    return loud.length === 0 ? null : lufs(mean(loud));
  }

  #closeStep(): void {
    this.#steps.push(this.#sum / this.#stepSamples);
    this.#sum = 0;
    this.#filled = 0;
  }

  #blocks(): number[] {
    const blocks: number[] = [];
    let since = 0;
    for (let end = 0; end < this.#steps.length; end++) {
      since = this.#borders.has(end) ? 1 : since + 1;
      if (since >= BLOCK_STEPS) blocks.push(mean(this.#steps.slice(end + 1 - BLOCK_STEPS, end + 1)));
    }
    return blocks;
  }
}

const ABSOLUTE_GATE_LUFS = -70;
const RELATIVE_GATE_LU = -10;
const BLOCK_STEPS = 4;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const lufs = (power: number): number => -0.691 + 10 * Math.log10(power);

function peakOf(samples: Float32Array, from: number, to: number): number {
  let peak = 0;
  for (let i = from; i < to; i++) {
    const sample = samples[i] ?? 0;
    if (sample > peak) peak = sample;
    else if (-sample > peak) peak = -sample;
  }
  return peak;
}

interface Biquad {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

/** The two filters of BS.1770 annex 1 in a row: a shelf for the head, and a high pass. */
class KWeighting {
  readonly #shelf: Biquad;
  readonly #pass: Biquad;
  /** State of each, transposed direct form II. */
  readonly #state = new Float64Array(4);

  constructor(sampleRate: number) {
    this.#shelf = shelf(sampleRate);
    this.#pass = highPass(sampleRate);
  }

  reset(): void {
    this.#state.fill(0);
  }

  sumOfSquares(samples: Float32Array, from: number, to: number): number {
    const { b0, b1, b2, a1, a2 } = this.#shelf;
    const { a1: c1, a2: c2 } = this.#pass;
    let [s1 = 0, s2 = 0, p1 = 0, p2 = 0] = this.#state;
    let sum = 0;
    for (let i = from; i < to; i++) {
      const x = samples[i] ?? 0;
      const y = b0 * x + s1;
      s1 = b1 * x - a1 * y + s2;
      s2 = b2 * x - a2 * y;
      const z = y + p1;
      p1 = -2 * y - c1 * z + p2;
      p2 = y - c2 * z;
      sum += z * z;
    }
    this.#state.set([s1, s2, p1, p2].map(withoutDenormal));
    return sum;
  }
}

/** Numbers this small make every operation slow and nothing louder. */
const withoutDenormal = (value: number): number => (Math.abs(value) < 1e-30 ? 0 : value);

/** The analogue prototypes behind the standard's table for 48 kHz, for any rate (De Man, "Evaluation of loudness meters"). */
function shelf(sampleRate: number): Biquad {
  const gain = 10 ** (3.999843853973347 / 20);
  const q = 0.7071752369554196;
  const k = Math.tan((Math.PI * Math.min(1681.974450955533, sampleRate * 0.45)) / sampleRate);
  const middle = gain ** 0.4996667741545416;
  const a0 = 1 + k / q + k * k;
  return {
    b0: (gain + (middle * k) / q + k * k) / a0,
    b1: (2 * (k * k - gain)) / a0,
    b2: (gain - (middle * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
  };
}

function highPass(sampleRate: number): Biquad {
  const q = 0.5003270373238773;
  const k = Math.tan((Math.PI * 38.13547087602444) / sampleRate);
  const a0 = 1 + k / q + k * k;
  // The numerator is 1, -2, 1 as in the standard, which does not normalise it.
  return { b0: 1, b1: -2, b2: 1, a1: (2 * (k * k - 1)) / a0, a2: (1 - k / q + k * k) / a0 };
}
