import { setTimeout as sleep } from "node:timers/promises";
import { type Millis, millis } from "../../shared/units.ts";

/** The time that an AutoDJ goes by. A simulation brings its own. */
export interface Time {
  /** Of a clock that runs evenly, ms. */
  now(): number;
  /** Unix time: what the programme's hours are by. */
  wall(): Millis;
  /** Resolves after so long, or when aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const realTime: Time = {
  now: () => performance.now(),
  wall: () => millis(Date.now()),
  wait: (ms, signal) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined),
};

/**
 * When audio is due, by the count of its samples from a moment that stays: nothing is ever summed up from times, so there is
 * nothing that could drift.
 */
export class SampleClock {
  #startMs: number;
  #samples = 0;
  #sampleRate = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** When the next sample is due. */
  get dueMs(): number {
    return this.#samples === 0 ? this.#startMs : this.#startMs + (this.#samples * 1000) / this.#sampleRate;
  }

  add(samples: number, sampleRate: number): void {
    if (sampleRate !== this.#sampleRate) {
      this.#startMs = this.dueMs;
      this.#samples = 0;
      this.#sampleRate = sampleRate;
    }
    this.#samples += samples;
  }

  /** The next sample is due at `atMs`, whatever was before. */
  restart(atMs: number): void {
    this.#startMs = atMs;
    this.#samples = 0;
  }
}

/**
 * How many frames go out at once. A segment's frames are shared out evenly over its pieces, so that segments, too, are
 * complete at even times.
 */
export class PieceSizes {
  readonly #perSegment: number;
  readonly #pieces: number;
  #index = 0;

  /** `pieceMs`: what a piece lasts at most. */
  constructor(given: {
    readonly segmentMs: number;
    readonly pieceMs: number;
    readonly sampleRate: number;
    readonly samplesPerFrame: number;
  }) {
    const { segmentMs, pieceMs, sampleRate, samplesPerFrame } = given;
    this.#perSegment = Math.ceil((segmentMs * sampleRate) / (1000 * samplesPerFrame));
    const pieces = Math.ceil(segmentMs / Math.min(pieceMs, segmentMs / leastPieces));
    this.#pieces = Math.min(pieces, this.#perSegment);
  }

  next(): number {
    const upTo = (index: number): number => Math.floor((this.#perSegment * index) / this.#pieces);
    const frames = upTo(this.#index + 1) - upTo(this.#index);
    this.#index = (this.#index + 1) % this.#pieces;
    return frames;
  }
}

/** Of a segment: a session takes half a segment without audio for a stall. */
const leastPieces = 4;
