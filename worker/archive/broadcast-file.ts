import { type Chapter, chaptersOf } from "../../shared/chapters.ts";
import type { Join } from "../../shared/broadcast.ts";
import { type Tag, encodeTag } from "../../shared/id3.ts";
import { comparePosition, type Position } from "../../shared/segment.ts";
import { type Epoch, type Sequence, sequence } from "../../shared/units.ts";
import type { Host } from "../mount-feed.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { placesAhead, placesFirst } from "./file-limits.ts";
import type { ArchiveReader, NamedBroadcast, Primer } from "./reader.ts";
import { type Part, type Recording, readParts, segmentPart } from "./recording.ts";

/** What a broadcast's file says of itself besides its titles. */
export type FileTag = Omit<Tag, "durationMs" | "chapters">;

type Reader = Pick<ArchiveReader, "primers" | "segments" | "segmentAtByte" | "load">;

/**
 * A broadcast as one MP3 file: a tag, then the frames that went out, primed where they do not continue. While it is on air its tag
 * has no chapters, so that the file only grows: a download can go on where it stopped.
 */
export class BroadcastFile implements Recording {
  readonly size: number;
  readonly tag: Uint8Array;
  readonly #broadcast: NamedBroadcast;
  readonly #primers: readonly Primer[];
  readonly #reader: Reader;
  readonly #host: Host;

  constructor(
    broadcast: NamedBroadcast,
    primers: readonly Primer[],
    says: FileTag,
    { reader, host }: { readonly reader: Reader; readonly host: Host },
  ) {
    this.#broadcast = broadcast;
    this.#primers = primers;
    this.#reader = reader;
    this.#host = host;
    this.tag = tagOf(broadcast, primers, says);
    this.size = fileSize(broadcast, primers, this.tag);
  }

  async *read(from: number, to: number): AsyncGenerator<Uint8Array> {
    const tagged = this.tag.length;
    if (from < tagged) yield this.tag.subarray(from, Math.min(to, tagged));
    if (to <= tagged) return;
    const at = Math.max(0, from - tagged);
    const { start, skip } = await this.#place(at);
    const { mount } = this.#broadcast;
    const readFrom = { mount, reader: this.#reader, host: this.#host };
    yield* readParts(this.#audio(start), skip, to - tagged - at, readFrom);
  }

  /** The segment that a byte is in, counted after the tag, or whose primer it is in; and the bytes from there to it. */
  async #place(byte: number): Promise<{ readonly start: Position; readonly skip: number }> {
    const [first] = this.#broadcast.epochs;
    if (byte === 0 && first !== undefined) return { start: { epoch: first, sequence: sequence(0) }, skip: 0 };
    // Primers are not in the count of the index, and how many are before a byte is not known: as many as still leave it behind them.
    const before = [0];
    for (const { bytes } of this.#primers) before.push((before.at(-1) ?? 0) + bytes.length);
    let [few, many] = [0, this.#primers.length];
    while (few < many) {
      const middle = Math.ceil((few + many) / 2);
      if (await this.#isBehind(byte - (before[middle] ?? 0), this.#primers[middle - 1])) few = middle;
      else many = middle - 1;
    }
    const counted = byte - (before[few] ?? 0);
    const next = this.#primers[few];
    // In the primer itself: it is counted for what comes after it, and not for what is before.
    if (next && (await this.#isBehind(counted, next))) {
      return { start: next, skip: counted - (await this.#bytesBefore(next, counted)) };
    }
    const own = this.#primers[few - 1];
    const { segment, bytesBefore } = await this.#at(counted);
    const isPrimed = own !== undefined && comparePosition(own, segment) === 0;
    return { start: segment, skip: counted - bytesBefore + (isPrimed ? own.bytes.length : 0) };
  }

  async #isBehind(counted: number, primer: Position | undefined): Promise<boolean> {
    if (!primer || counted < 0) return false;
    const { mount, id, bytes } = this.#broadcast;
    if (counted >= bytes) return true;
    const found = await this.#reader.segmentAtByte(mount, id, counted, this.#host);
    return found === null || comparePosition(found.segment, primer) >= 0;
  }

  /** Bytes before a segment that is at most a primer's size before `counted`. */
  async #bytesBefore(position: Position, counted: number): Promise<number> {
    let at = Math.min(counted, this.#broadcast.bytes - 1);
    for (;;) {
      const { segment, bytesBefore } = await this.#at(at);
      if (comparePosition(segment, position) <= 0) return bytesBefore;
      at = bytesBefore - 1;
    }
  }

  async #at(byte: number): Promise<{ readonly segment: ArchivedSegment; readonly bytesBefore: number }> {
    const { mount, id } = this.#broadcast;
    const found = await this.#reader.segmentAtByte(mount, id, byte, this.#host);
    if (!found) throw new Error(`byte ${byte} of ${mount} ${id} is not in the archive`);
    return found;
  }

  async *#audio(start: Position): AsyncGenerator<Part> {
    const primers = new Map(this.#primers.map((primer) => [positionKey(primer), primer.bytes]));
    for await (const segment of this.#segments(start)) {
      const bytes = primers.get(positionKey(segment));
      if (bytes) yield { bytes };
      yield segmentPart(segment);
    }
  }

  async *#segments(start: Position): AsyncGenerator<ArchivedSegment> {
    const { mount, epochs } = this.#broadcast;
    let limit = placesFirst;
    for (const epoch of epochs) {
      if (epoch < start.epoch) continue;
      let from: Sequence = epoch === start.epoch ? start.sequence : sequence(0);
      for (;;) {
        const some = await this.#reader.segments(mount, epoch, from, limit, this.#host);
        yield* some;
        const last = some.at(-1);
        if (!last || some.length < limit) break;
        from = sequence(last.sequence + 1);
        limit = placesAhead;
      }
    }
  }
}

/** Bytes of a broadcast's file with this tag. */
export const fileSize = (
  { bytes }: Pick<NamedBroadcast, "bytes">,
  primers: readonly Primer[],
  tag: Uint8Array,
): number => primers.reduce((sum, primer) => sum + primer.bytes.length, tag.length + bytes);

export function tagOf(broadcast: NamedBroadcast, primers: readonly Primer[], says: FileTag): Uint8Array {
  if (broadcast.endMs === null) return encodeTag(says);
  const { durationMs, chapters } = timesOf(broadcast, primers);
  return encodeTag({ ...says, durationMs, chapters });
}

/** Titles and length as whoever plays the file counts: primers play as well. */
export function timesOf(
  broadcast: Pick<NamedBroadcast, "titles" | "durationMs" | "joins" | "samples">,
  primers: readonly Primer[],
): { readonly durationMs: number; readonly chapters: readonly Chapter[] } {
  const rate = broadcast.samples.toSorted((a, b) => b.samples - a.samples)[0]?.sampleRate ?? 44_100;
  const played = primersByTime(broadcast.joins, primers).map(({ atMs, primer }) => ({
    atMs,
    ms: (primer.samples * 1_000) / rate,
  }));
  const shifted = (atMs: number): number =>
    played.reduce((sum, primer) => (primer.atMs <= atMs ? sum + primer.ms : sum), atMs);
  const durationMs = shifted(broadcast.durationMs);
  const titles = broadcast.titles.map(({ atMs, text }) => ({ atMs: shifted(atMs), text }));
  return { durationMs, chapters: chaptersOf(titles, durationMs) };
}

const primersByTime = (
  joins: readonly Join[],
  primers: readonly Primer[],
): { readonly atMs: number; readonly primer: Primer }[] => {
  const times = new Map(joins.map((join) => [positionKey(join), join.atMs]));
  return primers.map((primer) => ({ atMs: times.get(positionKey(primer)) ?? 0, primer }));
};

const positionKey = ({
  epoch,
  sequence: number,
}: {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
}): string => `${epoch}/${number}`;
