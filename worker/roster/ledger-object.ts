import { DurableObject } from "cloudflare:workers";
import type { SessionRecord, StationCounters } from "../../shared/listener-session.ts";
import { noTotals, type RosterTotals } from "../../shared/roster.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Env } from "../env.ts";
import { ledgerMounts, ledgerRecords, recordsPerCall, recordsPerRow } from "../limits.ts";

/** The station has one ledger. */
export const ledgerName = "station";

type MountTotals = RosterTotals & { readonly sources: number };

/** What a mount's roster tells the ledger. */
export interface LedgerWord {
  /** Made anew when the roster's object was started anew. */
  readonly life: string;
  /** Rises with every word of a life. */
  readonly batch: number;
  /** Since the mount was there. */
  readonly totals: MountTotals;
  /** Those of a word whose answer was lost come again: the first of them is the life's record `recordsFrom`. */
  readonly records: readonly SessionRecord[];
  readonly recordsFrom: number;
}

/** A record and its number, which rises, also beyond a ledger that was lost and begun anew. */
export type NumberedRecord = SessionRecord & { readonly sequence: number };

/**
 * What the station counts over all its mounts, and the sessions that an ingest host has not fetched for its access log:
 * hundreds in a row, for each row that is written costs.
 */
export class LedgerObject extends DurableObject<Env> {
  readonly #mounts: Map<string, StoredMount>;
  /** Records kept. */
  #kept: number;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { kv, sql } = ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS pages (first INTEGER PRIMARY KEY, count INTEGER, records TEXT)");
    this.#kept = Number(sql.exec("SELECT TOTAL(count) AS count FROM pages").one()["count"]);
    const stored = [...kv.list<StoredMount>({ prefix: mountPrefix })];
    this.#mounts = new Map(stored.map(([key, value]) => [key.slice(mountPrefix.length), value]));
  }

  /** Resolves when it is stored. */
  report(mount: MountPath, { life, batch, totals, records, recordsFrom }: LedgerWord): void {
    const before = this.#mounts.get(mount);
    const known = before?.life === life ? before : undefined;
    if (known && batch <= known.batch) return;
    const taken = known?.records ?? 0;
    const end = Math.max(taken, recordsFrom + records.length);
    this.#keep(mount, { life, batch, totals, records: end });
    this.#add(records.slice(Math.max(0, taken - recordsFrom)));
  }

  /** What the whole station has counted since it was set up. */
  counters(): StationCounters {
    const all = [...this.#mounts.values()].map(({ totals }) => totals);
    const sum = (of: (totals: MountTotals) => number): number =>
      all.reduce((total, totals) => total + of(totals), 0);
    return {
      listenerConnections: sum(({ connections }) => connections),
      sourceConnections: sum(({ sources }) => sources),
      bytesSent: sum(({ bytesSent }) => bytesSent),
      slowListeners: sum(({ slowListeners }) => slowListeners),
    };
  }

  /** The oldest records after that number. Those up to it have been fetched and are forgotten. */
  records(after: number): { readonly records: readonly NumberedRecord[]; readonly dropped: number } {
    const { kv, sql } = this.ctx.storage;
    this.#forget(sql.exec<Page>("DELETE FROM pages WHERE first + count <= ? RETURNING count", after + 1));
    const records: NumberedRecord[] = [];
    // Most pages are small: as many as were told at once.
    for (let next = 0; records.length < recordsPerCall; ) {
      const query = "SELECT first, records FROM pages WHERE first >= ? ORDER BY first LIMIT 1";
      const [page] = sql.exec<Page>(query, next).toArray();
      if (!page) break;
      const told = JSON.parse(page.records) as SessionRecord[];
      told.forEach((record, at) => records.push({ ...record, sequence: page.first + at }));
      next = page.first + told.length;
    }
    const fresh = records.filter(({ sequence }) => sequence > after);
    return { records: fresh, dropped: kv.get<number>(droppedKey) ?? 0 };
  }

  /** Of too many mounts the one heard of first goes into what is left of all that went before. */
  #keep(mount: MountPath, stored: StoredMount): void {
    const { kv } = this.ctx.storage;
    this.#mounts.set(mount, stored);
    kv.put(mountPrefix + mount, stored);
    if (this.#mounts.size <= ledgerMounts) return;
    const oldest =
      [...this.#mounts.keys()].find((name) => name !== mount && name !== othersName) ?? othersName;
    const gone = this.#mounts.get(oldest)?.totals;
    if (oldest === othersName || !gone) return;
    const others = this.#mounts.get(othersName)?.totals ?? { ...noTotals, sources: 0 };
    const sum: StoredMount = {
      life: "",
      batch: 0,
      records: 0,
      totals: {
        connections: others.connections + gone.connections,
        sessions: others.sessions + gone.sessions,
        bytesSent: others.bytesSent + gone.bytesSent,
        slowListeners: others.slowListeners + gone.slowListeners,
        sources: others.sources + gone.sources,
      },
    };
    this.#mounts.delete(oldest);
    kv.delete(mountPrefix + oldest);
    this.#mounts.set(othersName, sum);
    kv.put(mountPrefix + othersName, sum);
  }

  #add(records: readonly SessionRecord[]): void {
    if (records.length === 0) return;
    const { kv, sql } = this.ctx.storage;
    // Numbers of a ledger that was lost are not used again: whoever fetched them would have these forgotten.
    let first = (kv.get<number>(sequenceKey) ?? Date.now() * 1_000) + 1;
    for (let at = 0; at < records.length; at += recordsPerRow) {
      const page = records.slice(at, at + recordsPerRow);
      sql.exec("INSERT INTO pages VALUES (?, ?, ?)", first, page.length, JSON.stringify(page));
      first += page.length;
    }
    kv.put(sequenceKey, first - 1);
    this.#kept += records.length;
    let dropped = 0;
    while (this.#kept > ledgerRecords) {
      const oldest = "DELETE FROM pages WHERE first = (SELECT MIN(first) FROM pages) RETURNING count";
      dropped += this.#forget(sql.exec<Page>(oldest));
    }
    if (dropped > 0) kv.put(droppedKey, (kv.get<number>(droppedKey) ?? 0) + dropped);
  }

  #forget(gone: { toArray(): Pick<Page, "count">[] }): number {
    const count = gone.toArray().reduce((sum, page) => sum + page.count, 0);
    this.#kept -= count;
    return count;
  }
}

/** Records with consecutive numbers. */
type Page = { readonly first: number; readonly count: number; readonly records: string };

/** What is stored under a mount's name. */
interface StoredMount {
  readonly life: string;
  readonly batch: number;
  readonly totals: MountTotals;
  /** How many of the life's records have come. */
  readonly records: number;
}

const mountPrefix = "mount ";
/** No mount has this name. */
const othersName = "";
const sequenceKey = "sequence";
const droppedKey = "dropped";
