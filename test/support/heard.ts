import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { type FoundTitle, IcyDeinterleaver } from "../../shared/icy.ts";
import type { FrameList } from "./frame-check.ts";
import type { Listening } from "./listen.ts";

/** Sources by name, with what each sends. */
type Sources = Readonly<Record<string, FrameList>>;

/** One frame that a listener got, a view of its bytes. */
type HeardFrame =
  /** Frame `index` of a source. */
  | { readonly of: "source"; readonly name: string; readonly index: number; readonly bytes: Uint8Array }
  /** Silence, or neither: a primer, which brings what the next one reaches back to. */
  | { readonly of: "silence" | "primer"; readonly bytes: Uint8Array };

interface HeardFrames {
  readonly frames: readonly HeardFrame[];
  /** What follows the last whole frame: less than one, unless something came that is none. */
  readonly rest: Uint8Array;
}

/** Tells apart what a listener got, metadata blocks taken out: whose frames, silence, primers. */
function readFrames(audio: Uint8Array, sources: Sources): HeardFrames {
  const frames: HeardFrame[] = [];
  let rest = audio;
  // The index ends where the format changes; it begins anew there.
  for (let index = mp3.indexFrames(rest); index.length > 0; index = mp3.indexFrames(rest)) {
    let end = 0;
    for (const { offset, size } of index) {
      end = offset + size;
      frames.push(readFrame(rest.subarray(offset, end), sources));
    }
    rest = rest.subarray(end);
  }
  return { frames, rest };
}

function readFrame(bytes: Uint8Array, sources: Sources): HeardFrame {
  for (const [name, list] of Object.entries(sources)) {
    const index = list.indexOf(bytes);
    if (index >= 0) return { of: "source", name, index, bytes };
  }
  return { of: bringsNothing(bytes) ? "silence" : "primer", bytes };
}

const bringsNothing = (frame: Uint8Array): boolean => frame.subarray(4).every((byte) => byte === 0);

/** A stretch of what a listener heard. */
type HeardRun =
  /** Frames of one of the sources, without a gap; indices into its file. */
  | { readonly of: string; readonly first: number; last: number }
  | { readonly of: "silence" | "primer"; count: number };

export interface Heard {
  readonly runs: readonly HeardRun[];
  /** Everything in order, metadata blocks taken out, whole frames. */
  readonly audio: Uint8Array;
  readonly titles: readonly FoundTitle[];
  /** Bytes that are in no frame; less than a frame at the end when all is well. */
  readonly rest: number;
}

/** What a listener heard of sources that play in a loop, stretch by stretch. */
export function heardOf(listening: Listening, sources: Sources): Heard {
  const metaint = Number(listening.headers["icy-metaint"] ?? 0);
  const bytes = listening.bytes();
  const { audio: parts, titles } =
    metaint > 0 ? new IcyDeinterleaver(metaint).push(bytes) : { audio: [bytes], titles: [] };
  const audio = new Uint8Array(Buffer.concat(parts));
  const { frames, rest } = readFrames(audio, sources);
  const runs: HeardRun[] = [];
  for (const frame of frames) add(runs, frame, sources);
  return { runs, audio: audio.subarray(0, audio.length - rest.length), titles, rest: rest.length };
}

function add(runs: HeardRun[], frame: HeardFrame, sources: Sources): void {
  const run = runs.at(-1);
  if (frame.of === "source") {
    const { name, index } = frame;
    const next = run && "last" in run ? (run.last + 1) % (sources[name]?.frames.length ?? 1) : -1;
    if (run && "last" in run && run.of === name && next === index) run.last = index;
    else runs.push({ of: name, first: index, last: index });
  } else if (run && "count" in run && run.of === frame.of) run.count++;
  else runs.push({ of: frame.of, count: 1 });
}

/** Names of the runs in order, primers left out. */
export const outline = ({ runs }: Heard): string[] =>
  runs.map(({ of }) => of).filter((of, index, all) => of !== "primer" && of !== all[index - 1]);

/** Frames of silence. */
export const silentFrames = ({ runs }: Heard): number =>
  runs.reduce((sum, run) => sum + (run.of === "silence" && "count" in run ? run.count : 0), 0);

/** Indices of the source's frames in the order heard, -1 for each frame that is not the source's. */
export const heardFrames = (audio: Uint8Array, source: FrameList): number[] =>
  readFrames(audio, { source }).frames.map((frame) => (frame.of === "source" ? frame.index : -1));

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

/** Frames of the source heard without a gap; indices into its file, both ends included. */
interface SplicedRun {
  readonly first: number;
  last: number;
  /** Frames that stand before the run and are neither the source's nor silence: a primer where playback does not continue. */
  readonly primers: number;
}

export interface Spliced {
  readonly runs: readonly SplicedRun[];
  /** Bytes after the last whole frame: less than a frame unless something came that is none. */
  readonly rest: number;
}

/**
 * Stretches of the source's frames in the order heard. Silence is no gap: where the next frame follows, perhaps with a
 * primer, the run goes on.
 */
export function splicedRuns(audio: Uint8Array, source: FrameList): Spliced {
  const { frames, rest } = readFrames(audio, { source });
  const runs: SplicedRun[] = [];
  const between = { primer: 0, silence: 0 };
  for (const frame of frames) {
    if (frame.of !== "source") {
      between[frame.of]++;
      continue;
    }
    const { index } = frame;
    const run = runs.at(-1);
    const follows = between.primer <= (between.silence > 0 ? 1 : 0);
    if (run && follows && index === run.last + 1) run.last = index;
    else runs.push({ first: index, last: index, primers: between.primer });
    between.primer = 0;
    between.silence = 0;
  }
  return { runs, rest: rest.length };
}

/** What a listener got without the silence of a grace, and without the primers after it. */
export function withoutSilence(audio: Uint8Array): Buffer {
  const { frames, rest } = readFrames(audio, {});
  const kept: Uint8Array[] = [];
  let silent = false;
  for (const { of, bytes } of frames) {
    if (of === "silence") silent = true;
    // A primer has no side information either.
    else if (!silent || !bringsNothing(bytes.subarray(0, 13))) {
      kept.push(bytes);
      silent = false;
    }
  }
  return Buffer.concat([...kept, rest]);
}
