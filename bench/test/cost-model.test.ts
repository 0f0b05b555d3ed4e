import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reportDistances } from "../../shared/roster.ts";
import { mountCallHoldMs, relayLimits, rosterLimits } from "../../worker/limits.ts";
import { costFindings } from "../cost.ts";
import {
  archiveDay,
  costOf,
  dollarsFor,
  monthSeconds,
  mostIsolates,
  occupied,
  perSegmentAndIsolate,
  prices,
  ratesOf,
  renewalsPerSegment,
  toldToRosters,
  type Station,
  usualStation,
} from "../cost-model.ts";

const station = fc
  .record({
    mounts: fc.integer({ min: 1, max: 200 }),
    listeners: fc.integer({ min: 1, max: 2_000_000 }),
    segmentSeconds: fc.constantFrom(1, 2, 4, 6, 10),
    dataCentres: fc.integer({ min: 1, max: 300 }),
    hasLimits: fc.boolean(),
    sessionSeconds: fc.integer({ min: 60, max: 36_000 }),
  })
  .map(({ mounts, listeners, ...given }) => usualStation(mounts, listeners, given));

describe("the operations of a station", () => {
  it("are those that are counted on the real runtime: a read and a call for each segment and isolate", () => {
    // test/e2e/reads.test.ts: 1, 100 or 1,000 listeners of one isolate, 2 s segments, no limits.
    expect(perSegmentAndIsolate(2)).toEqual({ bucketReads: 1, mountCalls: 1 });
    for (const listeners of [1, 100, 1_000]) {
      const rates = ratesOf(usualStation(1, listeners, { isolates: 1 }));
      const announcements = 0.5;
      expect(rates.bucketReads * 2).toBe(1);
      expect((rates.callsPerMount - announcements) * 2).toBe(1);
      // Of which an isolate makes one a second at most, and the mount one in two.
      expect(rates.directoryCalls * 2).toBeLessThanOrEqual(2 * (1000 / 2_000) + 2);
    }
  });

  it("are these for one mount with 1,000 listeners on ten isolates", () => {
    const { reports, saves } = toldToRosters(10, 1_000 / 1_800);
    // An isolate has a change in nine seconds, and tells it at once or two seconds after the last.
    expect(reports).toBeCloseTo(1.2, 1);
    expect(saves).toBe(0.1);
    const polls = 0.2;
    expect(ratesOf(usualStation(1, 1_000))).toEqual({
      puts: 0.5,
      bucketReads: 5,
      callsPerMount: 5.5,
      mountCalls: 5.5,
      relayCalls: 0,
      // Figures are told every two seconds; each that comes looks at the settings.
      directoryCalls: 0.5 + 1_000 / 1_800,
      rosterCalls: reports + saves,
      ledgerCalls: saves + polls,
      archiveCalls: 0.1,
      rowsWritten: 0.5 + 6 * saves + 0.1,
      requests: 1_000 / 1_800 + 0.5 + polls,
      cpu: 0.052,
      objects: 2 + 0.002 * (reports + 2 * saves + polls + 0.1),
      isolatesPerMount: 10,
      relaysPerMount: 0,
    });
  });

  it("of a mount are not more with ten times the listeners on the same isolates", () => {
    const few = ratesOf(usualStation(1, 500, { isolates: 10 }));
    const many = ratesOf(usualStation(1, 5_000, { isolates: 10 }));
    expect(many.bucketReads).toBe(few.bucketReads);
    expect(many.callsPerMount).toBe(few.callsPerMount);
  });

  it("never ask one object more often than it can answer, however many listen", () => {
    fc.assert(
      fc.property(station, (each) => {
        if (each.hasLimits) return;
        const rates = ratesOf(each);
        expect(rates.callsPerMount).toBeLessThanOrEqual(relayLimits.mountCalls + 5);
        if (rates.relaysPerMount > 0 && rates.isolatesPerMount < 10_000) {
          const one = rates.relayCalls / each.mounts / (rates.relaysPerMount / each.regions);
          expect(one).toBeLessThanOrEqual(2 * relayLimits.relayCalls);
        }
      }),
    );
  });

  it.each([
    [1, 0],
    [2, 0],
    [4, 1],
    [5, 1],
    [6, 2],
  ])("with segments of %d s have %d words of the source between two announcements", (seconds, words) => {
    expect(renewalsPerSegment(seconds)).toBe(words);
  });

  it("of a roster are as many as its isolates make by themselves, and those of the simulated ones", () => {
    expect(toldToRosters(1, 0).reports).toBeCloseTo(1 / 4);
    expect(toldToRosters(10, 0).reports).toBeCloseTo(10 / 20);
    expect(toldToRosters(10, 1_000).reports).toBeCloseTo(10 / 2);
    expect(toldToRosters(2_000, 100_000).reports).toBeCloseTo(250);
    expect(simulatedReports(10, 1_000 / 1_800)).toBeCloseTo(toldToRosters(10, 1_000 / 1_800).reports, 1);
  });

  it("hold a question again when a segment is longer than it may be held", () => {
    expect(perSegmentAndIsolate(mountCallHoldMs / 1000).mountCalls).toBe(1);
    expect(perSegmentAndIsolate(mountCallHoldMs / 1000 + 1).mountCalls).toBe(2);
  });
});

describe("a day in the archive", () => {
  it("is 48 objects where it was 43,200, and little is written for that", () => {
    const day = { segmentSeconds: 2, bitrateKbps: 128 };
    expect(archiveDay(day, false)).toEqual({ objects: 43_200, writes: 0, reads: 0, readsToFetch: 43_200 });
    const merged = archiveDay(day, true);
    expect(merged.objects).toBe(48);
    // As counted with the code itself: bench/archive.ts has six listings of a chunk.
    expect(merged.writes).toBe(24 * (7 + 2 + 1 + 6));
    expect(merged.reads).toBe(43_200 + 72);
    expect(merged.readsToFetch).toBeLessThan(1_400);
  });

  it("adds a read of every segment to a month", () => {
    const [as, merged] = [false, true].map((isMerged) => costOf(usualStation(1, 1_000, { isMerged })).month);
    expect((merged?.classB ?? 0) - (as?.classB ?? 0)).toBeCloseTo((monthSeconds / 86_400) * 43_272);
    expect((merged?.classA ?? 0) - (as?.classA ?? 0)).toBeCloseTo((monthSeconds / 86_400) * 384);
  });
});

describe("reads of a data centre with a shared cache", () => {
  it("are not more for more isolates, and never more than without", () => {
    const shared = usualStation(1, 100_000, { readBy: "data centre" });
    expect(ratesOf(shared).bucketReads).toBeCloseTo(5);
    expect(ratesOf({ ...shared, isolates: 400 }).bucketReads).toBeCloseTo(5);
    expect(ratesOf({ ...shared, readBy: "isolate" }).bucketReads).toBeCloseTo(100);
  });
});

describe("places that are occupied", () => {
  it("are one for one, all for very many, and never more than people or places", () => {
    expect(occupied(10, 0.1)).toBe(0.1);
    expect(occupied(10, 1)).toBeCloseTo(1);
    expect(occupied(10, 100_000)).toBeCloseTo(10);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        (places, people) => {
          expect(occupied(places, people)).toBeLessThanOrEqual(Math.min(places, people) + 1e-6);
        },
      ),
    );
  });
});

describe("the price of a month", () => {
  it("is nothing within what the plan includes, and counts whole millions where they are sold so", () => {
    expect(dollarsFor(10e6, prices.classB)).toBe(0);
    expect(dollarsFor(10e6 + 1, prices.classB)).toBe(0.36);
    expect(dollarsFor(3e6, prices.objectRequests)).toBeCloseTo(0.3);
  });

  it("is this, worked out by hand, for one mount with 1,000 listeners on ten isolates", () => {
    expect(monthSeconds).toBe(2_628_000);
    const { month, dollars, total } = costOf(usualStation(1, 1_000));
    // What the archive merges comes on top: 384 and 43,272 a day.
    expect(month.classA).toBeCloseTo(1_314_000 + 11_680);
    expect(month.classB).toBeCloseTo(13_140_000 + 1_316_190);
    // 14,454,000 of the mount, 2,774,000 of the directory, 3,455,482 of the roster, 788,400 of the ledger, 262,800 of the archive.
    expect(month.objectRequests).toBeCloseTo(21_734_682, -1);
    expect(month.objectGbSeconds).toBeCloseTo(2.00343 * 336_384, -1);
    expect(month.storedGb).toBeCloseTo(1.3824, 6);
    const cents = Object.fromEntries(
      Object.entries(dollars).map(([name, each]) => [name, Math.round(each * 100)]),
    );
    expect(cents).toEqual({
      plan: 500,
      requests: 0,
      cpuMs: 213,
      objectRequests: 311,
      objectGbSeconds: 342,
      rowsWritten: 0,
      classA: 450,
      classB: 180,
      storedGb: 0,
    });
    expect(total).toBeCloseTo(19.97, 2);
  });

  const larger: (keyof Station)[] = ["listeners", "isolates", "mounts", "keptDays", "cpuMicroseconds"];
  it.each(larger)("does not fall when there are more %s", (name) => {
    fc.assert(
      fc.property(station, fc.integer({ min: 1, max: 1_000 }), (each, more) => {
        // Relays save calls: what is dearer without them may be cheaper with them.
        const before = ratesOf(each);
        const grown = { ...each, [name]: Number(each[name]) + more };
        fc.pre(ratesOf(grown).relaysPerMount === before.relaysPerMount);
        // More isolates speak to a roster more seldom: a ten-thousandth less may come of that.
        expect(costOf(grown).total).toBeGreaterThanOrEqual(costOf(each).total * (1 - 1e-4));
      }),
    );
  });

  it("per listener falls as they become more", () => {
    const each = [10, 1_000, 100_000, 1_000_000].map(
      (listeners) => costOf(usualStation(1, listeners)).total / listeners,
    );
    expect(each.toSorted((a, b) => b - a)).toEqual(each);
  });

  it("tells for how many isolates an amount is enough", () => {
    const some = usualStation(1, 1_000);
    const most = mostIsolates(some, 20);
    expect(costOf({ ...some, isolates: most }).total).toBeLessThanOrEqual(20);
    expect(costOf({ ...some, isolates: most + 1 }).total).toBeGreaterThan(20);
    expect(mostIsolates(some, 1)).toBe(0);
  });
});

describe("the budget", () => {
  it("is told as met or not", () => {
    expect(costFindings().rows[0]?.budget?.isMet).toBe(true);
    expect(costFindings({ segmentSeconds: 1 }).rows[0]?.budget?.isMet).toBe(false);
  });
});

/** Isolates that report as `RosterReporter` does, for a day: reports a second. Drawn evenly, so that it is always the same. */
function simulatedReports(isolates: number, joins: number): number {
  const { everyMs, idleMs } = reportDistances(isolates, rosterLimits);
  const changesPerMs = (2 * joins) / isolates / 1_000;
  const draws = 10_000;
  let allMs = 0;
  for (let draw = 0; draw < draws; draw++) {
    const changeMs = -Math.log(1 - (draw + 0.5) / draws) / changesPerMs;
    allMs += Math.min(Math.max(everyMs, changeMs), idleMs);
  }
  return (isolates * draws * 1_000) / allMs;
}
