import { z } from "zod";
import type { SegmentRef } from "./segment.ts";
import { epoch, millis, type SampleCount, sequence } from "./units.ts";

/**
 * A file kept in storage for the edge to play (a fallback, an intro), format version 1. It is cut into segments like a
 * broadcast, so that it plays the same way: an intro from its beginning, a fallback in a loop at a place that the clock
 * tells, the same for everybody.
 *
 * Keys: `file/v1/<id>/<sequence>.<extension>`, sequence in 10 decimal digits from 0, bodies and metadata as a
 * segment's (`object-format.ts`); `file/v1/<id>/index.json`, put last: who finds it finds all the others.
 *   id  the first 32 hexadecimal digits of the SHA-256 of all bodies in order: another content is another file. A library's
 *       tracks (`library.ts`) are cut otherwise, so that what is hashed begins with a line that says how; their segments have
 *       `library: 1` in their metadata too, which tells them from the files of mounts.
 *
 * Index: JSON, `FileIndex`.
 */
export const fileIndexSchema = z.object({
  version: z.literal(1),
  /** In order; none is empty. */
  segments: z
    .array(
      z.object({
        samples: z
          .number()
          .int()
          .min(1)
          .transform((value) => value as SampleCount),
        sampleRate: z.number().int().min(8_000).max(192_000),
        channels: z.union([z.literal(1), z.literal(2)]),
        bytes: z.number().int().min(1),
      }),
    )
    .min(1),
});
export type FileIndex = z.infer<typeof fileIndexSchema>;

const filePrefix = (id: string): string => `file/v1/${id}/`;

export const fileIndexKey = (id: string): string => `${filePrefix(id)}index.json`;

export const fileSegmentKey = (id: string, number: number, extension = "mp3"): string =>
  `${filePrefix(id)}${String(number).padStart(10, "0")}.${extension}`;

/** The file's segments as a broadcast of its own, the first at sample 0. */
export function fileSegments(index: FileIndex): SegmentRef[] {
  let firstSample = 0;
  return index.segments.map((segment, number) => {
    const ref: SegmentRef = {
      ...segment,
      epoch: epoch(1),
      sequence: sequence(number),
      startMs: millis(0),
      firstSample: firstSample as SampleCount,
      titles: [],
    };
    firstSample += segment.samples;
    return ref;
  });
}
