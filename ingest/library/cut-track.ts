import { createHash } from "node:crypto";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import type { Segment } from "../../shared/segment.ts";
import { Segmenter } from "../../shared/segmenter.ts";
import type { FileIndex } from "../../shared/stored-file.ts";
import { epoch, millis } from "../../shared/units.ts";
import { trackSegmentMs } from "./limits.ts";

/** The audio of a track as it is to play, some of it at a time; what a TrackReader is here. */
interface TrackAudio {
  /** Whole frames; null at the end. */
  read(): Promise<{ readonly bytes: Uint8Array; readonly samples: number } | null>;
  close(): unknown;
}

/** Opens the same audio each time. */
export type OpenTrack = () => Promise<TrackAudio>;

/** What a track is in storage, without its bytes. */
export interface CutTrack {
  readonly id: string;
  readonly index: FileIndex;
  /** Of each segment's body: SHA-256. */
  readonly digests: readonly string[];
}

/** The track is not one that can be stored; the message follows its name in a sentence. */
export class CutError extends Error {
  override readonly name = "CutError";
}

/**
 * What a track becomes, read once from beginning to end. Its id covers how it is cut as well as what is in it: the same
 * audio cut otherwise (a fallback file) has other objects, and neither may be taken for the other.
 */
export async function cutTrack(open: OpenTrack): Promise<CutTrack> {
  const whole = createHash("sha256").update(`library track, segments of ${trackSegmentMs} ms\n`);
  const segments: FileIndex["segments"] = [];
  const digests: string[] = [];
  for await (const { body, samples, sampleRate, channels = 2, bytes } of segmentsOf(open)) {
    whole.update(body);
    digests.push(digestOf(body));
    segments.push({ samples, sampleRate, channels, bytes });
  }
  if (segments.length === 0) throw new CutError("has no audio that can be played");
  return { id: whole.digest("hex").slice(0, 32), index: { version: 1, segments }, digests };
}

/** The track's segments, one at a time in memory. Rejects with CutError when its bytes are not the frames they were said to be. */
export async function* segmentsOf(open: OpenTrack): AsyncGenerator<Segment> {
  const audio = await open();
  try {
    const parser = mp3.createParser();
    const segmenter = new Segmenter({ epoch: epoch(1), targetMs: trackSegmentMs });
    let [read, cut] = [0, 0];
    const cutFrames = (frames: ReturnType<typeof parser.push>): Segment[] =>
      frames.flatMap((frame) => {
        cut += frame.samples;
        return segmenter.push(frame, millis(0));
      });
    for (let piece = await audio.read(); piece; piece = await audio.read()) {
      read += piece.samples;
      yield* cutFrames(parser.push(piece.bytes));
    }
    yield* cutFrames(parser.flush());
    yield* segmenter.flush();
    if (cut !== read)
      throw new CutError(`has damaged frames: ${read} samples were read and ${cut} can be played`);
  } finally {
    await audio.close();
  }
}

export const digestOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("base64");

/** Samples of all segments. */
export const samplesOf = ({ segments }: FileIndex): number =>
  segments.reduce((sum, { samples }) => sum + samples, 0);

export const bytesOf = ({ segments }: FileIndex): number =>
  segments.reduce((sum, { bytes }) => sum + bytes, 0);
