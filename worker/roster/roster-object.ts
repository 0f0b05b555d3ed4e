import { DurableObject } from "cloudflare:workers";
import type { AudienceCounters, ListenerSession, SessionRecord } from "../../shared/listener-session.ts";
import { Roster, type RosterReply, type RosterReport, type StoredRoster } from "../../shared/roster.ts";
import { type Millis, type MountPath, millis } from "../../shared/units.ts";
import type { Env } from "../env.ts";
import {
  recordsOnTheirWay,
  recordsPerCall,
  rosterCallTimeoutMs,
  rosterLimits,
  rosterSaveMs,
} from "../limits.ts";
import { ledgerName } from "./ledger-object.ts";

/**
 * The listeners of one mount in all isolates, and what is counted of them: the shell around `shared/roster.ts`. Who listens
 * is in memory, for the isolates tell it again; counts are stored now and then, and then told to the ledger.
 *
 * Its clock is the machine's: days end by it, and one that is set costs a silent isolate's listeners a few seconds.
 */
export class RosterObject extends DurableObject<Env> {
  readonly #roster: Roster;
  /** Of this life: the ledger knows by it which words it has had. */
  readonly #life = crypto.randomUUID();
  #batch = 0;
  /** For the access log, not told to the ledger yet. */
  #records: SessionRecord[] = [];
  #isSaving = false;
  #savedMs = 0;
  #isChanged = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const stored = ctx.storage.kv.get<StoredRoster>(rosterKey);
    this.#roster = new Roster(rosterLimits, stored?.format === 1 ? stored : undefined);
  }

  /** A source has taken the mount; `isFresh`: nothing was heard there before. */
  begin(mount: MountPath, epoch: number, isFresh: boolean): void {
    this.#roster.begin(epoch, isFresh);
    this.#save(mount);
  }

  /** An isolate's word. Rejects or is lost: the next one tells it too. */
  report(mount: MountPath, report: RosterReport): RosterReply {
    const { reply, records } = this.#roster.report(report, this.#now(), randomSalt);
    if (records.length > 0) this.#records = [...this.#records, ...records].slice(-recordsOnTheirWay);
    this.#save(mount);
    return reply;
  }

  list(): ListenerSession[] {
    return this.#roster.list(this.#now());
  }

  mayHave(id: number): boolean {
    return this.#roster.mayHave(id, this.#now());
  }

  audience(): AudienceCounters {
    return this.#roster.audience(this.#now());
  }

  /** At midnight. */
  override alarm(): void {
    this.#roster.forgetYesterday(this.#now());
    this.ctx.storage.kv.put(rosterKey, this.#roster.stored);
  }

  /** At once, then at most every `rosterSaveMs`, while there is something new. */
  #save(mount: MountPath): void {
    this.#isChanged = true;
    if (this.#isSaving) return;
    this.#isSaving = true;
    this.ctx.waitUntil(this.#saveOn(mount).finally(() => (this.#isSaving = false)));
  }

  async #saveOn(mount: MountPath): Promise<void> {
    while (this.#isChanged) {
      const waitMs = this.#savedMs + rosterSaveMs - this.#now();
      // A clock that was put back makes nobody wait for it.
      if (waitMs > 0) await scheduler.wait(Math.min(waitMs, rosterSaveMs));
      this.#isChanged = false;
      this.#savedMs = this.#now();
      const { stored } = this.#roster;
      this.ctx.storage.kv.put(rosterKey, stored);
      if (stored.unique) await this.ctx.storage.setAlarm((stored.unique.day + 1) * dayMs);
      await this.#tellLedger(mount);
    }
  }

  /** What is told was stored before: nothing that was seen is taken back. */
  async #tellLedger(mount: MountPath): Promise<void> {
    const records = this.#records.slice(0, recordsPerCall);
    const word = { life: this.#life, batch: ++this.#batch, totals: this.#roster.totals, records };
    const ledger = this.env.LEDGER.getByName(ledgerName);
    try {
      const told = ledger.report(mount, word).then(() => true);
      const isTold = await Promise.race([told, scheduler.wait(rosterCallTimeoutMs).then(() => false)]);
      if (!isTold) throw new Error("no answer");
    } catch (error) {
      console.warn("ledger call failed", mount, String(error));
      this.#isChanged = true;
      return;
    }
    const sent = new Set(records);
    this.#records = this.#records.filter((record) => !sent.has(record));
    if (this.#records.length > 0) this.#isChanged = true;
  }

  #now(): Millis {
    return millis(Date.now());
  }
}

const rosterKey = "roster";
const dayMs = 86_400_000;

const randomSalt = (): readonly number[] => [...crypto.getRandomValues(new Uint32Array(4))];
