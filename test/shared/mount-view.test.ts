import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keepOrders, newestOrder, type TimedOrder } from "../../shared/order-book.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { emptyMount, type MountEvent, type MountLimits, reduceMount } from "../../shared/mount-state.ts";
import { factsOf, hasNews, learn, type MountFacts, viewOf } from "../../shared/mount-view.ts";
import type { Position } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

const mount = mountPath("/live.mp3");
const limits: MountLimits = {
  stuckMs: 2_000,
  windowMs: 8_000,
  windowBytes: 1,
  windowSegments: 6,
  reportTtlMs: 15_000,
  reporters: 100,
};
const claim: MountEvent = {
  kind: "claim",
  ingest: "host",
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
  credential: "dj",
  takeover: "always",
  policy: { segmentMs: 2_000, graceMs: 15_000 },
};
const positionOf = (at: Position | undefined): Position | null =>
  at ? { epoch: at.epoch, sequence: at.sequence } : null;

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("announce" as const), title: fc.option(fc.nat(99)) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("learn" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("claim" as const, "release" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(500, 7_000, 30_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "order" as const }) },
);
const steps = fc.array(step, { minLength: 20, maxLength: 80, size: "max" });

describe("what a relay knows of a mount", () => {
  it("gives every asker the answer that the mount would give", () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (broadcast, picks) => {
        const positions: Position[] = [];
        let state = emptyMount;
        let known: MountFacts | null = null;
        let orders: readonly TimedOrder[] = [];
        let given = 0;
        let now = 1_000_000;
        let next = 0;
        const apply = (event: MountEvent) => {
          state = reduceMount(state, event, millis(now), limits).state;
        };
        for (const each of broadcast) {
          if (each.kind === "time") now += each.ms;
          if (each.kind === "claim") {
            apply(claim);
            next = 0;
          }
          if (each.kind === "release" && state.holder) apply({ kind: "release", epoch: epoch(state.epoch) });
          if (each.kind === "forget") known = null;
          if (each.kind === "announce" && state.holder) {
            const at = { epoch: epoch(state.epoch), sequence: sequence(next++) };
            positions.push(at);
            const titles = each.title === null ? [] : [{ atSample: sampleCount(0), text: `${each.title}` }];
            const length = { samples: sampleCount(88_200), sampleRate: 44_100, bytes: 32_000 };
            apply({
              kind: "announce",
              segment: { ...at, ...length, startMs: millis(0), firstSample: sampleCount(0), titles },
            });
          }
          orders = keepOrders(orders, [], millis(now));
          if (each.kind === "order") {
            const order = { sequence: ++given, kind: "kill", listener: 7 } as const;
            orders = keepOrders(orders, [{ order, atMs: millis(now) }], millis(now));
          }
          if (each.kind !== "learn") continue;
          const facts = factsOf(state, millis(now), 4, orders);
          // The clocks of two machines differ by anything.
          const there = millis(now + 777_777);
          const has = { after: positionOf(known?.window.at(-1)), orders: newestOrder(known?.orders ?? []) };
          known = learn(known, viewOf(mount, facts, has, millis(now)), there);
          if (!known) throw new Error("the epoch never falls");
          const pick = picks.next().value % (positions.length + 1);
          const after = positionOf(positions[pick]);
          const asker = { after, orders: pick % 5 };
          expect(viewOf(mount, known, asker, there)).toEqual(viewOf(mount, facts, asker, millis(now)));
          for (const phase of ["live", "waiting", "off"] as const) {
            expect(hasNews(known, { ...asker, phase })).toBe(hasNews(facts, { ...asker, phase }));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is nothing when the mount has gone back to an earlier epoch", () => {
    const state = reduceMount(emptyMount, claim, millis(0), limits).state;
    const later = reduceMount(state, claim, millis(0), limits).state;
    const known = learn(
      null,
      viewOf(mount, factsOf(later, millis(0), 0), { after: null }, millis(0)),
      millis(0),
    );
    expect(known?.epoch).toBe(2);
    expect(
      learn(known, viewOf(mount, factsOf(state, millis(0), 0), { after: null }, millis(0)), millis(0)),
    ).toBeNull();
  });
});

describe("an asker", () => {
  it("hears nothing of what a mount that is off has left", () => {
    const window = [{ epoch: epoch(1), sequence: sequence(0) }] as unknown as MountFacts["window"];
    expect(hasNews({ phase: "off", window, orders: [] }, { phase: "off", after: null })).toBe(false);
    expect(hasNews({ phase: "live", window, orders: [] }, { phase: "live", after: null })).toBe(true);
    expect(hasNews({ phase: "off", window, orders: [] }, { phase: "live", after: null })).toBe(true);
  });

  it("hears at once of an order, also of a mount that is off, and of none where it is of an earlier release", () => {
    const order = { sequence: 3, kind: "kill", listener: 7 } as const;
    const facts = { ...factsOf(emptyMount, millis(0), 0), orders: [{ order, atMs: millis(1_000) }] };
    const asker = { after: null, phase: "off" } as const;
    expect(hasNews(facts, { ...asker, orders: 2 })).toBe(true);
    expect(hasNews(facts, { ...asker, orders: 3 })).toBe(false);
    expect(hasNews(facts, asker)).toBe(false);
    expect(viewOf(mount, facts, { after: null, orders: 2 }, millis(1_500)).orders).toEqual([
      { order, ageMs: 500 },
    ]);
    expect(viewOf(mount, facts, { after: null, orders: 3 }, millis(1_500)).orders).toEqual([]);
    expect(viewOf(mount, facts, { after: null }, millis(1_500)).orders).toEqual([]);
  });
});
