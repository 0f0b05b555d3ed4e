/**
 * Another sample rate by a polyphase filter: a sinc windowed by Kaiser's window (beta 10: -100 dB), cut off below half
 * of the lower rate so that nothing is mirrored into what remains. Output sample k lies at input time k * from / to
 * exactly: its position comes from the count, never from a sum. Streaming, one channel.
 */
export class Resampler {
  readonly #up: number;
  readonly #down: number;
  /** Half the filter's length in input samples. */
  readonly #half: number;
  readonly #phases: readonly Float64Array[];
  /** Input from `#first` on that is still needed. */
  #held: Float32Array;
  #first: number;
  #taken = 0;
  #given = 0;

  /** Rates in Hz, whole numbers. */
  constructor(from: number, to: number) {
    const divisor = greatestCommonDivisor(from, to);
    this.#up = to / divisor;
    this.#down = from / divisor;
    const scale = Math.min(1, to / from);
    this.#half = Math.ceil(HALF_ZEROS / scale);
    this.#phases = Array.from({ length: this.#up }, (_, phase) =>
      phaseOf(phase / this.#up, scale, this.#half),
    );
    this.#held = new Float32Array(this.#half);
    this.#first = -this.#half;
  }

  /** The samples that can be told by now. */
  push(samples: Float32Array): Float32Array {
    const held = new Float32Array(this.#held.length + samples.length);
    held.set(this.#held);
    held.set(samples, this.#held.length);
    this.#held = held;
    this.#taken += samples.length;
    return this.#give(Math.ceil(((this.#taken - this.#half) * this.#up) / this.#down));
  }

  /** The rest: in all, as many as the input's duration is worth, rounded up. */
  flush(): Float32Array {
    const taken = this.#taken;
    const held = this.push(new Float32Array(this.#half));
    const rest = this.#give(Math.ceil((taken * this.#up) / this.#down));
    const all = new Float32Array(held.length + rest.length);
    all.set(held);
    all.set(rest, held.length);
    return all;
  }

  /** Output samples up to `end`, the last excluded. */
  #give(end: number): Float32Array {
    const out = new Float32Array(Math.max(0, end - this.#given));
    for (let i = 0; i < out.length; i++) out[i] = this.#sampleAt(this.#given + i);
    this.#given += out.length;
    const needed = Math.floor((this.#given * this.#down) / this.#up) - this.#half + 1;
    if (needed > this.#first) {
      this.#held = this.#held.slice(needed - this.#first);
      this.#first = needed;
    }
    return out;
  }

  #sampleAt(index: number): number {
    const position = index * this.#down;
    const before = Math.floor(position / this.#up);
    const taps = this.#phases[position - before * this.#up];
    return taps ? product(taps, this.#held, before - this.#half + 1 - this.#first) : 0;
  }
}

/** Sum of the products of `taps` and the samples from `at` on. The loop that most of the time is spent in. */
function product(taps: Float64Array, samples: Float32Array, at: number): number {
  const length = taps.length;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (taps[i] as number) * (samples[at + i] as number);
  return sum;
}

/** Zero crossings on each side: with beta 10, 0.1 of the band is the slope. */
const HALF_ZEROS = 48;
const KAISER_BETA = 10;
/** Of half of the lower rate: middle of the slope, whose end is at the edge. 44.1 kHz keeps 20 kHz. */
const CUTOFF = 0.93;

/** Taps for an output sample `offset` input samples after an input sample. */
function phaseOf(offset: number, scale: number, half: number): Float64Array {
  const taps = Float64Array.from({ length: 2 * half }, (_, i) => {
    const distance = i - half + 1 - offset;
    const x = distance * scale * CUTOFF;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return sinc * kaiser(distance / half);
  });
  // Each phase passes a constant as it is.
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);
