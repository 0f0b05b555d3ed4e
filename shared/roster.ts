import type { AgedOrder } from "./order-book.ts";
import { DistinctCount, type StoredDistinctCount } from "./distinct-count.ts";
import type { AudienceCounters, ListenerSession, SessionRecord } from "./listener-session.ts";
import type { Millis } from "./units.ts";

/**
 * Who listens to one mount, as its runtimes (isolates) tell it. Pure; the roster's object keeps one.
 *
 * A runtime tells who has joined and who has left, in batches, and all it has when it begins, when it is asked to, and
 * now and then. What it counts it tells as whole numbers since it began, so a report may be lost, come twice or late: each
 * is numbered, and one that is not newer than the newest counts for nothing. A runtime that falls silent is forgotten with
 * its listeners; what it has counted stays.
 *
 * How often runtimes speak follows from how many there are: every 2 s while there are changes, as long as that makes no
 * more than 250 calls a second; 2,000 isolates are asked to wait 8 s, which is those 250 calls. When nobody joins or leaves
 * all of them together speak every 2 s, but each at least every ten of its distances: 2,000 isolates 25 times a second. They
 * tell everything every sixty distances, 4 a second.
 */
export interface RosterReport {
  /** Made anew whenever the counts begin at zero. */
  readonly runtime: string;
  /** Rises with every report of the runtime. */
  readonly order: number;
  /** `joined` is everybody. */
  readonly whole: boolean;
  readonly joined: readonly ListenerSession[];
  /** Numbers of sessions. */
  readonly left: readonly number[];
  /** All sessions of the runtime by country, `""` where it is not known. */
  readonly byCountry: Readonly<Record<string, number>>;
  readonly totals: RosterTotals;
  /** Sessions that are over, where the station keeps an access log: the first of them is the runtime's record `recordsFrom`. */
  readonly records: readonly SessionRecord[];
  readonly recordsFrom: number;
}

/** What is counted of a mount's listeners. */
export interface RosterTotals {
  /** Requests that got a stream. */
  readonly connections: number;
  readonly sessions: number;
  readonly bytesSent: number;
  readonly slowListeners: number;
}

/** How often a runtime is to speak. */
export interface ReportDistances {
  /** The distance to keep between two reports, ms. */
  readonly everyMs: number;
  /** How long to say nothing while nothing changes, ms. */
  readonly idleMs: number;
}

/** Of so many runtimes. */
export function reportDistances(
  runtimes: number,
  limits: Pick<RosterLimits, "everyMs" | "idleMs" | "reportsPerSecond">,
): ReportDistances {
  const everyMs = Math.max(limits.everyMs, Math.ceil((runtimes * 1000) / limits.reportsPerSecond));
  const idleMs = Math.max(limits.idleMs, Math.min(10 * everyMs, runtimes * limits.everyMs));
  return { everyMs, idleMs };
}

export interface RosterReply extends ReportDistances {
  /** The next report is to be a whole one. */
  readonly wantsWhole: boolean;
  /** Of a mount whose object nobody asks: what its listeners are ordered, those of the last minute. */
  readonly orders?: readonly AgedOrder[];
}

export interface RosterLimits {
  /** Between two reports of a runtime, ms, at least... */
  readonly everyMs: number;
  /** ...and so that no more come in a second. */
  readonly reportsPerSecond: number;
  /** How long a runtime says nothing while nothing changes, ms, at least. */
  readonly idleMs: number;
  /** Silence after which a runtime is forgotten, in distances between reports, and never less than two reports that were lost. */
  readonly silentReports: number;
  /** Sessions that are listed; more are only counted. */
  readonly sessions: number;
  /** Runtimes whose counts are known, and for how long after their last word, ms. */
  readonly runtimes: number;
  readonly countsMs: number;
}

export interface StoredRoster {
  readonly format: 1;
  /** Of the source that took the mount last. */
  readonly epoch: number;
  /** How many have taken it. */
  readonly sources: number;
  /** Since the mount was there. */
  readonly totals: RosterTotals;
  /** When the broadcast began. */
  readonly before: RosterTotals;
  /** What of each runtime's counts is in `totals`. */
  readonly counted: Readonly<Record<string, CountedRuntime>>;
  /** Days since the Unix epoch; null before the first listener. */
  readonly unique: (StoredDistinctCount & { readonly day: number }) | null;
}

interface CountedRuntime {
  readonly totals: RosterTotals;
  readonly records: number;
  readonly seenMs: number;
}

interface LiveRuntime {
  order: number;
  seenMs: number;
  readonly sessions: Map<number, ListenerSession>;
  byCountry: Readonly<Record<string, number>>;
}

export const noTotals: RosterTotals = { connections: 0, sessions: 0, bytesSent: 0, slowListeners: 0 };

const emptyRoster: StoredRoster = {
  format: 1,
  epoch: 0,
  sources: 0,
  totals: noTotals,
  before: noTotals,
  counted: {},
  unique: null,
};

/** What a report brings besides: sessions for the access log, none of them twice. */
export interface Reported {
  readonly reply: RosterReply;
  readonly records: readonly SessionRecord[];
}

export class Roster {
  readonly #limits: RosterLimits;
  readonly #runtimes = new Map<string, LiveRuntime>();
  readonly #counted: Map<string, CountedRuntime>;
  #listed = 0;
  #epoch: number;
  #sources: number;
  #totals: RosterTotals;
  #before: RosterTotals;
  #unique: { readonly day: number; readonly count: DistinctCount } | null;

  constructor(limits: RosterLimits, stored: StoredRoster = emptyRoster) {
    this.#limits = limits;
    this.#epoch = stored.epoch;
    this.#sources = stored.sources;
    this.#totals = stored.totals;
    this.#before = stored.before;
    this.#counted = new Map(Object.entries(stored.counted));
    const { unique } = stored;
    this.#unique = unique && { day: unique.day, count: new DistinctCount(unique) };
  }

  get stored(): StoredRoster {
    const unique = this.#unique && { day: this.#unique.day, ...this.#unique.count.stored };
    return {
      format: 1,
      epoch: this.#epoch,
      sources: this.#sources,
      totals: this.#totals,
      before: this.#before,
      counted: Object.fromEntries(this.#counted),
      unique,
    };
  }

  /** Since the mount was there, with the sources that took it. */
  get totals(): RosterTotals & { readonly sources: number } {
    return { ...this.#totals, sources: this.#sources };
  }

  /** A source has taken the mount, which may be told twice; `isFresh`: a broadcast begins, and its counts. */
  begin(epoch: number, isFresh: boolean): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    this.#sources++;
    if (isFresh) this.#before = this.#totals;
  }

  /** `saltOf` makes the salt of a day's hashes: random, and never the same. */
  report(report: RosterReport, now: Millis, saltOf: () => readonly number[]): Reported {
    this.#expire(now);
    const { runtime } = report;
    const known = this.#runtimes.get(runtime);
    if (known && report.order <= known.order) return { reply: this.#reply(false), records: [] };
    if (!known && this.#runtimes.size >= this.#limits.runtimes)
      return { reply: this.#reply(false), records: [] };
    const live = known ?? { order: 0, seenMs: 0, sessions: new Map(), byCountry: {} };
    this.#runtimes.set(runtime, live);
    live.order = report.order;
    live.seenMs = now;
    live.byCountry = report.byCountry;
    this.#list(live, report);
    this.#countUnique(report.joined, now, saltOf);
    const records = this.#count(report, now);
    return { reply: this.#reply(!report.whole && this.#isIncomplete(live, known !== undefined)), records };
  }

  /** Sessions that last, in no order. */
  list(now: Millis): ListenerSession[] {
    this.#expire(now);
    return [...this.#runtimes.values()].flatMap(({ sessions }) => [...sessions.values()]);
  }

  /** Whether a session lasts, as far as is known: there may be more than are listed. */
  mayHave(id: number, now: Millis): boolean {
    this.#expire(now);
    const all = [...this.#runtimes.values()];
    return (
      all.some(({ sessions }) => sessions.has(id)) || all.some((live) => countOf(live) > live.sessions.size)
    );
  }

  audience(now: Millis): AudienceCounters {
    this.#expire(now);
    const byCountry: Record<string, number> = {};
    for (const live of this.#runtimes.values()) {
      for (const [country, count] of Object.entries(live.byCountry)) {
        byCountry[country] = (byCountry[country] ?? 0) + count;
      }
    }
    const { sessions, bytesSent, slowListeners } = sum(this.#totals, this.#before, -1);
    const isToday = this.#unique?.day === dayOf(now);
    return {
      sessions,
      bytesSent,
      slowListeners,
      byCountry,
      uniqueToday: isToday ? (this.#unique?.count.count ?? 0) : 0,
    };
  }

  /** The salt of a day that is over is thrown away, and what was counted with it. */
  forgetYesterday(now: Millis): void {
    if (this.#unique && this.#unique.day !== dayOf(now)) this.#unique = null;
  }

  #list(live: LiveRuntime, { whole, joined, left }: RosterReport): void {
    if (whole) {
      this.#listed -= live.sessions.size;
      live.sessions.clear();
    }
    for (const id of left) {
      if (live.sessions.delete(id)) this.#listed--;
    }
    for (const session of joined) {
      const isKnown = live.sessions.has(session.id);
      if (!isKnown && this.#listed >= this.#limits.sessions) continue;
      if (!isKnown) this.#listed++;
      live.sessions.set(session.id, session);
    }
  }

  #countUnique(joined: readonly ListenerSession[], now: Millis, saltOf: () => readonly number[]): void {
    if (joined.length === 0) return;
    const day = dayOf(now);
    if (this.#unique?.day !== day) this.#unique = { day, count: DistinctCount.empty(saltOf()) };
    // Of a listener without an address nothing is known but that it is one.
    for (const { address, userAgent, id } of joined) {
      this.#unique.count.add(address === null ? String(id) : `${address}\n${userAgent}`);
    }
  }

  #count({ runtime, totals, records, recordsFrom }: RosterReport, now: Millis): readonly SessionRecord[] {
    const before = this.#counted.get(runtime);
    this.#totals = sum(this.#totals, sum(totals, before?.totals ?? noTotals, -1), 1);
    const taken = before?.records ?? 0;
    const end = Math.max(taken, recordsFrom + records.length);
    // The one heard of last comes last.
    this.#counted.delete(runtime);
    this.#counted.set(runtime, { totals, records: end, seenMs: now });
    for (const [name, { seenMs }] of this.#counted) {
      if (now - seenMs <= this.#limits.countsMs && this.#counted.size <= this.#limits.runtimes) break;
      this.#counted.delete(name);
    }
    return records.slice(Math.max(0, taken - recordsFrom));
  }

  #isIncomplete(live: LiveRuntime, wasKnown: boolean): boolean {
    return !wasKnown || (countOf(live) !== live.sessions.size && this.#listed < this.#limits.sessions);
  }

  #reply(wantsWhole: boolean): RosterReply {
    return { ...this.#distances, wantsWhole };
  }

  get #distances(): ReportDistances {
    return reportDistances(this.#runtimes.size, this.#limits);
  }

  #expire(now: Millis): void {
    const { everyMs, idleMs } = this.#distances;
    const silentMs = Math.max(this.#limits.silentReports * everyMs, 3 * idleMs);
    for (const [name, { seenMs, sessions }] of this.#runtimes) {
      if (now - seenMs <= silentMs) continue;
      this.#runtimes.delete(name);
      this.#listed -= sessions.size;
    }
  }
}

const countOf = ({ byCountry }: LiveRuntime): number =>
  Object.values(byCountry).reduce((all, count) => all + count, 0);

const dayOf = (now: Millis): number => Math.floor(now / 86_400_000);

const sum = (a: RosterTotals, b: RosterTotals, times: 1 | -1): RosterTotals => ({
  connections: a.connections + times * b.connections,
  sessions: a.sessions + times * b.sessions,
  bytesSent: a.bytesSent + times * b.bytesSent,
  slowListeners: a.slowListeners + times * b.slowListeners,
});
