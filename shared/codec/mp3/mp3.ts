import type { Codec, FrameSpan } from "../codec.ts";
import { Mp3FrameParser } from "./frame-parser.ts";
import { decodeHeader, HEADER_BYTES, headerWord, mainDataOffset, samplesPerFrame } from "./header.ts";
import { MAX_RESERVOIR_BYTES } from "./limits.ts";
import { lockedFrameSize, lockOfWhole } from "./lock.ts";
import { primerFor, reachOf } from "./primer.ts";
import { plainSilence, silentFrame } from "./silence.ts";

/** MPEG-1, 2 and 2.5 audio, Layers I to III. */
export const mp3: Codec = {
  extension: "mp3",
  contentType: "audio/mpeg",
  sourceContentTypes: ["audio/mpeg", "audio/mp3", "audio/mpeg3", "audio/x-mpeg", "audio/x-mp3", "audio/mpg"],
  createParser: () => new Mp3FrameParser(),
  indexFrames,
  primer,
  reservoirAfter: (segment) =>
    mainDataBefore(segment, indexFrames(segment), new Uint8Array(0), MAX_RESERVOIR_BYTES),
  silence: silentFrame,
  plainSilence,
};

/** Follows the frames from the first byte on; the first header that does not fit, or a frame cut off, ends the index. */
function indexFrames(segment: Uint8Array): readonly FrameSpan[] {
  const lock = lockOfWhole(segment);
  if (!lock) return [];
  const samples = samplesPerFrame(decodeHeader(segment));
  const frames: FrameSpan[] = [];
  let offset = 0;
  while (offset + HEADER_BYTES <= segment.length) {
    const size = lockedFrameSize(lock, headerWord(segment, offset));
    if (size === 0 || offset + size > segment.length) break;
    frames.push({ offset, size, samples });
    offset += size;
  }
  return frames;
}

function primer(
  segment: Uint8Array,
  frames: readonly FrameSpan[],
  index: number,
  before: Uint8Array,
): Uint8Array {
  const target = frames[index];
  if (!target) return new Uint8Array(0);
  const frame = segment.subarray(target.offset, target.offset + target.size);
  return primerFor(frame, mainDataBefore(segment, frames.slice(0, index), before, reachOf(frame)));
}

/** The last `size` bytes of main data of `before` and then `frames`, or as many as there are. */
function mainDataBefore(
  segment: Uint8Array,
  frames: readonly FrameSpan[],
  before: Uint8Array,
  size: number,
): Uint8Array {
  const found = new Uint8Array(size);
  let missing = size;
  for (let i = frames.length - 1; i >= -1 && missing > 0; i--) {
    const span = frames[i];
    const data = span ? mainDataOf(segment, span) : before;
    const part = data.subarray(Math.max(0, data.length - missing));
    missing -= part.length;
    found.set(part, missing);
  }
  return found.subarray(missing);
}

function mainDataOf(segment: Uint8Array, span: FrameSpan): Uint8Array {
  const frame = segment.subarray(span.offset, span.offset + span.size);
  return frame.subarray(mainDataOffset(decodeHeader(frame)));
}
