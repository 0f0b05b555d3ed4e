import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ListenerSession, SessionRecord } from "../../shared/listener-session.ts";
import { noTotals, reportDistances, Roster, type RosterReport } from "../../shared/roster.ts";
import { type MountPath, millis } from "../../shared/units.ts";

const limits = {
  everyMs: 2_000,
  idleMs: 4_000,
  reportsPerSecond: 250,
  silentReports: 16,
  sessions: 20,
  runtimes: 10_000,
  countsMs: 3_600_000,
};
const salt = () => [1, 2, 3, 4];
const session = (id: number, address: string | null = `10.0.0.${id}`): ListenerSession => ({
  id,
  mount: "/live.mp3" as MountPath,
  address,
  userAgent: "VLC",
  referer: "",
  country: null,
  user: null,
  request: "GET /live.mp3 HTTP/1.1",
  startedMs: millis(0),
});
const record = (id: number): SessionRecord => ({ ...session(id), endedMs: millis(9), bytesSent: 7 });
const report = (runtime: string, order: number, more: Partial<RosterReport> = {}): RosterReport => ({
  runtime,
  order,
  whole: order === 1,
  joined: [],
  left: [],
  byCountry: {},
  totals: noTotals,
  records: [],
  recordsFrom: 0,
  ...more,
});
const totals = (sessions: number, bytesSent = 0) => ({
  ...noTotals,
  connections: sessions,
  sessions,
  bytesSent,
});
const idsOf = (roster: Roster, now = 0) =>
  roster
    .list(millis(now))
    .map(({ id }) => id)
    .toSorted((a, b) => a - b);

describe("a roster", () => {
  it("lists who has joined and not left, in all runtimes", () => {
    const roster = new Roster(limits);
    const tell = (each: RosterReport) => roster.report(each, millis(0), salt).reply;
    tell(report("a", 1, { joined: [session(1), session(2)], byCountry: { DE: 1, "": 1 } }));
    tell(report("b", 1, { joined: [session(3)], byCountry: { DE: 1 } }));
    expect(idsOf(roster)).toEqual([1, 2, 3]);
    expect(roster.audience(millis(0)).byCountry).toEqual({ DE: 2, "": 1 });
    tell(report("a", 2, { left: [1], byCountry: { "": 1 } }));
    expect(idsOf(roster)).toEqual([2, 3]);
    // Late and twice.
    tell(report("a", 1, { joined: [session(1), session(2)] }));
    tell(report("a", 2, { left: [2] }));
    expect(idsOf(roster)).toEqual([2, 3]);
    expect([roster.mayHave(2, millis(0)), roster.mayHave(1, millis(0))]).toEqual([true, false]);
  });

  it("wants everything from a runtime that it does not know, or of whom it lacks somebody", () => {
    const roster = new Roster(limits);
    const tell = (each: RosterReport) => roster.report(each, millis(0), salt).reply.wantsWhole;
    expect(tell(report("a", 5, { joined: [session(5)], byCountry: { "": 3 } }))).toBe(true);
    const whole = { whole: true, joined: [session(4), session(5), session(6)], byCountry: { "": 3 } };
    expect(tell(report("a", 6, whole))).toBe(false);
    expect(tell(report("a", 7, { left: [4], byCountry: { "": 2 } }))).toBe(false);
    expect(tell(report("a", 8, { left: [], byCountry: { "": 3 } }))).toBe(true);
    expect(idsOf(roster)).toEqual([5, 6]);
  });

  it("forgets the listeners of a runtime that has fallen silent, and keeps what it has counted", () => {
    const roster = new Roster(limits);
    const first = report("a", 1, { joined: [session(1)], byCountry: { DE: 1 }, totals: totals(1, 500) });
    roster.report(first, millis(0), salt);
    expect(idsOf(roster, 32_000)).toEqual([1]);
    expect(idsOf(roster, 32_001)).toEqual([]);
    expect(roster.audience(millis(32_001))).toMatchObject({ sessions: 1, bytesSent: 500, byCountry: {} });
  });

  it("lists no more sessions than it may, counts them all, and takes orders for those it does not list", () => {
    const roster = new Roster(limits);
    const joined = Array.from({ length: 30 }, (_, index) => session(index + 1));
    const { reply } = roster.report(
      report("a", 1, { joined, byCountry: { "": 30 }, totals: totals(30) }),
      millis(0),
      salt,
    );
    expect(reply.wantsWhole).toBe(false);
    expect(idsOf(roster)).toHaveLength(limits.sessions);
    expect(roster.audience(millis(0))).toMatchObject({
      sessions: 30,
      byCountry: { "": 30 },
      uniqueToday: 30,
    });
    expect(roster.mayHave(30, millis(0))).toBe(true);
    const { reply: next } = roster.report(report("a", 2, { byCountry: { "": 30 } }), millis(0), salt);
    expect(next.wantsWhole).toBe(false);
    const left = joined.slice(0, 15).map(({ id }) => id);
    roster.report(report("a", 3, { left, byCountry: { "": 15 } }), millis(0), salt);
    expect(idsOf(roster)).toHaveLength(5);
  });

  it("asks its runtimes for no more reports than it can take", () => {
    const roster = new Roster(limits);
    let everyMs = 0;
    for (let index = 1; index <= 2_000; index++) {
      ({ everyMs } = roster.report(report(`runtime ${index}`, 1), millis(0), salt).reply);
    }
    expect(everyMs).toBe(8_000);
    const one = new Roster(limits).report(report("a", 1), millis(0), salt);
    expect(one.reply).toMatchObject({ everyMs: 2_000, idleMs: 4_000 });
    expect([10, 2_000].map((runtimes) => reportDistances(runtimes, limits).idleMs)).toEqual([20_000, 80_000]);
  });

  it("takes each record once, whichever reports are lost or repeated", () => {
    const roster = new Roster(limits);
    const take = (order: number, from: number, ids: number[]) =>
      roster
        .report(report("a", order, { records: ids.map(record), recordsFrom: from }), millis(0), salt)
        .records.map(({ id }) => id);
    expect(take(1, 0, [1, 2])).toEqual([1, 2]);
    expect(take(2, 0, [1, 2, 3])).toEqual([3]);
    expect(take(2, 0, [1, 2, 3])).toEqual([]);
    // Some were dropped on the other side.
    expect(take(3, 5, [6])).toEqual([6]);
    expect(take(4, 0, [1, 2, 3])).toEqual([]);
    expect(take(5, 6, [7])).toEqual([7]);
  });

  it("counts a broadcast from its beginning, and sources once each", () => {
    const roster = new Roster(limits);
    roster.begin(1, true);
    roster.report(report("a", 1, { totals: totals(5, 100) }), millis(0), salt);
    roster.begin(1, true);
    roster.begin(3, false);
    expect(roster.audience(millis(0))).toMatchObject({ sessions: 5, bytesSent: 100 });
    roster.begin(4, true);
    roster.report(report("a", 2, { totals: totals(7, 150) }), millis(0), salt);
    expect(roster.audience(millis(0))).toMatchObject({ sessions: 2, bytesSent: 50 });
    expect(roster.totals).toMatchObject({ sources: 3, sessions: 7, bytesSent: 150 });
  });

  it("counts different listeners anew each day, with another salt, and forgets the old one at midnight", () => {
    const roster = new Roster(limits);
    const dayMs = 86_400_000;
    const salts = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ];
    const drawn = () => salts.shift() ?? [];
    const joined = [session(1), session(2, "10.0.0.1"), session(3, null), session(4, null)];
    roster.report(report("a", 1, { joined }), millis(dayMs - 1), drawn);
    expect(roster.audience(millis(dayMs - 1)).uniqueToday).toBe(3);
    expect(roster.audience(millis(dayMs)).uniqueToday).toBe(0);
    roster.forgetYesterday(millis(dayMs - 1));
    expect(roster.stored.unique?.salt).toEqual([1, 2, 3, 4]);
    roster.forgetYesterday(millis(dayMs));
    expect(roster.stored.unique).toBeNull();
    roster.report(report("a", 2, { whole: true, joined: [session(1)] }), millis(dayMs + 1), drawn);
    expect(roster.audience(millis(dayMs + 1)).uniqueToday).toBe(1);
    expect(roster.stored.unique?.salt).toEqual([5, 6, 7, 8]);
  });

  it("counts the same whatever is lost or comes late or twice, and whenever its object begins a new life", () => {
    const step = fc.record({
      runtime: fc.constantFrom("a", "b", "c"),
      joins: fc.nat(3),
      bytes: fc.nat(1_000),
      fate: fc.constantFrom("arrives", "arrives", "lost", "twice", "late"),
      dies: fc.constantFrom("no", "no", "stored", "no"),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 50 }), (steps) => {
        let roster = new Roster(limits);
        let stored = structuredClone(roster.stored);
        const told = new Map<string, { order: number; sessions: number; bytes: number }>();
        const late: RosterReport[] = [];
        const tell = (each: RosterReport) => roster.report(each, millis(0), salt);
        for (const { runtime, joins, bytes, fate, dies } of steps) {
          const own = told.get(runtime) ?? { order: 0, sessions: 0, bytes: 0 };
          const now = { order: own.order + 1, sessions: own.sessions + joins, bytes: own.bytes + bytes };
          told.set(runtime, now);
          const each = report(runtime, now.order, { totals: totals(now.sessions, now.bytes) });
          if (fate === "late") late.push(each);
          else if (fate !== "lost") tell(each);
          if (fate === "twice") tell(each);
          if (fate === "twice") stored = structuredClone(roster.stored);
          if (dies === "stored") roster = new Roster(limits, structuredClone(stored));
        }
        // Everybody speaks once more; what was late comes after it.
        for (const [runtime, { order, sessions, bytes }] of told) {
          tell(report(runtime, order + 1, { totals: totals(sessions, bytes) }));
        }
        for (const each of late) tell(each);
        const all = [...told.values()];
        expect(roster.totals).toMatchObject({
          sessions: all.reduce((sum, { sessions }) => sum + sessions, 0),
          bytesSent: all.reduce((sum, { bytes }) => sum + bytes, 0),
        });
      }),
    );
  });
});
