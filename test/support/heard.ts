import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { type FoundTitle, IcyDeinterleaver } from "../../shared/icy.ts";
import type { FrameList } from "./frame-check.ts";
import type { Listening } from "./listen.ts";

/** A stretch of what a listener heard. */
type HeardRun =
  /** Frames of one of the sources, without a gap; indices into its file. */
  | { readonly of: string; first: number; last: number }
  /** Frames of silence, or frames that are neither: primers, which bring what the next one reaches back to. */
  | { readonly of: "silence" | "primer"; count: number };

export interface Heard {
  readonly runs: readonly HeardRun[];
  /** Everything in order, metadata blocks taken out, whole frames. */
  readonly audio: Uint8Array;
  readonly titles: readonly FoundTitle[];
  /** Bytes that are in no frame; less than a frame at the end when all is well. */
  readonly rest: number;
}

/** Tells what a listener heard apart: whose frames, silence, primers. Sources by name. */
export function heardOf(listening: Listening, sources: Readonly<Record<string, FrameList>>): Heard {
  const metaint = Number(listening.headers["icy-metaint"] ?? 0);
  const bytes = listening.bytes();
  const { audio: parts, titles } =
    metaint > 0 ? new IcyDeinterleaver(metaint).push(bytes) : { audio: [bytes], titles: [] };
  const audio = new Uint8Array(Buffer.concat(parts));
  const runs: HeardRun[] = [];
  let at = 0;
  // The index ends where the format changes; it begins anew there.
  for (let index = mp3.indexFrames(audio); index.length > 0; index = mp3.indexFrames(audio.subarray(at))) {
    const from = at;
    for (const { offset, size } of index) {
      add(runs, audio.subarray(from + offset, from + offset + size), sources);
      at = from + offset + size;
    }
  }
  return { runs, audio: audio.subarray(0, at), titles, rest: audio.length - at };
}

function add(runs: HeardRun[], frame: Uint8Array, sources: Readonly<Record<string, FrameList>>): void {
  const run = runs.at(-1);
  for (const [name, list] of Object.entries(sources)) {
    const index = list.indexOf(frame);
    if (index < 0) continue;
    const follows = run && "last" in run && run.of === name && (run.last + 1) % list.frames.length === index;
    if (follows) run.last = index;
    else runs.push({ of: name, first: index, last: index });
    return;
  }
  const of = isSilent(frame) ? "silence" : "primer";
  if (run && "count" in run && run.of === of) run.count++;
  else runs.push({ of, count: 1 });
}

/** Names of the runs in order, primers left out. */
export const outline = ({ runs }: Heard): string[] =>
  runs.map(({ of }) => of).filter((of, index, all) => of !== "primer" && of !== all[index - 1]);

/** Frames of silence. */
export const silentFrames = ({ runs }: Heard): number =>
  runs.reduce((sum, run) => sum + (run.of === "silence" && "count" in run ? run.count : 0), 0);

/** A frame that brings nothing at all. */
export const isSilent = (frame: Uint8Array): boolean => frame.subarray(4).every((byte) => byte === 0);

/** What a listener got without the silence of a grace, and without the primers after it. Frames of one format. */
export function withoutSilence(audio: Uint8Array): Buffer {
  const kept: Uint8Array[] = [];
  let end = 0;
  let silent = false;
  for (const { offset, size } of mp3.indexFrames(audio)) {
    end = offset + size;
    const frame = audio.subarray(offset, end);
    // A primer has no side information either.
    if (isSilent(frame)) silent = true;
    else if (!silent || !isSilent(frame.subarray(0, 13))) {
      kept.push(frame);
      silent = false;
    }
  }
  return Buffer.concat([...kept, audio.subarray(end)]);
}
