import { DurableObject } from "cloudflare:workers";
import type { AudienceCounters, ListenerSession, SessionRecord } from "../../shared/listener-session.ts";
import { keepOrders, newestOrder, ordersAfter, type TimedOrder } from "../../shared/order-book.ts";
import { Roster, type RosterReply, type RosterReport, type StoredRoster } from "../../shared/roster.ts";
import { type Millis, type MountPath, millis } from "../../shared/units.ts";
import type { Env } from "../env.ts";
import {
  recordsOnTheirWay,
  recordsPerCall,
  rosterCallTimeoutMs,
  recordsPerRow,
  rosterLimits,
  rosterSaveMs,
} from "../limits.ts";
import type { ListenerWant } from "../mount-orders.ts";
import { ledgerName } from "./ledger-object.ts";

/**
 * The listeners of one mount in all isolates, and what is counted of them: the shell around `shared/roster.ts`. Who listens
 * is in memory, for the isolates tell it again; counts are stored now and then, and then told to the ledger.
 *
 * It has nothing to do between two calls, not even a timer, and is not billed for that time; whatever is due later is an
 * alarm. Its clock is the machine's: days end by it, and one that is set costs a silent isolate's listeners a few seconds.
 */
export class RosterObject extends DurableObject<Env> {
  readonly #roster: Roster;
  /** Of this life: the ledger knows by it which words it has had. */
  readonly #life = crypto.randomUUID();
  #batch = 0;
  /** For the access log, not told to the ledger yet; stored, for the object may go out of memory before it is. */
  #untold: UntoldRecords[] = [];
  /** Number of the first of them in this life. */
  #recordsFrom = 0;
  #orders: readonly TimedOrder[] = [];
  #isSaving = false;
  #savedMs = 0;
  /** A life before may have stored what it did not tell. */
  #isChanged = true;
  /** When the alarm rings, as far as this life knows. */
  #alarmMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const stored = ctx.storage.kv.get<StoredRoster>(rosterKey);
    this.#roster = new Roster(rosterLimits, stored?.format === 1 ? stored : undefined);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS untold (id INTEGER PRIMARY KEY, records TEXT)");
    const rows = ctx.storage.sql.exec<UntoldRow>("SELECT id, records FROM untold ORDER BY id");
    this.#untold = rows
      .toArray()
      .map(({ id, records }) => ({ id, records: JSON.parse(records) as SessionRecord[] }));
  }

  /** A source has taken the mount; `isFresh`: nothing was heard there before. */
  async begin(mount: MountPath, epoch: number, isFresh: boolean): Promise<void> {
    this.#roster.begin(epoch, isFresh);
    await this.#note(mount);
  }

  /** An isolate's word. Rejects or is lost: the next one tells it too. */
  async report(mount: MountPath, report: RosterReport): Promise<RosterReply> {
    const { reply, records } = this.#roster.report(report, this.#now(), randomSalt);
    if (records.length > 0) this.#add(records);
    await this.#note(mount);
    const now = this.#now();
    this.#orders = keepOrders(this.#orders, [], now);
    return this.#orders.length === 0 ? reply : { ...reply, orders: ordersAfter(this.#orders, 0, now) };
  }

  /** Of a mount whose object nobody asks: isolates are told with the answer to their next report, within seconds. */
  orderListeners(want: ListenerWant): void {
    const now = this.#now();
    // Numbers rise also when this object is started anew.
    const sequence = Math.max(now, newestOrder(this.#orders) + 1);
    this.#orders = keepOrders(this.#orders, [{ order: { ...want, sequence }, atMs: now }], now);
  }

  list(): ListenerSession[] {
    return this.#roster.list(this.#now());
  }

  /** Sessions of one user. */
  sessionsOf(user: string): number[] {
    return this.#roster
      .list(this.#now())
      .filter((session) => session.user === user)
      .map(({ id }) => id);
  }

  mayHave(id: number): boolean {
    return this.#roster.mayHave(id, this.#now());
  }

  audience(): AudienceCounters {
    return this.#roster.audience(this.#now());
  }

  /** When there is something to store or to tell, and at midnight. */
  override async alarm(): Promise<void> {
    this.#alarmMs = null;
    this.#roster.forgetYesterday(this.#now());
    await this.#save();
    const { unique } = this.#roster.stored;
    if (this.#isChanged) await this.#ringAt(this.#now() + rosterSaveMs);
    else if (unique) await this.#ringAt((unique.day + 1) * dayMs);
  }

  /** There is something new: it is stored at once, but no more often than every `rosterSaveMs`. */
  async #note(mount: MountPath): Promise<void> {
    this.#isChanged = true;
    const { kv } = this.ctx.storage;
    // An alarm rings for an object that does not know whose it is.
    if (this.#savedMs === 0 && kv.get(mountKey) !== mount) kv.put(mountKey, mount);
    const now = this.#now();
    // A clock that was put back makes nobody wait for it.
    const isDue = now - this.#savedMs >= rosterSaveMs || now < this.#savedMs;
    if (isDue && !this.#isSaving) this.ctx.waitUntil(this.#save());
    await this.#ringAt(now + rosterSaveMs);
  }

  #add(records: readonly SessionRecord[]): void {
    for (let at = 0; at < records.length; at += recordsPerRow) {
      const row = records.slice(at, at + recordsPerRow);
      const stored = this.ctx.storage.sql.exec<Pick<UntoldRow, "id">>(
        "INSERT INTO untold (records) VALUES (?) RETURNING id",
        JSON.stringify(row),
      );
      this.#untold.push({ id: stored.one().id, records: row });
    }
    let count = countOf(this.#untold);
    for (let oldest = this.#untold[0]; oldest && count > recordsOnTheirWay; oldest = this.#untold[0]) {
      count -= oldest.records.length;
      this.#forget(oldest.id);
    }
  }

  /** Those up to that row. */
  #forget(id: number): void {
    this.ctx.storage.sql.exec("DELETE FROM untold WHERE id <= ?", id);
    this.#recordsFrom += countOf(this.#untold.filter((row) => row.id <= id));
    this.#untold = this.#untold.filter((row) => row.id > id);
  }

  /** At the latest. */
  async #ringAt(ms: number): Promise<void> {
    if (this.#alarmMs !== null && this.#alarmMs <= ms) return;
    this.#alarmMs = ms;
    await this.ctx.storage.setAlarm(ms);
  }

  async #save(): Promise<void> {
    const { kv } = this.ctx.storage;
    const mount = kv.get<MountPath>(mountKey);
    if (this.#isSaving || !this.#isChanged || mount === undefined) return;
    this.#isSaving = true;
    this.#isChanged = false;
    this.#savedMs = this.#now();
    kv.put(rosterKey, this.#roster.stored);
    await this.#tellLedger(mount);
    this.#isSaving = false;
  }

  /** What is told was stored before: nothing that was seen is taken back. */
  async #tellLedger(mount: MountPath): Promise<void> {
    const rows: UntoldRecords[] = [];
    for (const row of this.#untold) {
      if (rows.length > 0 && countOf(rows) + row.records.length > recordsPerCall) break;
      rows.push(row);
    }
    const records = rows.flatMap((row) => row.records);
    const recordsFrom = this.#recordsFrom;
    const { totals } = this.#roster;
    const word = { life: this.#life, batch: ++this.#batch, totals, records, recordsFrom };
    const ledger = this.env.LEDGER.getByName(ledgerName);
    const waiting = new AbortController();
    try {
      const late = scheduler.wait(rosterCallTimeoutMs, { signal: waiting.signal });
      const told = ledger.report(mount, word).then(() => true);
      const isTold = await Promise.race([told, late.then(() => false)]);
      if (!isTold) throw new Error("no answer");
    } catch (error) {
      console.warn("ledger call failed", mount, String(error));
      this.#isChanged = true;
      return;
    } finally {
      waiting.abort();
    }
    const last = rows.at(-1);
    if (last) this.#forget(last.id);
    if (this.#untold.length > 0) this.#isChanged = true;
  }

  #now(): Millis {
    return millis(Date.now());
  }
}

/** Records that came together. */
interface UntoldRecords {
  readonly id: number;
  readonly records: readonly SessionRecord[];
}
type UntoldRow = { readonly id: number; readonly records: string };

const countOf = (rows: readonly UntoldRecords[]): number =>
  rows.reduce((count, { records }) => count + records.length, 0);

const rosterKey = "roster";
const mountKey = "mount";
const dayMs = 86_400_000;

const randomSalt = (): readonly number[] => [...crypto.getRandomValues(new Uint32Array(4))];
