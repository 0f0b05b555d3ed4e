import { broadcastName, uniqueName } from "../../shared/broadcast-name.ts";
import {
  type Broadcast,
  broadcastsOf,
  type EpochRecord,
  isReturn,
  unknownEpoch,
} from "../../shared/broadcast.ts";
import { defaultNaming } from "../../shared/archive-format.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { Epoch, MountPath } from "../../shared/units.ts";
import type { ArchiveIndex } from "./archive-index.ts";
import { broadcastReplyBytes, broadcastsPerCall } from "./limits.ts";
import type { BroadcastFilter, BroadcastPage, NamedBroadcast } from "./reader.ts";

/**
 * A mount's broadcasts in SQL, made from the epochs of its index. A name is given once, when a broadcast is first seen, and stays:
 * links to it are out in the world.
 */
export class BroadcastList {
  readonly #sql: SqlStorage;
  readonly #index: ArchiveIndex;

  constructor(sql: SqlStorage, index: ArchiveIndex) {
    this.#sql = sql;
    this.#index = index;
    for (const statement of schema) sql.exec(statement);
  }

  /** What is known of an epoch has changed: its broadcast is made anew when somebody asks. */
  touch(epoch: Epoch): void {
    this.#sql.exec("INSERT OR IGNORE INTO touched (epoch) VALUES (?)", epoch);
  }

  find(mount: MountPath, which: number | string): NamedBroadcast | null {
    this.#renew(mount);
    const column = typeof which === "number" ? "id" : "name";
    const [row] = this.#sql
      .exec<{ record: string }>(`SELECT record FROM broadcast WHERE ${column} = ?`, which)
      .toArray();
    return row ? (JSON.parse(row.record) as NamedBroadcast) : null;
  }

  page(mount: MountPath, { fromMs, toMs, limit, cursor }: BroadcastFilter): BroadcastPage {
    this.#renew(mount);
    const before = Number(cursor ?? Number.MAX_SAFE_INTEGER);
    const count = Math.max(1, Math.min(Math.trunc(limit ?? broadcastsPerCall), broadcastsPerCall));
    const rows = this.#sql.exec<{ record: string }>(
      `SELECT record FROM broadcast WHERE id < ? AND start_ms < ? AND (end_ms IS NULL OR end_ms > ?)
       ORDER BY id DESC LIMIT ?`,
      Number.isSafeInteger(before) ? before : 0,
      toMs ?? Number.MAX_SAFE_INTEGER,
      fromMs ?? 0,
      count + 1,
    );
    const broadcasts: NamedBroadcast[] = [];
    let size = 0;
    for (const { record } of rows) {
      size += record.length;
      const isFull = broadcasts.length === count || (size > broadcastReplyBytes && broadcasts.length > 0);
      if (isFull) return { broadcasts, cursor: String(broadcasts.at(-1)?.id ?? 0) };
      broadcasts.push(JSON.parse(record) as NamedBroadcast);
    }
    return { broadcasts, cursor: null };
  }

  /** The oldest, in order. */
  oldest(mount: MountPath, limit: number): NamedBroadcast[] {
    this.#renew(mount);
    const rows = this.#sql.exec<{ record: string }>(
      "SELECT record FROM broadcast ORDER BY id LIMIT ?",
      limit,
    );
    return rows.toArray().map(({ record }) => JSON.parse(record) as NamedBroadcast);
  }

  /** Of the epochs that changed, and of those that they join. */
  #renew(mount: MountPath): void {
    const rows = this.#sql.exec<{ epoch: number }>("SELECT epoch FROM touched ORDER BY epoch").toArray();
    let done = -1;
    for (const { epoch } of rows) {
      if (epoch > done) done = this.#renewAround(mount, epoch as Epoch);
    }
    if (rows.length > 0) this.#sql.exec("DELETE FROM touched");
  }

  /** The broadcasts of an epoch and of its neighbours. Returns the last epoch of them. */
  #renewAround(mount: MountPath, epoch: Epoch): number {
    const before = this.#index.neighbour(epoch, "before");
    const after = this.#index.neighbour(epoch, "after");
    let first = this.#record(before ?? epoch) ?? (after === null ? null : this.#record(after));
    if (!first) {
      this.#sql.exec("DELETE FROM broadcast WHERE id = ?", epoch);
      return epoch;
    }
    for (let earlier = this.#beside(first, "before"); earlier; earlier = this.#beside(first, "before")) {
      if (!isReturn(earlier, first)) break;
      first = earlier;
    }
    const records = [first];
    for (let last = first, later = this.#beside(last, "after"); later; later = this.#beside(last, "after")) {
      if (last.facts.epoch >= (after ?? epoch) && !isReturn(last, later)) break;
      records.push(later);
      last = later;
    }
    const end = Math.max(records.at(-1)?.facts.epoch ?? epoch, epoch);
    this.#replace(Math.min(first.facts.epoch, epoch), end, broadcastsOf(mount, records));
    return end;
  }

  /** Those whose ids are from `first` to `last` are the ones given now. */
  #replace(first: number, last: number, broadcasts: readonly Broadcast[]): void {
    const known = this.#sql
      .exec<{ id: number; name: string }>(
        "SELECT id, name FROM broadcast WHERE id BETWEEN ? AND ?",
        first,
        last,
      )
      .toArray();
    const names = new Map(known.map(({ id, name }) => [id, name]));
    this.#sql.exec("DELETE FROM broadcast WHERE id BETWEEN ? AND ?", first, last);
    for (const broadcast of broadcasts) {
      const { id, startMs, endMs } = broadcast;
      const name = names.get(id) ?? uniqueName(this.#nameOf(broadcast), (other) => this.#isTaken(other));
      this.#sql.exec(
        "INSERT INTO broadcast (id, name, start_ms, end_ms, record) VALUES (?, ?, ?, ?, ?)",
        id,
        name,
        startMs,
        endMs === null ? null : Math.ceil(endMs),
        JSON.stringify({ ...broadcast, name } satisfies NamedBroadcast),
      );
    }
  }

  /** By the moment that its source came, where that is known: audio may still be found that was before all that is there. */
  #nameOf({ mount, id, startMs }: Broadcast): string {
    const known = this.#index.facts(id);
    const atMs = known && known.facts.claimedMs > 0 ? known.facts.claimedMs : startMs;
    try {
      return broadcastName(known?.naming ?? defaultNaming, atMs, mount);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return broadcastName(defaultNaming, atMs, mount);
    }
  }

  #isTaken(name: string): boolean {
    return this.#sql.exec("SELECT 1 FROM broadcast WHERE name = ?", name).toArray().length > 0;
  }

  #beside({ facts }: EpochRecord, side: "before" | "after"): EpochRecord | null {
    const epoch = this.#index.neighbour(facts.epoch, side);
    return epoch === null ? null : this.#record(epoch);
  }

  #record(epoch: Epoch): EpochRecord | null {
    const stretch = this.#index.stretch(epoch);
    if (!stretch) return null;
    return { facts: this.#index.facts(epoch)?.facts ?? unknownEpoch(epoch), stretch };
  }
}

const schema = [
  `CREATE TABLE IF NOT EXISTS broadcast (
     id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, start_ms INTEGER NOT NULL, end_ms INTEGER, record TEXT NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS touched (epoch INTEGER PRIMARY KEY)",
];
