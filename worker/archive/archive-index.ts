import {
  type ChunkIndex,
  type ChunkSegment,
  defaultNaming,
  type EpochNaming,
} from "../../shared/archive-format.ts";
import { type EpochFacts, unknownEpoch } from "../../shared/broadcast.ts";
import { segmentKey } from "../../shared/object-format.ts";
import { comparePosition, durationMs, type Position, type SegmentRef } from "../../shared/segment.ts";
import { joinAll, type Stretch, stretchOfAll } from "../../shared/stretch.ts";
import type { Epoch, Millis, MountPath, Sequence } from "../../shared/units.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { longestSegmentMs, runSegments, runSpanMs } from "./limits.ts";
import { Marks } from "./marks.ts";

/**
 * What a mount's bucket holds, in SQL. Segments are kept in runs: up to `runSegments` that follow each other in order of play,
 * all in objects of their own or all in one chunk, one after another. Runs of an epoch never overlap. So a day is 300 rows, and
 * what a mount tells of its last seconds is one row written.
 */
export class ArchiveIndex {
  readonly marks: Marks;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.marks = new Marks(sql);
    for (const statement of schema) sql.exec(statement);
  }

  /** Whether nothing was ever told or found. */
  get isEmpty(): boolean {
    return this.#sql.exec("SELECT 1 FROM epoch LIMIT 1").toArray().length === 0;
  }

  epochs(): Epoch[] {
    const rows = this.#sql.exec<{ epoch: number }>("SELECT epoch FROM epoch ORDER BY epoch");
    return rows.toArray().map(({ epoch }) => epoch as Epoch);
  }

  facts(epoch: Epoch): { readonly facts: EpochFacts; readonly naming: EpochNaming } | null {
    const [row] = this.#sql
      .exec<{ facts: string; naming: string }>("SELECT facts, naming FROM epoch WHERE epoch = ?", epoch)
      .toArray();
    if (!row) return null;
    return { facts: JSON.parse(row.facts) as EpochFacts, naming: JSON.parse(row.naming) as EpochNaming };
  }

  putFacts(facts: EpochFacts, naming: EpochNaming): void {
    const sql = "INSERT OR REPLACE INTO epoch (epoch, facts, naming) VALUES (?, ?, ?)";
    this.#sql.exec(sql, facts.epoch, JSON.stringify(facts), JSON.stringify(naming));
  }

  /** The neighbour of an epoch among those with audio; null when there is none. */
  neighbour(epoch: Epoch, side: "before" | "after"): Epoch | null {
    const sql =
      side === "before"
        ? "SELECT MAX(epoch) AS epoch FROM run WHERE epoch < ?"
        : "SELECT MIN(epoch) AS epoch FROM run WHERE epoch > ?";
    return this.#sql.exec<{ epoch: number | null }>(sql, epoch).one().epoch as Epoch | null;
  }

  /** Of all its segments; null without any. */
  stretch(epoch: Epoch): Stretch | null {
    const rows = this.#sql.exec<{ stretch: string }>(
      "SELECT stretch FROM run WHERE epoch = ? ORDER BY first",
      epoch,
    );
    return joinAll(rows.toArray().map(({ stretch }) => JSON.parse(stretch) as Stretch));
  }

  /** Segments in objects of their own. Those that are known already, or deleted, change nothing. Returns how many are new. */
  add(segments: readonly SegmentRef[]): number {
    let added = 0;
    let open: Run | null = null;
    let isChanged = false;
    const known = new Set<Epoch>();
    const below = new Map(segments.map(({ epoch }) => [epoch, 0]));
    for (const epoch of below.keys()) below.set(epoch, this.marks.below(epoch));
    for (const segment of segments.toSorted(comparePosition)) {
      if (segment.sequence < (below.get(segment.epoch) ?? 0)) continue;
      if (!open || !this.#belongs(open, segment)) {
        if (open && isChanged) this.#write(open);
        open = this.#runBefore(segment);
        isChanged = false;
      }
      if (open && holds(open, segment)) continue;
      added++;
      if (!known.has(segment.epoch)) this.#know(segment.epoch);
      known.add(segment.epoch);
      open = this.#place(open, segment, isChanged);
      isChanged = true;
    }
    if (open && isChanged) this.#write(open);
    return added;
  }

  /** Segments whose own objects are gone. */
  removeLoose(epoch: Epoch, sequences: readonly Sequence[]): void {
    for (const sequence of sequences) {
      const run = this.#runBefore({ epoch, sequence });
      if (!run || run.chunk !== null) continue;
      const kept = run.segments.filter((segment) => segment.sequence !== sequence);
      if (kept.length === run.segments.length) continue;
      this.#delete(run);
      this.#write({ ...run, segments: kept });
    }
  }

  /** A chunk, whose segments are nowhere else from now on. One that is known, or deleted, changes nothing. */
  putChunk(key: string, epoch: Epoch, { segments }: Pick<ChunkIndex, "segments">): void {
    if ((segments.at(-1)?.sequence ?? -1) < this.marks.below(epoch) || this.chunks(epoch).includes(key))
      return;
    this.#know(epoch);
    this.#take(epoch, segments);
    let offset = 0;
    let before: ChunkSegment | null = null;
    for (const part of parted(segments)) {
      const reservoirs: Record<number, string> = {};
      const lead = before && part[0] && leads(before, part[0]) ? before.bytes : 0;
      for (const segment of part) {
        if (!before || !leads(before, segment)) reservoirs[segment.sequence] = segment.reservoir;
        before = segment;
      }
      this.#write({ epoch, chunk: key, offset, lead, reservoirs, segments: part.map(refOf) });
      offset += sizeOf(part);
    }
  }

  /** The chunk is gone, and with it its segments. */
  removeChunk(key: string): void {
    this.#sql.exec("DELETE FROM run WHERE chunk = ?", key);
  }

  /** Keys of an epoch's chunks in order. */
  chunks(epoch: Epoch): string[] {
    const rows = this.#sql.exec<{ chunk: string }>(
      "SELECT DISTINCT chunk FROM run WHERE epoch = ? AND chunk IS NOT NULL ORDER BY first",
      epoch,
    );
    return rows.toArray().map(({ chunk }) => chunk);
  }

  /** Chunks that have any of these segments. */
  chunksOf(epoch: Epoch, sequences: readonly Sequence[]): string[] {
    const asked = new Set(sequences);
    const rows = this.#sql.exec<{ chunk: string; segments: string }>(
      "SELECT chunk, segments FROM run WHERE epoch = ? AND chunk IS NOT NULL AND first <= ? AND last >= ?",
      epoch,
      Math.max(...sequences),
      Math.min(...sequences),
    );
    const found = new Set<string>();
    for (const { chunk, segments } of rows) {
      if (found.has(chunk)) continue;
      const run = JSON.parse(segments) as SegmentRef[];
      if (run.some(({ sequence }) => asked.has(sequence))) found.add(chunk);
    }
    return [...found];
  }

  /** What is in a chunk: sequences in order, and its size. */
  chunk(key: string): { readonly sequences: readonly Sequence[]; readonly bytes: number } {
    const rows = this.#sql
      .exec<{ segments: string; bytes: number }>(
        "SELECT segments, bytes FROM run WHERE chunk = ? ORDER BY epoch, first",
        key,
      )
      .toArray();
    return {
      sequences: rows.flatMap(({ segments }) =>
        (JSON.parse(segments) as SegmentRef[]).map(({ sequence }) => sequence),
      ),
      bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** Of an epoch from a sequence on, in order of play; `loose`: only those in objects of their own. */
  segments(
    mount: MountPath,
    epoch: Epoch,
    from: number,
    limit: number,
    which: "all" | "loose" = "all",
  ): ArchivedSegment[] {
    const found: ArchivedSegment[] = [];
    const loose = which === "loose" ? "AND chunk IS NULL" : "";
    const rows = this.#sql.exec<RunRow>(
      `SELECT * FROM run WHERE epoch = ? AND last >= ? ${loose} ORDER BY first`,
      epoch,
      from,
    );
    for (const row of rows) {
      for (const segment of archived(mount, runOf(row))) {
        if (segment.sequence < from) continue;
        if (found.length >= limit) return found;
        found.push(segment);
      }
    }
    return found;
  }

  /** Those that were on air between two moments by their own times, in order of play. */
  onAir(mount: MountPath, fromMs: number, toMs: number): ArchivedSegment[] {
    const rows = this.#sql.exec<RunRow>(
      "SELECT * FROM run WHERE start_ms >= ? AND start_ms < ? AND end_ms > ? ORDER BY epoch, first",
      fromMs - runSpanMs - longestSegmentMs,
      toMs,
      fromMs,
    );
    return rows
      .toArray()
      .flatMap((row) => archived(mount, runOf(row)))
      .filter((segment) => segment.startMs < toMs && segment.startMs + durationMs(segment) > fromMs);
  }

  /** The segment that begins first at or after a moment; null without one. */
  nextFrom(mount: MountPath, fromMs: number): ArchivedSegment | null {
    // The runs that reach over the moment, and the first one after it.
    const rows = this.#sql.exec<RunRow>(
      `SELECT * FROM run WHERE start_ms >= ?1 AND start_ms < ?2 AND end_ms > ?2
       UNION ALL SELECT * FROM (SELECT * FROM run WHERE start_ms >= ?2 ORDER BY start_ms LIMIT 1)`,
      fromMs - runSpanMs - longestSegmentMs,
      fromMs,
    );
    const later = rows
      .toArray()
      .flatMap((row) => archived(mount, runOf(row)))
      .filter(({ startMs }) => startMs >= fromMs);
    return later.toSorted((a, b) => a.startMs - b.startMs || comparePosition(a, b))[0] ?? null;
  }

  /** The next in order of play; null when it is the last. */
  after(mount: MountPath, { epoch, sequence }: Position): ArchivedSegment | null {
    const [own] = this.segments(mount, epoch, sequence + 1, 1);
    if (own) return own;
    const next = this.neighbour(epoch, "after");
    return next === null ? null : (this.segments(mount, next, 0, 1)[0] ?? null);
  }

  /** The segment of these epochs with a byte, and the bytes before it; null beyond the end. */
  atByte(
    mount: MountPath,
    epochs: readonly Epoch[],
    byte: number,
  ): { readonly segment: ArchivedSegment; readonly bytesBefore: number } | null {
    let bytesBefore = 0;
    for (const epoch of epochs) {
      const runs = this.#sql
        .exec<{ first: number; bytes: number }>(
          "SELECT first, bytes FROM run WHERE epoch = ? ORDER BY first",
          epoch,
        )
        .toArray();
      for (const { first, bytes } of runs) {
        if (byte >= bytesBefore + bytes) {
          bytesBefore += bytes;
          continue;
        }
        for (const segment of this.segments(mount, epoch, first, runSegments)) {
          if (byte < bytesBefore + segment.bytes) return { segment, bytesBefore };
          bytesBefore += segment.bytes;
        }
      }
    }
    return null;
  }

  /** When the oldest segment began; null without any. */
  earliestMs(): Millis | null {
    return this.#sql.exec<{ ms: number | null }>("SELECT MIN(start_ms) AS ms FROM run").one()
      .ms as Millis | null;
  }

  /** Epochs with audio, in order, on one side of an epoch or from it on. */
  epochsFrom(epoch: number): Epoch[] {
    const rows = this.#sql.exec<{ epoch: number }>(
      "SELECT DISTINCT epoch FROM run WHERE epoch >= ? ORDER BY epoch",
      epoch,
    );
    return rows.toArray().map((row) => row.epoch as Epoch);
  }

  /** What may be deleted one by one, the oldest of an epoch first: chunks, and runs of segments in objects of their own. */
  units(epoch: Epoch, limit: number): ArchiveUnit[] {
    const rows = this.#sql.exec<{
      first: number;
      last: number;
      end_ms: number;
      bytes: number;
      chunk: string | null;
    }>(
      "SELECT first, last, end_ms, bytes, chunk FROM run WHERE epoch = ? ORDER BY first LIMIT ?",
      epoch,
      limit,
    );
    const units = new Map<string, ArchiveUnit>();
    for (const { first, last, end_ms: endMs, bytes, chunk } of rows) {
      const key = chunk ?? `run ${first}`;
      const known = units.get(key) ?? { first, last, endMs, bytes: 0 };
      units.set(key, {
        first: known.first,
        last: Math.max(known.last, last),
        endMs: Math.max(known.endMs, endMs),
        bytes: known.bytes + bytes,
      });
    }
    return [...units.values()];
  }

  /** Of all segments. */
  get bytes(): number {
    return this.#sql.exec<{ bytes: number | null }>("SELECT SUM(bytes) AS bytes FROM run").one().bytes ?? 0;
  }

  /** Deletes what lies whole below a sequence, for ever: it is marked, and what storage has of it is to be swept. */
  deleteBelow(epoch: Epoch, below: number): void {
    this.marks.set(epoch, below);
    this.#sql.exec(
      `DELETE FROM run WHERE epoch = ?1 AND last < ?2 AND (chunk IS NULL OR chunk IN
         (SELECT chunk FROM run WHERE epoch = ?1 AND chunk IS NOT NULL GROUP BY chunk HAVING MAX(last) < ?2))`,
      epoch,
      below,
    );
  }

  /** Everything that is known of an epoch. */
  forget(epoch: Epoch): void {
    this.#sql.exec("DELETE FROM run WHERE epoch = ?", epoch);
    this.#sql.exec("DELETE FROM epoch WHERE epoch = ?", epoch);
  }

  #know(epoch: Epoch): void {
    if (this.facts(epoch) === null) this.putFacts(unknownEpoch(epoch), defaultNaming);
  }

  #belongs({ epoch, segments, chunk }: Run, segment: Position): boolean {
    const first = segments[0];
    if (epoch !== segment.epoch || chunk !== null || !first || segment.sequence < first.sequence)
      return false;
    const next = this.#sql
      .exec<{ first: number | null }>(
        "SELECT MIN(first) AS first FROM run WHERE epoch = ? AND first > ?",
        epoch,
        first.sequence,
      )
      .one();
    return next.first === null || segment.sequence < next.first;
  }

  /** The run that a position is in or comes after. */
  #runBefore({ epoch, sequence }: Position): Run | null {
    const [row] = this.#sql
      .exec<RunRow>(
        "SELECT * FROM run WHERE epoch = ? AND first <= ? ORDER BY first DESC LIMIT 1",
        epoch,
        sequence,
      )
      .toArray();
    return row ? runOf(row) : null;
  }

  /** Into `open`, the run before it, or into one of its own. Returns the run that has it, which is not written yet. */
  #place(open: Run | null, segment: SegmentRef, isChanged: boolean): Run {
    if (!open) return looseRun(segment.epoch, [segment]);
    const before = open.segments.filter(({ sequence }) => sequence < segment.sequence);
    const after = open.segments.slice(before.length);
    if (open.chunk === null) {
      const together = [...before, segment, ...after];
      if (fits(together)) return { ...open, segments: together };
      this.#write({ ...open, segments: before });
      // A split in the middle: the later half is a run of its own.
      if (after.length > 0) this.#write(looseRun(open.epoch, after));
      return looseRun(segment.epoch, [segment]);
    }
    if (isChanged) this.#write(open);
    if (after.length > 0) this.#split(open, before.length);
    return looseRun(segment.epoch, [segment]);
  }

  /** A chunk's run in two, before its segment `at`. */
  #split(run: Run, at: number): void {
    const before = run.segments.slice(0, at);
    const after = run.segments.slice(at);
    const last = before.at(-1);
    this.#write({ ...run, segments: before });
    this.#write({
      ...run,
      segments: after,
      offset: run.offset + sizeOf(before),
      lead: last?.bytes ?? 0,
    });
  }

  /** Segments out of whatever runs they are in. */
  #take(epoch: Epoch, segments: readonly Position[]): void {
    const taken = new Set(segments.map(({ sequence }) => sequence));
    const [first, last] = [segments[0]?.sequence ?? 0, segments.at(-1)?.sequence ?? 0];
    const rows = this.#sql
      .exec<RunRow>(
        "SELECT * FROM run WHERE epoch = ? AND chunk IS NULL AND first <= ? AND last >= ?",
        epoch,
        last,
        first,
      )
      .toArray();
    for (const run of rows.map(runOf)) {
      this.#delete(run);
      const left = run.segments.filter(({ sequence }) => !taken.has(sequence));
      // What a chunk lies between is two runs: runs do not overlap.
      const cuts = Map.groupBy(left, ({ sequence }) =>
        segments.findIndex((other) => other.sequence > sequence),
      );
      for (const part of cuts.values()) this.#write(looseRun(epoch, part));
    }
  }

  #delete({ epoch, segments }: Run): void {
    this.#sql.exec("DELETE FROM run WHERE epoch = ? AND first = ?", epoch, segments[0]?.sequence ?? -1);
  }

  #write(run: Run): void {
    const { segments } = run;
    const [first, last, stretch] = [segments[0], segments.at(-1), stretchOfAll(segments)];
    if (!first || !last || !stretch) return;
    this.#sql.exec(
      `INSERT OR REPLACE INTO run (epoch, first, last, start_ms, end_ms, bytes, chunk, chunk_offset, lead, reservoirs, segments, stretch)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      run.epoch,
      first.sequence,
      last.sequence,
      Math.min(...segments.map(({ startMs }) => startMs)),
      Math.ceil(Math.max(...segments.map((segment) => segment.startMs + durationMs(segment)))),
      stretch.bytes,
      run.chunk,
      run.offset,
      run.lead,
      JSON.stringify(run.reservoirs),
      JSON.stringify(segments),
      JSON.stringify(stretch),
    );
  }
}

const schema = [
  "CREATE TABLE IF NOT EXISTS epoch (epoch INTEGER PRIMARY KEY, facts TEXT NOT NULL, naming TEXT NOT NULL)",
  `CREATE TABLE IF NOT EXISTS run (
     epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
     start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,
     chunk TEXT, chunk_offset INTEGER NOT NULL, lead INTEGER NOT NULL, reservoirs TEXT NOT NULL,
     segments TEXT NOT NULL, stretch TEXT NOT NULL,
     PRIMARY KEY (epoch, first)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS run_start ON run (start_ms)",
];

/** A chunk, or a run of segments in objects of their own: sequences, its end by the wall clock, bytes. */
export interface ArchiveUnit {
  readonly first: number;
  readonly last: number;
  readonly endMs: number;
  readonly bytes: number;
}

/** Segments that follow each other in order of play. */
interface Run {
  readonly epoch: Epoch;
  /** Where they are; null: each in its own object. */
  readonly chunk: string | null;
  /** Bytes of the chunk before the first. */
  readonly offset: number;
  /** Size of the segment before the first in the chunk; 0: none, or it does not tell the first one's reservoir. */
  readonly lead: number;
  /** By sequence, of those in a chunk for which what is before them there does not say it; base64url. */
  readonly reservoirs: Readonly<Record<number, string>>;
  readonly segments: readonly SegmentRef[];
}

type RunRow = {
  readonly epoch: number;
  readonly chunk: string | null;
  readonly chunk_offset: number;
  readonly lead: number;
  readonly reservoirs: string;
  readonly segments: string;
};

const runOf = (row: RunRow): Run => ({
  epoch: row.epoch as Epoch,
  chunk: row.chunk,
  offset: row.chunk_offset,
  lead: row.lead,
  reservoirs: JSON.parse(row.reservoirs) as Record<number, string>,
  segments: JSON.parse(row.segments) as SegmentRef[],
});

const looseRun = (epoch: Epoch, segments: readonly SegmentRef[]): Run => ({
  epoch,
  chunk: null,
  offset: 0,
  lead: 0,
  reservoirs: {},
  segments,
});

const holds = ({ epoch, segments }: Run, at: Position): boolean =>
  epoch === at.epoch && segments.some(({ sequence }) => sequence === at.sequence);

/** A clock that was put back begins another run. */
function fits(segments: readonly SegmentRef[]): boolean {
  const startMs = segments[0]?.startMs ?? 0;
  return (
    segments.length <= runSegments &&
    segments.every((segment) => segment.startMs >= startMs && segment.startMs - startMs <= runSpanMs)
  );
}

/** A chunk's segments in runs, none of which reaches over a hole: what belongs there may come. */
function parted<Part extends SegmentRef>(segments: readonly Part[]): Part[][] {
  const parts: Part[][] = [];
  for (const segment of segments) {
    const open = parts.at(-1);
    const follows = open?.at(-1)?.sequence === segment.sequence - 1;
    if (open && follows && fits([...open, segment])) open.push(segment);
    else parts.push([segment]);
  }
  return parts;
}

function archived(mount: MountPath, run: Run): ArchivedSegment[] {
  let { offset } = run;
  return run.segments.map((segment, at) => {
    if (run.chunk === null) {
      return { ...segment, stored: { key: segmentKey(mount, segment), offset: 0, isChunk: false, lead: 0 } };
    }
    const before = at === 0 ? run.lead : (run.segments[at - 1]?.bytes ?? 0);
    const reservoir = run.reservoirs[segment.sequence];
    const stored = {
      key: run.chunk,
      offset,
      isChunk: true,
      lead: reservoir === undefined ? before : 0,
      ...(reservoir !== undefined && reservoir !== "" && { reservoir }),
    };
    offset += segment.bytes;
    return { ...segment, stored };
  });
}

function refOf(segment: ChunkSegment): SegmentRef {
  const { epoch, sequence, startMs, firstSample, samples, sampleRate, bytes, channels, titles } = segment;
  return {
    epoch,
    sequence,
    startMs,
    firstSample,
    samples,
    sampleRate,
    bytes,
    ...(channels !== undefined && { channels }),
    titles,
  };
}

/** Whether the reservoir of a segment is all in the one before it in its chunk. */
const leads = (before: ChunkSegment, segment: ChunkSegment): boolean =>
  segment.sequence === before.sequence + 1 && segment.reservoir !== "" && before.bytes >= fullReservoirBytes;
/** At the lowest bitrates half of a frame is not main data. */
const fullReservoirBytes = 4_096;

const sizeOf = (segments: readonly SegmentRef[]): number =>
  segments.reduce((bytes, segment) => bytes + segment.bytes, 0);
