import { chunkKey } from "../../shared/archive-format.ts";
import { segmentKey } from "../../shared/object-format.ts";
import type { Epoch, MountPath, Sequence } from "../../shared/units.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import type { ArchiveIndex } from "./archive-index.ts";
import { type EpochNow, planChunk } from "./chunk-plan.ts";
import { isWritten, writeChunk } from "./chunk-writer.ts";
import {
  chunkFrom,
  chunkPartBytes,
  chunkSegments,
  chunkSpanMs,
  compactAgainMs,
  deleteAtOnce,
  settleMs,
  sweepAfterMs,
} from "./limits.ts";
import { indexKeyOf, readChunkIndex } from "./listing.ts";

/**
 * Merges a mount's segments to chunks, in steps of which each may be the last of its process:
 *
 * 1. what goes into a chunk is written down before storage hears of it, so that whoever goes on makes the same bytes;
 * 2. the chunk is written, and read back: it must be what went in;
 * 3. its index is put beside it. From here on it counts;
 * 4. the rows of its segments say so, in one transaction with the end of what was written down;
 * 5. the segments' own objects are deleted, when nobody reads them any more.
 */
export class Compactor {
  readonly #sql: SqlStorage;
  readonly #index: ArchiveIndex;
  readonly #bucket: R2Bucket;
  readonly #partBytes: number;

  constructor(sql: SqlStorage, index: ArchiveIndex, bucket: R2Bucket, partBytes: number = chunkPartBytes) {
    this.#sql = sql;
    this.#index = index;
    this.#bucket = bucket;
    this.#partBytes = partBytes;
    for (const statement of schema) sql.exec(statement);
  }

  /** An epoch may have something to merge then, unless it is looked at before. */
  watch(epoch: Epoch, dueMs: number): void {
    this.#sql.exec(
      `INSERT INTO compact (epoch, due_ms) VALUES (?1, ?2)
       ON CONFLICT (epoch) DO UPDATE SET due_ms = ?2 WHERE due_ms > ?2`,
      epoch,
      Math.ceil(dueMs),
    );
  }

  /** When there is something to do; null: never, as it looks. */
  nextMs(): number | null {
    // Nothing else is begun while a chunk is being made.
    return this.#sql
      .exec<{ ms: number | null }>(
        `SELECT MIN(ms) AS ms FROM (SELECT MIN(due_ms) AS ms FROM sweep UNION ALL SELECT MIN(due_ms) FROM plan
         UNION ALL SELECT MIN(due_ms) FROM compact WHERE NOT EXISTS (SELECT 1 FROM plan))`,
      )
      .one().ms;
  }

  /** What a listing of an epoch found is put right. */
  async tidy(
    epoch: Epoch,
    { doubled, unfinished }: { readonly doubled: readonly string[]; readonly unfinished: readonly string[] },
    nowMs: number,
  ): Promise<void> {
    for (const chunk of doubled) this.#sweepLater(chunk, epoch, nowMs + sweepAfterMs);
    const plan = this.#plan();
    const known = new Set(this.#index.chunks(epoch));
    const left = unfinished.filter((key) => {
      const chunk = key.replace(/\.json$/, ".mp3");
      return chunk !== plan?.key && !known.has(chunk);
    });
    await this.#deleteAll(left);
  }

  /**
   * The next thing that is due, as much as one call of an alarm may do: at most one chunk. `look`: how an epoch is at this moment,
   * after it has been listed. Rejects when storage cannot be asked; it is due again then.
   */
  async step(mount: MountPath, look: (epoch: Epoch, from: Sequence) => Promise<EpochNow>): Promise<void> {
    const nowMs = Date.now();
    await this.#sweepDue(mount, nowMs);
    const plan = this.#plan();
    if (plan) {
      if (plan.due_ms <= nowMs) await this.#carryOut(mount, plan);
      return;
    }
    const due = this.#sql
      .exec<{ epoch: number }>("SELECT epoch FROM compact WHERE due_ms <= ? ORDER BY due_ms LIMIT 1", nowMs)
      .toArray();
    for (const { epoch } of due) await this.#lookAt(mount, epoch as Epoch, look);
  }

  /** All that is due at this moment. For those who do not wait: segments' own objects go at once. */
  async finish(mount: MountPath, look: (epoch: Epoch, from: Sequence) => Promise<EpochNow>): Promise<void> {
    const nowMs = Date.now();
    for (let next = this.nextMs(); next !== null && next <= Date.now(); next = this.nextMs()) {
      await this.step(mount, look);
    }
    this.#sql.exec("UPDATE sweep SET due_ms = ?", nowMs);
    await this.#sweepDue(mount, nowMs);
  }

  async #lookAt(
    mount: MountPath,
    epoch: Epoch,
    look: (epoch: Epoch, from: Sequence) => Promise<EpochNow>,
  ): Promise<void> {
    this.#postpone(epoch, Date.now() + compactAgainMs);
    const [loose] = this.#index.segments(mount, epoch, 0, 1, "loose");
    const state = await look(epoch, loose?.sequence ?? (0 as Sequence));
    for (let from = 0; ; ) {
      const [first] = this.#index.segments(mount, epoch, from, 1, "loose");
      if (!first) break;
      const found = planChunk(this.#index.segments(mount, epoch, first.sequence, chunkSegments + 1), state);
      if (found.kind === "wait") {
        this.#postpone(
          epoch,
          Date.now() + Math.max(compactAgainMs, Math.min(chunkSpanMs + settleMs, found.ms)),
        );
        return;
      }
      if (found.segments.length >= chunkFrom) {
        this.#writeDown(mount, found.segments);
        // There may be more of it.
        this.#postpone(epoch, Date.now());
        const plan = this.#plan();
        if (plan) await this.#carryOut(mount, plan);
        return;
      }
      from = (found.segments.at(-1)?.sequence ?? first.sequence) + 1;
    }
    if (state.overMs !== null) this.#sql.exec("DELETE FROM compact WHERE epoch = ?", epoch);
    else this.#postpone(epoch, Date.now() + chunkSpanMs);
  }

  #postpone(epoch: Epoch, dueMs: number): void {
    this.#sql.exec("UPDATE compact SET due_ms = ? WHERE epoch = ?", Math.ceil(dueMs), epoch);
  }

  #writeDown(mount: MountPath, segments: readonly ArchivedSegment[]): void {
    const [first, last] = [segments[0], segments.at(-1)];
    if (!first || !last) return;
    const key = chunkKey(mount, { epoch: first.epoch, first: first.sequence, last: last.sequence });
    const sequences = segments.map(({ sequence }) => sequence);
    this.#sql.exec(
      "INSERT INTO plan (chunk, epoch, sequences, upload, due_ms) VALUES (?, ?, ?, NULL, ?)",
      key,
      first.epoch,
      JSON.stringify(sequences),
      Date.now(),
    );
  }

  #plan(): Plan | null {
    const [row] = this.#sql
      .exec<{ chunk: string; epoch: number; sequences: string; upload: string | null; due_ms: number }>(
        "SELECT * FROM plan ORDER BY due_ms LIMIT 1",
      )
      .toArray();
    if (!row) return null;
    const { chunk: key, epoch, sequences, ...rest } = row;
    return { ...rest, key, epoch: epoch as Epoch, sequences: JSON.parse(sequences) as Sequence[] };
  }

  async #carryOut(mount: MountPath, plan: Plan): Promise<void> {
    const { key, epoch, upload } = plan;
    // Whoever is stopped in here has it due again; a chunk that cannot be made must not be tried all the time.
    this.#sql.exec("UPDATE plan SET due_ms = ? WHERE chunk = ?", Date.now() + compactAgainMs, key);
    if (upload !== null) await this.#abandon(key, upload);
    let index = await readChunkIndex(this.#bucket, key);
    if (!index) {
      const segments = this.#segmentsOf(mount, plan);
      if (!segments) return this.#drop(plan);
      const order = { key, segments, partBytes: this.#partBytes, uploading: this.#uploading(key) };
      index = await writeChunk(this.#bucket, order);
      if (!index) {
        console.warn("a chunk's segments are not in storage as the index has them", key);
        return this.#drop(plan);
      }
      if (!(await isWritten(this.#bucket, key, index))) {
        console.warn("a chunk is not in storage as it was written", key);
        return;
      }
      await this.#bucket.put(indexKeyOf(key), JSON.stringify(index), {
        httpMetadata: { contentType: "application/json" },
      });
    }
    this.#index.putChunk(key, epoch, index);
    this.#sweepLater(key, epoch, Date.now() + sweepAfterMs);
    this.#sql.exec("DELETE FROM plan WHERE chunk = ?", key);
  }

  #uploading(key: string): (upload: string) => void {
    return (upload) => void this.#sql.exec("UPDATE plan SET upload = ? WHERE chunk = ?", upload, key);
  }

  /** Null when they are not all there any more, each in an object of its own. */
  #segmentsOf(mount: MountPath, { epoch, sequences }: Plan): ArchivedSegment[] | null {
    const wanted = new Set(sequences);
    const [first, last] = [sequences[0] ?? 0, sequences.at(-1) ?? 0];
    const found = this.#index
      .segments(mount, epoch, first, last - first + 1, "loose")
      .filter(({ sequence }) => wanted.has(sequence));
    return found.length === sequences.length ? found : null;
  }

  /** What it was made of has changed: nothing of it was finished. */
  async #drop({ key, epoch }: Plan): Promise<void> {
    await this.#deleteAll([key]);
    this.#sql.exec("DELETE FROM plan WHERE chunk = ?", key);
    this.watch(epoch, Date.now() + compactAgainMs);
  }

  async #abandon(key: string, upload: string): Promise<void> {
    try {
      await this.#bucket.resumeMultipartUpload(key, upload).abort();
    } catch (error) {
      // It was completed, or given up before.
      console.warn("an upload could not be given up", key, String(error));
    }
  }

  #sweepLater(chunk: string, epoch: Epoch, dueMs: number): void {
    this.#sql.exec(
      "INSERT OR IGNORE INTO sweep (chunk, epoch, due_ms) VALUES (?, ?, ?)",
      chunk,
      epoch,
      dueMs,
    );
  }

  async #sweepDue(mount: MountPath, nowMs: number): Promise<void> {
    const due = this.#sql
      .exec<{ chunk: string; epoch: number }>("SELECT chunk, epoch FROM sweep WHERE due_ms <= ?", nowMs)
      .toArray();
    for (const { chunk, epoch } of due) {
      const { sequences, bytes } = this.#index.chunk(chunk);
      const keys = sequences.map((sequence) => segmentKey(mount, { epoch: epoch as Epoch, sequence }));
      // It was read back when it was made; that it is there still costs one more call.
      const isThere = keys.length > 0 && (await this.#bucket.head(chunk))?.size === bytes;
      if (isThere) await this.#deleteAll(keys);
      this.#sql.exec("DELETE FROM sweep WHERE chunk = ?", chunk);
    }
  }

  async #deleteAll(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += deleteAtOnce)
      await this.#bucket.delete(keys.slice(at, at + deleteAtOnce));
  }
}

/** A chunk that is being made. */
interface Plan {
  readonly key: string;
  readonly epoch: Epoch;
  readonly sequences: readonly Sequence[];
  /** Of its parts; null before the first. */
  readonly upload: string | null;
  readonly due_ms: number;
}

const schema = [
  "CREATE TABLE IF NOT EXISTS compact (epoch INTEGER PRIMARY KEY, due_ms INTEGER NOT NULL)",
  `CREATE TABLE IF NOT EXISTS plan (
     chunk TEXT PRIMARY KEY, epoch INTEGER NOT NULL, sequences TEXT NOT NULL, upload TEXT, due_ms INTEGER NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS sweep (chunk TEXT PRIMARY KEY, epoch INTEGER NOT NULL, due_ms INTEGER NOT NULL)",
];
