import { decodeBase64Url } from "../../shared/base64.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { concatenate } from "../../shared/concatenate.ts";
import type { HlsContent } from "../../shared/hls-timeline.ts";
import { encodeTimedTag, timestampOf } from "../../shared/id3-timed.ts";
import type { Title } from "../../shared/mount-state.ts";
import type { LoadedSegment } from "../segment-cache.ts";

/** A segment as players of HLS get it: a tag with its time and title, then its very frames. */
export function packedSegment(
  { ref, body, frames, reservoir }: LoadedSegment,
  title: Title | null,
  isPrimed: boolean,
): Uint8Array<ArrayBuffer> {
  const primer = isPrimed ? mp3.primer(body, frames, 0, reservoir) : new Uint8Array(0);
  const timestamp = timestampOf(ref.firstSample - samplesOf(primer), ref.sampleRate);
  return concatenate([encodeTimedTag({ timestamp, title }), primer, body]);
}

/** Samples that a primed segment has before its own. */
export const primerSamples = ({ body, frames, reservoir }: LoadedSegment): number =>
  samplesOf(mp3.primer(body, frames, 0, reservoir));

export function packedSilence(
  content: Extract<HlsContent, { readonly kind: "silence" }>,
  title: Title | null,
): Uint8Array<ArrayBuffer> {
  const timestamp = timestampOf(content.firstSample, content.sampleRate);
  const frame = decodeBase64Url(content.frame);
  return concatenate([
    encodeTimedTag({ timestamp, title }),
    ...Array.from({ length: content.frames }, () => frame),
  ]);
}

const samplesOf = (bytes: Uint8Array): number =>
  mp3.indexFrames(bytes).reduce((sum, { samples }) => sum + samples, 0);
