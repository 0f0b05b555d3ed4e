import { DurableObject } from "cloudflare:workers";
import type { SessionRecord, StationCounters } from "../../shared/listener-session.ts";
import { noTotals, type RosterTotals } from "../../shared/roster.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Env } from "../env.ts";
import { ledgerMounts, ledgerRecords, recordsPerCall } from "../limits.ts";

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
  /** Those of a word whose answer was lost come again. */
  readonly records: readonly SessionRecord[];
}

/** A record and its number, which rises, also beyond a ledger that was lost and begun anew. */
export type NumberedRecord = SessionRecord & { readonly sequence: number };

/** What the station counts over all its mounts, and the sessions that an ingest host has not fetched for its access log. */
export class LedgerObject extends DurableObject<Env> {
  readonly #mounts: Map<string, StoredMount>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { kv, sql } = ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS records (sequence INTEGER PRIMARY KEY, id INTEGER, record TEXT)");
    sql.exec("CREATE INDEX IF NOT EXISTS record_ids ON records (id)");
    const stored = [...kv.list<StoredMount>({ prefix: mountPrefix })];
    this.#mounts = new Map(stored.map(([key, value]) => [key.slice(mountPrefix.length), value]));
  }

  /** Resolves when it is stored. */
  report(mount: MountPath, { life, batch, totals, records }: LedgerWord): void {
    const known = this.#mounts.get(mount);
    if (known?.life === life && batch <= known.batch) return;
    this.#keep(mount, { life, batch, totals });
    this.#add(records);
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
    sql.exec("DELETE FROM records WHERE sequence <= ?", after);
    const rows = sql.exec<{ sequence: number; record: string }>(
      "SELECT sequence, record FROM records ORDER BY sequence LIMIT ?",
      recordsPerCall,
    );
    const records = rows.toArray().map(({ sequence, record }) => ({
      ...(JSON.parse(record) as SessionRecord),
      sequence,
    }));
    return { records, dropped: kv.get<number>(droppedKey) ?? 0 };
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
    let sequence = kv.get<number>(sequenceKey) ?? Date.now() * 1_000;
    for (const record of records) {
      const text = JSON.stringify(record);
      // Two sessions may have one number; the same record comes as it came before.
      const known = sql.exec("SELECT 1 FROM records WHERE id = ? AND record = ?", record.id, text);
      if (known.toArray().length > 0) continue;
      sql.exec("INSERT INTO records VALUES (?, ?, ?)", ++sequence, record.id, text);
    }
    kv.put(sequenceKey, sequence);
    const count = Number(sql.exec("SELECT COUNT(*) AS count FROM records").one()["count"]);
    if (count <= ledgerRecords) return;
    sql.exec(
      "DELETE FROM records WHERE sequence IN (SELECT sequence FROM records ORDER BY sequence LIMIT ?)",
      count - ledgerRecords,
    );
    kv.put(droppedKey, (kv.get<number>(droppedKey) ?? 0) + count - ledgerRecords);
  }
}

/** What is stored under a mount's name. */
interface StoredMount {
  readonly life: string;
  readonly batch: number;
  readonly totals: MountTotals;
}

const mountPrefix = "mount ";
/** No mount has this name. */
const othersName = "";
const sequenceKey = "sequence";
const droppedKey = "dropped";
