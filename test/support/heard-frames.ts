import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import type { FrameList } from "./frame-check.ts";

/** What a listener got: indices of the source's frames in the order heard, -1 for each that is not the source's. */
export function heardFrames(audio: Uint8Array, source: FrameList): number[] {
  return mp3
    .indexFrames(audio)
    .map(({ offset, size }) => source.indexOf(audio.subarray(offset, offset + size)));
}

/** The first place where a list of indices does not rise, told in words; null when each frame was heard once and in order. */
export function firstStepBack(heard: readonly number[]): string | null {
  let last = -1;
  for (const index of heard) {
    if (index < 0) continue;
    if (index <= last) return `frame ${index} after frame ${last}`;
    last = index;
  }
  return null;
}
