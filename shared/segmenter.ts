import type { Frame } from "./codec/codec.ts";
import { fitTitles } from "./object-format.ts";
import type { Segment, TitleMark } from "./segment.ts";
import { type Epoch, type Millis, type Sequence, sampleCount, sequence } from "./units.ts";

/**
 * Cuts one epoch's frames into segments: at the first frame boundary at or after the target duration, and wherever
 * the format changes, so that a segment has one sample rate. Media time comes from the cumulative sample count.
 */
export class Segmenter {
  /** Target duration of the open segment and of those after it, ms. */
  targetMs: number;
  readonly #epoch: Epoch;
  #next: Sequence = sequence(0);
  /** Samples of the epoch before the open segment, at its sample rate. */
  #firstSample = 0;
  #sampleRate = 0;
  #open: OpenSegment | null = null;
  /** Of the segment before: the next one is likely to be as large. */
  #lastBytes = 0;
  /** A title set while no segment is open: it begins with the next one's first frame. */
  #waiting: Title | null = null;

  constructor(options: { readonly epoch: Epoch; readonly targetMs: number }) {
    this.#epoch = options.epoch;
    this.targetMs = options.targetMs;
  }

  /** Segments completed by this frame: none, one, or two when the format changes. `now` is the wall clock. */
  push(frame: Frame, now: Millis): readonly Segment[] {
    const before = this.#open && this.#open.formatKey !== frame.format.key ? this.flush() : none;
    const open = (this.#open ??= this.#begin(frame, now));
    append(open, frame.bytes);
    open.samples += frame.samples;
    if (open.samples * 1000 < this.targetMs * this.#sampleRate) return before;
    return [...before, ...this.flush()];
  }

  /** The title from the next frame on. Setting it again before that frame replaces it. */
  setTitle(title: { readonly text: string; readonly url?: string }): void {
    if (!this.#open) {
      this.#waiting = title;
      return;
    }
    const mark: TitleMark = { ...title, atSample: sampleCount(this.#open.samples) };
    const titles = this.#open.titles;
    if (titles.at(-1)?.atSample === mark.atSample) titles.pop();
    titles.push(mark);
  }

  /** Closes the open segment, however short. */
  flush(): readonly Segment[] {
    const open = this.#open;
    if (!open) return none;
    this.#open = null;
    // A title set after the last frame belongs to the frame that comes next.
    const late = open.titles.at(-1);
    if (late && late.atSample >= open.samples) {
      open.titles.pop();
      this.#waiting = late.url === undefined ? { text: late.text } : { text: late.text, url: late.url };
    }
    const segment: Segment = {
      epoch: this.#epoch,
      sequence: this.#next,
      startMs: open.startMs,
      firstSample: sampleCount(this.#firstSample),
      samples: sampleCount(open.samples),
      sampleRate: this.#sampleRate,
      bytes: open.bytes,
      channels: open.channels,
      titles: fitTitles(open.titles),
      body: bodyOf(open),
      reservoir: open.reservoir,
    };
    this.#next = sequence(this.#next + 1);
    this.#firstSample += open.samples;
    this.#lastBytes = open.bytes;
    return [segment];
  }

  #begin(frame: Frame, now: Millis): OpenSegment {
    const rate = frame.format.sampleRate;
    if (this.#sampleRate !== 0 && this.#sampleRate !== rate) {
      this.#firstSample = Math.round((this.#firstSample * rate) / this.#sampleRate);
    }
    this.#sampleRate = rate;
    const titles = this.#waiting ? [{ ...this.#waiting, atSample: sampleCount(0) }] : [];
    this.#waiting = null;
    return {
      formatKey: frame.format.key,
      channels: frame.format.channels,
      startMs: now,
      body: new Uint8Array(this.#lastBytes + spareBytes),
      bytes: 0,
      samples: 0,
      titles,
      reservoir: frame.reservoir.slice(),
    };
  }
}

interface Title {
  readonly text: string;
  readonly url?: string;
}

interface OpenSegment {
  readonly formatKey: string;
  readonly channels: 1 | 2;
  readonly startMs: Millis;
  /** Of it `bytes` are taken. */
  body: Uint8Array;
  bytes: number;
  samples: number;
  readonly titles: TitleMark[];
  readonly reservoir: Uint8Array;
}

const none: readonly Segment[] = [];

/** More than the one before, bytes: as many frames of 128 kb/s differ by in padding, and room for a first one to begin with. */
const spareBytes = 1024;

/** Copied at once, so that the parser can use the buffer of its frames again. */
function append(open: OpenSegment, frame: Uint8Array): void {
  const bytes = open.bytes + frame.length;
  if (bytes > open.body.length) {
    const larger = new Uint8Array(2 * bytes);
    larger.set(open.body.subarray(0, open.bytes));
    open.body = larger;
  }
  open.body.set(frame, open.bytes);
  open.bytes = bytes;
}

/** A segment may be kept for long: not with much room that it does not need. */
function bodyOf({ body, bytes }: OpenSegment): Uint8Array {
  return body.length - bytes > bytes / 8 ? body.slice(0, bytes) : body.subarray(0, bytes);
}
