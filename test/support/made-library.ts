import { createHash } from "node:crypto";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import {
  type CurrentEditions,
  currentEditionsKey,
  type LibraryEdition,
  libraryEditionKey,
  libraryEditionSchema,
} from "../../shared/library.ts";
import { encodeSegmentMetadata } from "../../shared/object-format.ts";
import type { Segment } from "../../shared/segment.ts";
import { Segmenter } from "../../shared/segmenter.ts";
import { fileIndexKey, fileSegmentKey } from "../../shared/stored-file.ts";
import { epoch, millis } from "../../shared/units.ts";
import type { PutObject } from "./edge-process.ts";
import { framesOf } from "./stream-mp3.ts";

/** A track made of some of a file's frames, cut as an uploader cuts. */
export interface MadeTrack {
  readonly id: string;
  readonly title: string;
  /** Indices in the file; `until` is not in it. */
  readonly from: number;
  readonly until: number;
  readonly segments: readonly Segment[];
  readonly samples: number;
}

/** Of consecutive frames of a file: from each of `borders` to the next. */
export function madeTracks(file: string, borders: readonly number[]): MadeTrack[] {
  const frames = framesOf(file);
  return borders.slice(1).map((until, index) => {
    const from = borders[index] ?? 0;
    const segmenter = new Segmenter({ epoch: epoch(1), targetMs: 2_000 });
    const segments: Segment[] = [];
    for (const frame of frames.slice(from, until)) segments.push(...segmenter.push(frame, millis(0)));
    segments.push(...segmenter.flush());
    const hash = createHash("sha256");
    for (const { body } of segments) hash.update(body);
    return {
      id: hash.digest("hex").slice(0, 32),
      title: `Track ${index} - ${from} to ${until}`,
      from,
      until,
      segments,
      samples: segments.reduce((sum, { samples }) => sum + samples, 0),
    };
  });
}

export async function putTracks(tracks: readonly MadeTrack[], put: PutObject): Promise<void> {
  for (const { id, segments } of tracks) {
    for (const segment of segments) {
      await put(
        fileSegmentKey(id, segment.sequence, mp3.extension),
        Uint8Array.from(segment.body),
        encodeSegmentMetadata(segment),
      );
    }
    const index = segments.map(({ samples, sampleRate, channels = 2, bytes }) => {
      return { samples, sampleRate, channels, bytes };
    });
    await put(fileIndexKey(id), JSON.stringify({ version: 1, segments: index }));
  }
}

/** Of one rotation in random order, without jingles. */
export const editionOf = (tracks: readonly MadeTrack[], seed: number): LibraryEdition =>
  libraryEditionSchema.parse({
    version: 1,
    seed,
    sampleRate: tracks[0]?.segments[0]?.sampleRate,
    channels: 2,
    bitrateKbps: 128,
    tracks: tracks.map(({ id, title, samples }) => ({ id, title, samples })),
    rotations: [{ order: "random", tracks: tracks.map((_, index) => index) }],
  });

export async function putEditions(
  library: string,
  editions: readonly { readonly id: string; readonly fromMs: number; readonly edition: LibraryEdition }[],
  put: PutObject,
): Promise<void> {
  for (const { id, edition } of editions) await put(libraryEditionKey(library, id), JSON.stringify(edition));
  const current: CurrentEditions = {
    version: 1,
    editions: editions.map(({ id, fromMs }) => ({ id, fromMs })),
  };
  await put(currentEditionsKey(library), JSON.stringify(current));
}
