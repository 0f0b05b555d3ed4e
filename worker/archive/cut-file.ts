import { chaptersOf } from "../../shared/chapters.ts";
import type { FrameSpan } from "../../shared/codec/codec.ts";
import { encodeTag } from "../../shared/id3.ts";
import { comparePosition, durationMs, type Position } from "../../shared/segment.ts";
import { maxStretchTitles, type RecordedTitle } from "../../shared/stretch.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Host } from "../mount-feed.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import type { FileTag } from "./broadcast-file.ts";
import { type ArchiveReader, continues, joinOf } from "./reader.ts";
import { type Part, type Recording, readParts, segmentPart } from "./recording.ts";

type Reader = Pick<ArchiveReader, "pieces" | "load">;

/** What is cut: frames that were on air from `fromMs` to before `toMs`, by the wall clock of the ingest hosts. */
export interface Span {
  readonly mount: MountPath;
  readonly fromMs: number;
  readonly toMs: number;
}

interface From {
  readonly reader: Reader;
  readonly host: Host;
}

/** What a walk over the segments finds before the first byte is sent: the length is promised. */
interface Plan {
  /** The first segment's bytes that are left out, and the end of what is taken of the last. */
  readonly head: number;
  readonly tail: number;
  readonly last: Position;
  readonly segments: number;
  /** Of segments, primers included. */
  readonly bytes: number;
  readonly durationMs: number;
  /** What goes before segments that do not continue, by position. */
  readonly primers: ReadonlyMap<string, Uint8Array>;
  readonly titles: readonly Pick<RecordedTitle, "atMs" | "text">[];
}

/** Any stretch of a mount's archive as one MP3 file, across broadcasts. */
export class CutFile implements Recording {
  readonly size: number;
  readonly tag: Uint8Array;
  /** Changes when other audio is found for it. */
  readonly version: string;
  readonly #span: Span;
  readonly #plan: Plan;
  readonly #from: From;

  private constructor(span: Span, plan: Plan, tag: Uint8Array, from: From) {
    this.#span = span;
    this.#plan = plan;
    this.#from = from;
    this.tag = tag;
    this.size = tag.length + plan.bytes;
    const { epoch, sequence } = plan.last;
    this.version = [span.mount, span.fromMs, plan.segments, epoch, sequence, plan.tail].join(" ");
  }

  /** Null when nothing was on air then. `titleBefore`: in force at its beginning. */
  static async open(span: Span, says: FileTag, titleBefore: string, from: From): Promise<CutFile | null> {
    const plan = await planOf(span, titleBefore, from);
    if (!plan) return null;
    const { titles, durationMs: length } = plan;
    const tag = encodeTag({ ...says, durationMs: length, chapters: chaptersOf(titles, length) });
    return new CutFile(span, plan, tag, from);
  }

  async *read(from: number, to: number): AsyncGenerator<Uint8Array> {
    yield* readParts(this.#parts(), from, to - from, { mount: this.#span.mount, ...this.#from });
  }

  async *#parts(): AsyncGenerator<Part> {
    const { head, tail, last, primers } = this.#plan;
    yield { bytes: this.tag };
    let isFirst = true;
    for await (const segment of piecesOf(this.#span, this.#from)) {
      const primer = primers.get(keyOf(segment));
      if (primer) yield { bytes: primer };
      const isLast = comparePosition(segment, last) === 0;
      yield segmentPart(segment, isFirst ? head : 0, isLast ? tail : segment.bytes);
      if (isLast) return;
      isFirst = false;
    }
  }
}

const piecesOf = ({ mount, fromMs, toMs }: Span, { reader, host }: From): AsyncGenerator<ArchivedSegment> =>
  reader.pieces(mount, fromMs, toMs, host);

async function planOf(span: Span, titleBefore: string, from: From): Promise<Plan | null> {
  const primers = new Map<string, Uint8Array>();
  const titles: { atMs: number; text: string }[] = titleBefore === "" ? [] : [{ atMs: 0, text: titleBefore }];
  let [segments, bytes, playedMs] = [0, 0, 0];
  let head: FrameSpan | undefined;
  let last: ArchivedSegment | null = null;
  for await (const segment of piecesOf(span, from)) {
    let skippedMs = 0;
    if (!last || !continues(last, segment)) {
      const loaded = await loadOf(span.mount, segment, from);
      const index = last ? 0 : firstFrame(loaded, span.fromMs);
      if (!last) head = loaded.frames[index];
      skippedMs = msBefore(loaded, index);
      const primer = joinOf(last, loaded, index);
      if (primer.length > 0) primers.set(keyOf(segment), primer);
      bytes += primer.length - (last ? 0 : (head?.offset ?? 0));
    }
    for (const { atSample, text } of segment.titles) {
      const atMs = playedMs + (atSample * 1_000) / segment.sampleRate - skippedMs;
      if (titles.length < maxStretchTitles) titles.push({ atMs: Math.max(0, atMs), text });
    }
    segments++;
    bytes += segment.bytes;
    playedMs += durationMs(segment) - skippedMs;
    last = segment;
  }
  if (!last) return null;
  const loaded = await loadOf(span.mount, last, from);
  const tail = endOfFrames(loaded, span.toMs);
  bytes -= last.bytes - tail;
  if (segments === 1 && tail <= (head?.offset ?? 0)) return null;
  playedMs -= Math.max(0, last.startMs + durationMs(last) - span.toMs);
  return { head: head?.offset ?? 0, tail, last, segments, bytes, durationMs: playedMs, primers, titles };
}

async function loadOf(
  mount: MountPath,
  segment: ArchivedSegment,
  { reader, host }: From,
): Promise<LoadedSegment> {
  const loaded = await reader.load(mount, segment, host);
  if (!loaded) throw new Error(`storage does not have ${segment.stored.key}`);
  return loaded;
}

/** The frame that was on air then, or the first. */
function firstFrame({ ref, frames }: LoadedSegment, atMs: number): number {
  let samples = 0;
  const index = frames.findIndex((frame) => {
    samples += frame.samples;
    return ref.startMs + (samples * 1_000) / ref.sampleRate > atMs;
  });
  return Math.max(0, index);
}

/** Where those frames end that began before a moment: at least the first did. */
function endOfFrames({ ref, frames, body }: LoadedSegment, atMs: number): number {
  let samples = 0;
  for (const frame of frames) {
    if (ref.startMs + (samples * 1_000) / ref.sampleRate >= atMs) return frame.offset;
    samples += frame.samples;
  }
  return body.length;
}

const msBefore = ({ ref, frames }: LoadedSegment, index: number): number =>
  (frames.slice(0, index).reduce((sum, frame) => sum + frame.samples, 0) * 1_000) / ref.sampleRate;

const keyOf = ({ epoch, sequence }: Position): string => `${epoch}/${sequence}`;
