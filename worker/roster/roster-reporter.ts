import type { ListenerSession, SessionRecord } from "../../shared/listener-session.ts";
import { newestOrder } from "../../shared/order-book.ts";
import type { RosterReply, RosterReport, RosterTotals } from "../../shared/roster.ts";
import type { MountPath } from "../../shared/units.ts";
import { isolateAsked } from "../isolate-counts.ts";
import {
  recordsOnTheirWay,
  recordsPerCall,
  rosterCallTimeoutMs,
  rosterLimits,
  rosterTries,
  rosterWholeReports,
} from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";
import { obeyOrders } from "./sessions.ts";

/** A connection as its mount's roster is told of it. */
export interface ReportedSession {
  readonly session: ListenerSession;
  /** False while it may be a probe. */
  readonly counts: boolean;
  /** While it may turn out to be another connection's session. */
  readonly isDoubtful: boolean;
  /** Of this connection so far. */
  readonly bytesSent: number;
  readonly skips: number;
}

/**
 * Tells a mount's roster who listens in this isolate: the first at once, then those who join or leave together in one call.
 *
 * A call belongs to the request of a listener and may end with it; then the next to join, leave or ask the mount makes it.
 * After one that had no answer everything is told again.
 */
export class RosterReporter {
  readonly #mount: MountPath;
  readonly #runtime = crypto.randomUUID();
  #order = 0;
  readonly #open = new Set<ReportedSession>();
  /** Not told yet, for they may be probes. */
  readonly #unsure = new Set<ReportedSession>();
  #joined = new Set<ReportedSession>();
  #left = new Set<number>();
  #wantsWhole = true;
  /** Something has changed that was not told. */
  #isChanged = false;
  /** Of connections that are over, but for `connections` and `sessions`. */
  #totals = { connections: 0, sessions: 0, bytesSent: 0, slowListeners: 0 };
  #records: SessionRecord[] = [];
  #recordsFrom = 0;
  #everyMs: number = rosterLimits.everyMs;
  #idleMs: number = rosterLimits.idleMs;
  /** The newest order that was carried out. */
  #orders = 0;
  #calledMs = 0;
  #wholeMs = 0;
  #telling: { sinceMs: number } | null = null;

  constructor(mount: MountPath) {
    this.#mount = mount;
  }

  get hasListeners(): boolean {
    return this.#open.size > 0;
  }

  /** Nobody listens and everything was told. */
  get isDone(): boolean {
    return this.#open.size === 0 && !this.#isDue && this.#telling === null;
  }

  /** When the roster was called last. */
  get calledMs(): number {
    return this.#calledMs;
  }

  /** `as`: a new session's connection, another one of a session, or a listener who was moved here on the one it has. */
  join(reported: ReportedSession, as: "new" | "resumed" | "moved", host: Host): void {
    this.#open.add(reported);
    if (as !== "resumed") this.#totals.sessions++;
    if (as !== "moved") this.#totals.connections++;
    this.#left.delete(reported.session.id);
    if (reported.counts) this.#joined.add(reported);
    else this.#unsure.add(reported);
    if (!reported.counts) return;
    this.#isChanged = true;
    this.tell(host);
  }

  /** `wasProbe`: there was no session. To be told by the caller: whoever goes on with the session is told of along with it. */
  leave(reported: ReportedSession, wasProbe: boolean): void {
    this.#open.delete(reported);
    this.#joined.delete(reported);
    if (wasProbe) this.#totals.sessions--;
    this.#totals.bytesSent += reported.bytesSent;
    this.#totals.slowListeners += reported.skips;
    if (!this.#unsure.delete(reported)) this.#left.add(reported.session.id);
    this.#isChanged = true;
  }

  /** Its session, of number `id` until now, is another's that has just been left. */
  rename(reported: ReportedSession, id: number, host: Host): void {
    this.#totals.sessions--;
    this.#unsure.delete(reported);
    this.#left.delete(reported.session.id);
    this.#left.add(id);
    this.#joined.add(reported);
    this.#isChanged = true;
    this.tell(host);
  }

  /** For the access log. */
  add(record: SessionRecord, host: Host): void {
    this.#records.push(record);
    if (this.#records.length > recordsOnTheirWay) {
      this.#records.shift();
      this.#recordsFrom++;
    }
    this.tell(host);
  }

  /** Tells what is due, if anything is; `host` may be that of any request that works. */
  renew(host: Host): void {
    this.#becomeSure();
    if (this.#open.size > this.#unsure.size && msSince(this.#calledMs) >= this.#idleMs) {
      this.#isChanged = true;
      if (msSince(this.#wholeMs) >= rosterWholeReports * this.#everyMs) this.#wantsWhole = true;
    }
    if (this.#isDue || this.#telling) this.tell(host);
  }

  tell(host: Host): void {
    const lostMs = this.#everyMs + 2 * rosterCallTimeoutMs;
    if (this.#telling && msSince(this.#telling.sinceMs) < lostMs) return;
    // Its request has ended with it, and nobody knows what arrived.
    if (this.#telling) this.#tellEverything();
    const telling = { sinceMs: Date.now() };
    this.#telling = telling;
    host.keepAlive(
      this.#tellOn(host, telling).finally(() => {
        if (this.#telling === telling) this.#telling = null;
      }),
    );
  }

  get #isDue(): boolean {
    return this.#isChanged || this.#records.length > 0;
  }

  async #tellOn(host: Host, telling: { sinceMs: number }): Promise<void> {
    let failures = 0;
    do {
      telling.sinceMs = Date.now();
      const sinceMs = msSince(this.#calledMs);
      if (sinceMs < this.#everyMs) await scheduler.wait(this.#everyMs - sinceMs);
      // Another has taken over meanwhile.
      if (this.#telling !== telling) return;
      failures = (await this.#tellOnce(host)) ? 0 : failures + 1;
    } while (this.#isDue && failures < rosterTries && this.#telling === telling);
  }

  async #tellOnce(host: Host): Promise<boolean> {
    const report = this.#report();
    this.#calledMs = Date.now();
    if (report.whole) this.#wholeMs = this.#calledMs;
    isolateAsked.rosterCalls++;
    const answer = host.env.ROSTER.getByName(this.#mount).report(this.#mount, report);
    const reply = await settledWithin<RosterReply>(answer, rosterCallTimeoutMs);
    if (!reply) {
      console.warn("a roster does not answer", this.#mount);
      this.#tellEverything();
      return false;
    }
    this.#everyMs = reply.everyMs;
    this.#idleMs = reply.idleMs;
    if (reply.wantsWhole) this.#tellEverything();
    const orders = (reply.orders ?? []).filter(({ order }) => order.sequence > this.#orders);
    this.#orders = Math.max(this.#orders, newestOrder(orders));
    if (orders.length > 0) obeyOrders(this.#mount, orders, host);
    // More may have been lost from the front than were told.
    const told = Math.max(0, report.recordsFrom + report.records.length - this.#recordsFrom);
    this.#records = this.#records.slice(told);
    this.#recordsFrom += told;
    return true;
  }

  #tellEverything(): void {
    this.#wantsWhole = true;
    this.#isChanged = true;
  }

  #report(): RosterReport {
    this.#becomeSure();
    const known = [...this.#open].filter((reported) => !this.#unsure.has(reported));
    const whole = this.#wantsWhole;
    const joined = whole ? known : [...this.#joined];
    const left = whole ? [] : [...this.#left];
    this.#wantsWhole = false;
    this.#isChanged = false;
    this.#joined = new Set();
    this.#left = new Set();
    const byCountry: Record<string, number> = {};
    for (const { session } of known) {
      const country = session.country ?? "";
      byCountry[country] = (byCountry[country] ?? 0) + 1;
    }
    return {
      runtime: this.#runtime,
      order: ++this.#order,
      whole,
      joined: joined.slice(0, rosterLimits.sessions).map(({ session }) => session),
      left,
      byCountry,
      totals: this.#totalsNow(),
      records: this.#records.slice(0, recordsPerCall),
      recordsFrom: this.#recordsFrom,
    };
  }

  #totalsNow(): RosterTotals {
    let { sessions, bytesSent, slowListeners } = this.#totals;
    for (const reported of this.#open) {
      bytesSent += reported.bytesSent;
      slowListeners += reported.skips;
      // Nobody is told of sessions that may yet be none: what is counted never falls.
      if (reported.isDoubtful || this.#unsure.has(reported)) sessions--;
    }
    return { ...this.#totals, sessions, bytesSent, slowListeners };
  }

  #becomeSure(): void {
    for (const reported of this.#unsure) {
      if (!reported.counts) continue;
      this.#unsure.delete(reported);
      this.#joined.add(reported);
      this.#isChanged = true;
    }
  }
}
