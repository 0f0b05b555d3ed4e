import type { SegmentRef, TitleMark } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

interface Making {
  readonly epoch?: number;
  readonly count: number;
  /** Of the first. */
  readonly startMs?: number;
  readonly from?: number;
  readonly titles?: Readonly<Record<number, readonly TitleMark[]>>;
}

/** Segments of two seconds at 44.1 kHz that follow each other, as an ingest host numbers them. */
export function madeSegments({
  epoch: of = 1,
  count,
  startMs = 0,
  from = 0,
  titles = {},
}: Making): SegmentRef[] {
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    return {
      epoch: epoch(of),
      sequence: sequence(number),
      startMs: millis(startMs + index * 2_000),
      firstSample: sampleCount(number * 88_200),
      samples: sampleCount(88_200),
      sampleRate: 44_100,
      bytes: 32_000 + (number % 7),
      channels: 2 as const,
      titles: titles[number] ?? [],
    };
  });
}
