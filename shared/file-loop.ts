import { durationMs, type SegmentRef } from "./segment.ts";
import { epoch, type Millis, sequence } from "./units.ts";

/**
 * A file that plays in a loop for ever, at a place that the clock alone tells: everybody everywhere hears the same frame.
 * Each round is an epoch of its own, so that its first segment is spliced to the last of the round before.
 */
export class FileLoop {
  readonly #segments: readonly SegmentRef[];
  /** When each segment ends, ms from the beginning of a round. */
  readonly #endsMs: readonly number[];
  readonly #roundMs: number;

  /** `segments` of the whole file in order, at least one. */
  constructor(segments: readonly SegmentRef[]) {
    let endMs = 0;
    this.#segments = segments;
    this.#endsMs = segments.map((segment) => (endMs += durationMs(segment)));
    this.#roundMs = endMs;
  }

  /**
   * The segments that have played by `now` (ms since the Unix epoch) and reach back for at least `windowMs`, in order,
   * as a mount that broadcasts the file would have them; and how long ago the newest of them ended.
   */
  window(
    now: Millis,
    windowMs: number,
  ): { readonly window: readonly SegmentRef[]; readonly edgeAgeMs: number } {
    let round = Math.floor(now / this.#roundMs);
    const intoMs = now - round * this.#roundMs;
    let index = this.#endsMs.findLastIndex((endMs) => endMs <= intoMs);
    const window: SegmentRef[] = [];
    let endedMs = round * this.#roundMs + (this.#endsMs[index] ?? 0);
    const edgeAgeMs = now - endedMs;
    while (now - endedMs <= windowMs) {
      if (index < 0) {
        round--;
        index = this.#segments.length - 1;
      }
      const segment = this.#segments[index--];
      if (!segment || round < 0) break;
      // Rounds count from 1, as epochs do.
      window.push({ ...segment, epoch: epoch(round + 1), sequence: sequence(segment.sequence) });
      endedMs -= durationMs(segment);
    }
    return { window: window.toReversed(), edgeAgeMs };
  }

  /** How long after `now` the next segment ends, ms. */
  nextInMs(now: Millis): number {
    const intoMs = now % this.#roundMs;
    return (this.#endsMs.find((endMs) => endMs > intoMs) ?? this.#roundMs) - intoMs;
  }
}
