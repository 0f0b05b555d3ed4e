import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { isSilent } from "./heard.ts";
import type { FrameList } from "./frame-check.ts";

/** Frames of the source heard without a gap; indices into its file, both ends included. */
interface FrameRun {
  readonly first: number;
  readonly last: number;
  /** Frames that are not the source's and stand before the run: a primer where playback does not continue. */
  readonly primers: number;
}

export interface FrameTrace {
  readonly runs: readonly FrameRun[];
  /** Bytes after the last whole frame: less than a frame unless something came that is none. */
  readonly rest: number;
}

/**
 * Reads what a listener got as stretches of the source's frames, in the order heard. Silence is no gap: where the next
 * frame follows, perhaps with a primer, the run goes on.
 */
export function traceFrames(audio: Uint8Array, source: FrameList): FrameTrace {
  const runs: { first: number; last: number; primers: number }[] = [];
  let primers = 0;
  let silent = 0;
  let end = 0;
  for (const { offset, size } of mp3.indexFrames(audio)) {
    end = offset + size;
    const index = source.indexOf(audio.subarray(offset, end));
    const run = runs.at(-1);
    if (index < 0) {
      if (isSilent(audio.subarray(offset, end))) silent++;
      else primers++;
      continue;
    }
    if (run && index === run.last + 1 && primers <= (silent > 0 ? 1 : 0)) run.last = index;
    else runs.push({ first: index, last: index, primers });
    primers = 0;
    silent = 0;
  }
  return { runs, rest: audio.length - end };
}
