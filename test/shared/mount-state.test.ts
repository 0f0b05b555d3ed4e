import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ClaimEvent,
  currentTitle,
  emptyMount,
  leaseMs,
  listenerCount,
  type MountEvent,
  type MountLimits,
  type MountState,
  phaseEndsAt,
  phaseOf,
  reduceMount,
} from "../../shared/mount-state.ts";
import { comparePosition, type SegmentRef } from "../../shared/segment.ts";
import type { SourceInfo } from "../../shared/source/source-info.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

const limits: MountLimits = {
  stuckMs: 2_000,
  windowMs: 60_000,
  windowBytes: 262_144,
  windowSegments: 256,
  reportTtlMs: 15_000,
  reporters: 100,
};
const source: SourceInfo = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" };

const segment = (at: number, number: number, titles: string[] = []): SegmentRef => ({
  epoch: epoch(at),
  sequence: sequence(number),
  startMs: millis(0),
  firstSample: sampleCount(number * 88_200),
  samples: sampleCount(88_200),
  sampleRate: 44_100,
  bytes: 32_000,
  titles: titles.map((text, index) => ({ atSample: sampleCount(index), text })),
});

/** Runs events, each at its time, and returns the last state and reply. */
function run(events: readonly (readonly [number, MountEvent])[], from: MountState = emptyMount) {
  let state = from;
  let reply: ReturnType<typeof reduceMount>["reply"] = { kind: "ok" };
  for (const [now, event] of events) ({ state, reply } = reduceMount(state, event, millis(now), limits));
  return { state, reply };
}
const policy = { segmentMs: 2_000, graceMs: 15_000 };
const claim = (ingest = "a", options: Partial<ClaimEvent> = {}): MountEvent => ({
  kind: "claim",
  ingest,
  source,
  credential: "dj",
  takeover: "same-credentials",
  policy,
  ...options,
});
/** What a runtime with nothing unsettled says. */
const report = (runtime: string, order: number, held: number): MountEvent => ({
  kind: "report",
  reports: [{ runtime, order, held, settled: order }],
});
const announce = (at: number, number: number, titles?: string[]): MountEvent => ({
  kind: "announce",
  segment: segment(at, number, titles),
});

describe("the mount's state", () => {
  it("raises the epoch with every claim that it grants", () => {
    const first = run([[0, claim()]]);
    expect(first.reply).toEqual({ kind: "claimed", epoch: 1, gapMs: null });
    const second = run(
      [
        [10, { kind: "release", epoch: epoch(1) }],
        [20, claim("b")],
      ],
      first.state,
    );
    expect(second.reply).toEqual({ kind: "claimed", epoch: 2, gapMs: null });
  });

  it("refuses a second ingest host while the first one is heard of, and not after", () => {
    const { state } = run([[0, claim("a")]]);
    expect(run([[6_000, claim("b", { takeover: "never" })]], state).reply).toEqual({ kind: "in-use" });
    expect(run([[6_001, claim("b", { takeover: "never" })]], state).reply).toEqual({
      kind: "claimed",
      epoch: 2,
      gapMs: null,
    });
    const renewed = run([[5_000, { kind: "renew", epoch: epoch(1) }]], state).state;
    expect(run([[11_000, claim("b", { takeover: "never" })]], renewed).reply).toEqual({ kind: "in-use" });
  });

  it("lets the same login take a mount from a connection that is stuck, and no other", () => {
    const { state } = run([
      [0, claim("a")],
      [2_000, announce(1, 0)],
      [4_000, { kind: "renew", epoch: epoch(1) }],
      [6_000, { kind: "renew", epoch: epoch(1) }],
    ]);
    expect(run([[6_000, claim("b")]], state).reply).toEqual({ kind: "in-use" });
    expect(run([[6_001, claim("b", { credential: "another" })]], state).reply).toEqual({ kind: "in-use" });
    expect(run([[6_001, claim("b", { takeover: "never" })]], state).reply).toEqual({ kind: "in-use" });
    expect(run([[6_001, claim("b")]], state).reply).toEqual({ kind: "claimed", epoch: 2, gapMs: 4_001 });
    const always = claim("b", { credential: "another", takeover: "always" });
    expect(run([[2_001, always]], state).reply).toEqual({ kind: "claimed", epoch: 2, gapMs: 1 });
  });

  it("lets any source take a mount from a relay, and no relay from a source", () => {
    const relay = { credential: "relay:x", source: { ...source, protocol: "relay" } };
    const relayed = run([[0, claim("a", relay)]]).state;
    expect(run([[1, claim("b")]], relayed).reply).toMatchObject({ kind: "claimed", epoch: 2 });
    expect(run([[1, claim("b", { takeover: "never" })]], relayed).reply.kind).toBe("claimed");
    expect(run([[1, claim("b", relay)]], relayed).reply.kind).toBe("in-use");
    const live = run([[0, claim("a")]]).state;
    expect(run([[1, claim("b", relay)]], live).reply.kind).toBe("in-use");
  });

  it("lets any source take a mount from an AutoDJ, and neither AutoDJ nor relay from each other", () => {
    const dj = { credential: "autodj:x", source: { ...source, protocol: "AutoDJ" } };
    const relay = { credential: "relay:x", source: { ...source, protocol: "relay" } };
    const playing = run([[0, claim("a", dj)]]).state;
    expect(run([[1, claim("b", { takeover: "never" })]], playing).reply).toMatchObject({ epoch: 2 });
    expect(run([[1, claim("b", dj)]], playing).reply.kind).toBe("in-use");
    expect(run([[1, claim("b", relay)]], playing).reply.kind).toBe("in-use");
    expect(run([[1, claim("b", dj)]], run([[0, claim("a", relay)]]).state).reply.kind).toBe("in-use");
    expect(run([[1, claim("b", dj)]], run([[0, claim("a")]]).state).reply.kind).toBe("in-use");
  });

  it("frees a mount after three segments without a word, never later than 10 s", () => {
    const leases = [500, 1_000, 2_000, 3_000, 4_000, 10_000].map((segmentMs) => leaseMs({ segmentMs }));
    expect(leases).toEqual([3_000, 3_000, 6_000, 9_000, 10_000, 10_000]);
  });

  it("gives an ingest host its own mount back at once", () => {
    expect(
      run([
        [0, claim("a")],
        [1, claim("a")],
      ]).reply,
    ).toEqual({ kind: "claimed", epoch: 2, gapMs: null });
  });

  it("refuses whoever speaks of an older epoch, and leaves the state as it was", () => {
    const { state } = run([
      [0, claim("a")],
      [10, announce(1, 0)],
      [20, claim("a")],
    ]);
    for (const event of [
      announce(1, 1),
      { kind: "renew", epoch: epoch(1) },
      { kind: "release", epoch: epoch(1) },
    ] satisfies MountEvent[]) {
      const late = run([[30, event]], state);
      expect(late.reply).toEqual({ kind: "fenced", epoch: 2 });
      expect(late.state).toBe(state);
    }
  });

  it("takes a repeated announcement once", () => {
    const { state, reply } = run([
      [0, claim()],
      [1, announce(1, 0)],
      [2, announce(1, 0)],
    ]);
    expect(reply).toEqual({ kind: "ok" });
    expect(state.window).toHaveLength(1);
  });

  it("keeps a window of at least a minute and no more than it needs", () => {
    const events = Array.from({ length: 100 }, (_, index) => [index, announce(1, index)] as const);
    const { state } = run([[0, claim()], ...events]);
    expect(state.window.map((kept) => kept.sequence)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 70),
    );
  });

  it("is live, then waits for its source, then is off", () => {
    const { state } = run([
      [0, claim()],
      [1_000, announce(1, 0)],
    ]);
    expect(phaseOf(state, millis(7_000))).toBe("live");
    expect(phaseOf(state, millis(7_001))).toBe("waiting");
    expect(phaseOf(state, millis(21_999))).toBe("waiting");
    expect(phaseOf(state, millis(22_000))).toBe("off");
    const left = run([[2_000, { kind: "release", epoch: epoch(1) }]], state).state;
    expect(phaseOf(left, millis(2_000))).toBe("waiting");
    expect(phaseOf(left, millis(17_000))).toBe("off");
    expect(phaseEndsAt(state, millis(7_000))).toBe(7_001);
    expect(phaseEndsAt(state, millis(7_001))).toBe(22_000);
    expect(phaseEndsAt(left, millis(2_000))).toBe(17_000);
    expect(phaseEndsAt(left, millis(17_000))).toBeNull();
    expect(phaseEndsAt(emptyMount, millis(0))).toBeNull();
  });

  it("plays on over a source that returns within the grace, and forgets a broadcast that ended", () => {
    const { state } = run([
      [0, claim()],
      [1_000, announce(1, 0, ["Old"])],
      [2_000, { kind: "release", epoch: epoch(1) }],
    ]);
    expect(run([[3_000, claim("b")]], state).state.window).toHaveLength(1);
    const next = run([[60_000, claim("b")]], state).state;
    expect(next.window).toHaveLength(0);
    expect(currentTitle(next)).toBeNull();
  });

  it("knows the title in force although its segment has left the window", () => {
    const events = Array.from({ length: 50 }, (_, index) => [index, announce(1, index + 1)] as const);
    const { state } = run([[0, claim()], [0, announce(1, 0, ["First", "Second"])], ...events]);
    expect(state.window[0]?.sequence).toBeGreaterThan(0);
    expect(state.titleBefore).toEqual({ text: "Second" });
    expect(currentTitle(state)).toEqual({ text: "Second" });
  });

  it("counts listeners of all runtimes and forgets a runtime that fell silent", () => {
    const { state } = run([
      [0, report("x", 1, 3)],
      [10_000, report("y", 1, 2)],
    ]);
    expect(listenerCount(state, millis(10_000), limits)).toBe(5);
    expect(listenerCount(state, millis(15_001), limits)).toBe(2);
    const gone = run([[16_000, report("y", 2, 0)]], state).state;
    expect(listenerCount(gone, millis(16_000), limits)).toBe(0);
    expect(gone.listenerPeak).toBe(5);
  });

  it("keeps its invariants under any sequence of events", () => {
    const login = fc.record({
      credential: fc.constantFrom("dj", "another"),
      takeover: fc.constantFrom("same-credentials" as const, "always" as const, "never" as const),
    });
    const event = fc.oneof(
      fc.tuple(fc.constantFrom("a", "b"), login).map(([ingest, options]) => claim(ingest, options)),
      fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(20)).map(([at, number]) => announce(at, number)),
      fc.integer({ min: 1, max: 5 }).map((at): MountEvent => ({ kind: "renew", epoch: epoch(at) })),
      fc.integer({ min: 1, max: 5 }).map((at): MountEvent => ({ kind: "release", epoch: epoch(at) })),
      fc.constant<MountEvent>({ kind: "expel", by: "ann" }),
      fc
        .tuple(fc.constantFrom("x", "y"), fc.nat(20), fc.nat(5))
        .map(([runtime, order, held]) => report(runtime, order, held)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(8_000), event)), (steps) => {
        let state = emptyMount;
        let now = 0;
        for (const [pause, next] of steps) {
          now += pause;
          const before = state;
          const phaseBefore = phaseOf(before, millis(now));
          const { state: after, reply } = reduceMount(state, next, millis(now), limits);
          state = after;
          // One writer per epoch: a claim that is granted raises it, so does who sends a source away, and older ones are refused.
          const expelled = next.kind === "expel" && phaseBefore === "live";
          expect(state.epoch - before.epoch).toBe(reply.kind === "claimed" || expelled ? 1 : 0);
          if (next.kind === "expel") expect(phaseOf(state, millis(now))).not.toBe("live");
          const speaksOf =
            next.kind === "announce" ? next.segment.epoch : "epoch" in next ? next.epoch : undefined;
          if (speaksOf !== undefined) expect(reply.kind === "ok").toBe(speaksOf === before.holder?.epoch);
          // Nobody loses a mount to a login that may not have it.
          if (next.kind === "claim" && reply.kind === "claimed" && phaseBefore === "live") {
            const mine = before.holder?.ingest === next.ingest;
            const same =
              next.takeover === "same-credentials" && before.holder?.credential === next.credential;
            expect(mine || same || next.takeover === "always").toBe(true);
          }
          // The live edge never goes back but for a new broadcast, and what is kept is in order.
          const [edge, edgeBefore] = [state.window.at(-1), before.window.at(-1)];
          if (edge && edgeBefore) expect(comparePosition(edgeBefore, edge)).toBeLessThanOrEqual(0);
          for (const [index, kept] of state.window.entries()) {
            const previous = state.window[index - 1];
            if (previous) expect(comparePosition(previous, kept)).toBeLessThan(0);
            expect(kept.epoch).toBeLessThanOrEqual(state.epoch);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
