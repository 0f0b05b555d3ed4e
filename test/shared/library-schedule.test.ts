import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type LibraryEdition, libraryEditionSchema } from "../../shared/library.ts";
import { RotationOrder, seedOf } from "../../shared/library-rotation.ts";
import { LibrarySchedule, type ScheduledEdition, startMs } from "../../shared/library-schedule.ts";
import type { LibraryPlay } from "../../shared/library-span.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import { type Millis, type SampleCount, millis, sequence } from "../../shared/units.ts";
import { seeded } from "../support/seeded.ts";

const from2026 = Date.UTC(2026, 10, 21, 12, 0, 0);
const in2040 = Date.UTC(2040, 5, 1);
const id = (index: number): string => index.toString(16).padStart(32, "0");
function there<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("expected something to be there");
  return value;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

interface Wish {
  readonly lengths: readonly number[];
  readonly seed?: number;
  readonly rates?: readonly number[];
  readonly every?: number;
  readonly jingles?: readonly number[];
  readonly order?: "random" | "sequential";
}

/** Tracks of so many samples; jingles come after them. */
function editionOf(wish: Wish): LibraryEdition {
  const { lengths, seed = 7, rates = [], every, jingles = [], order = "random" } = wish;
  return libraryEditionSchema.parse({
    version: 1,
    seed,
    sampleRate: 44_100,
    channels: 2,
    tracks: [...lengths, ...jingles].map((samples, index) => ({
      id: id(index),
      title: `Track ${index}`,
      samples,
      ...(rates[index] !== undefined && { sampleRate: rates[index] }),
    })),
    rotations: [{ order, memory: 3, tracks: range(lengths.length) }],
    ...(every !== undefined && {
      jingles: { everyTracks: every, order: "random", tracks: jingles.map((_, at) => lengths.length + at) },
    }),
  });
}

/** Of two seconds each, as an uploader cuts them; the last is what is left. */
function segmentsOf(play: LibraryPlay): SegmentRef[] {
  const refs: SegmentRef[] = [];
  const most = 2 * play.sampleRate;
  for (let at = 0; at < play.track.samples; at += most) {
    refs.push({
      epoch: play.epoch,
      sequence: sequence(refs.length),
      startMs: 0 as Millis,
      firstSample: at as SampleCount,
      samples: Math.min(most, play.track.samples - at) as SampleCount,
      sampleRate: play.sampleRate,
      bytes: 1,
      titles: [],
    });
  }
  return refs;
}

const lengths = fc.array(fc.integer({ min: 576, max: 44_100 * 20 }), { minLength: 1, maxLength: 12 });
const wishes: fc.Arbitrary<Wish> = fc.record({
  lengths,
  seed: fc.nat({ max: 0xffff_ffff }),
  rates: fc.array(fc.constantFrom(44_100, 48_000, 22_050), { maxLength: 14 }),
  every: fc.integer({ min: 1, max: 7 }),
  jingles: fc.array(fc.integer({ min: 576, max: 44_100 }), { minLength: 1, maxLength: 3 }),
});

/** The first whole millisecond of a play, in integers: floats of that size are a quarter of a microsecond apart. */
function firstMs({ span, startTick }: LibraryPlay): number {
  const within = startTick % span.ticksPerMs;
  return span.bounds.fromMs + (startTick - within) / span.ticksPerMs + (within > 0 ? 1 : 0);
}

describe("what a library plays", () => {
  it("is what somebody has who plays one after the other and counts, jingles after every N tracks", () => {
    fc.assert(
      fc.property(wishes, (wish) => {
        const edition = editionOf(wish);
        const { seed } = edition;
        const rotation = there(edition.rotations[0]);
        const order = new RotationOrder({ ...rotation, seed, weights: wish.lengths.map(() => 1) });
        const jingles = there(edition.jingles);
        const jingleOrder = new RotationOrder({
          order: "random",
          memory: 99,
          seed: seedOf(seed, 1),
          weights: jingles.tracks.map(() => 1),
        });
        const nth = (each: RotationOrder, number: number): number =>
          there(each.round(Math.floor(number / each.length))[number % each.length]);
        const schedule = new LibrarySchedule([{ fromMs: 1_000, edition }]);
        // 14,112,000 in a second are a multiple of every rate.
        let ticks = 0n;
        let play = there(schedule.playAt(1_000));
        for (let number = 0, jingle = 0; number < 60; number++) {
          const expected = [nth(order, number)];
          if (number > 0 && number % there(wish.every) === 0) {
            expected.unshift(there(jingles.tracks[nth(jingleOrder, jingle++)]));
          }
          for (const track of expected.map((index) => there(edition.tracks[index]))) {
            expect(play.track).toBe(track);
            expect(BigInt(play.startTick) * (14_112n / BigInt(play.span.ticksPerMs))).toBe(ticks);
            expect(play.epoch).toBe(1_000 + Number(ticks / 14_112n));
            const ms = Number((ticks + 14_111n) / 14_112n);
            expect(schedule.playAt(1_000 + ms)).toMatchObject({ startTick: play.startTick });
            ticks += BigInt(track.samples) * (14_112_000n / BigInt(track.sampleRate ?? 44_100));
            const next = there(schedule.after(play));
            expect(schedule.before(next)).toEqual(play);
            play = next;
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is in order, without an overlap or a hole, in 2040 as well", () => {
    fc.assert(
      fc.property(wishes, fc.integer({ min: from2026, max: in2040 }), (wish, now) => {
        const schedule = new LibrarySchedule([{ fromMs: from2026, edition: editionOf(wish) }]);
        let play = there(schedule.playAt(now));
        expect(startMs(play)).toBeLessThanOrEqual(now);
        for (let step = 0; step < 40; step++) {
          const next = there(schedule.after(play));
          expect(next.startTick).toBe(play.endTick);
          expect(next.epoch).toBeGreaterThan(play.epoch);
          expect(Number.isSafeInteger(next.endTick)).toBe(true);
          expect(schedule.playAt(firstMs(next))?.startTick).toBe(next.startTick);
          play = next;
        }
      }),
      { numRuns: 60 },
    );
  });

  it("has jingles after every N tracks wherever one looks", () => {
    const edition = editionOf({
      lengths: [40_000, 50_000, 60_000, 70_000, 80_000],
      every: 4,
      jingles: [9_000],
    });
    const schedule = new LibrarySchedule([{ fromMs: from2026, edition }]);
    let play = there(schedule.playAt(in2040));
    while (play.kind !== "jingle") play = there(schedule.after(play));
    const kinds = range(50).map(() => {
      const { kind } = play;
      play = there(schedule.after(play));
      return kind;
    });
    expect(kinds.map((kind) => (kind === "jingle" ? "j" : "t")).join("")).toBe("jtttt".repeat(10));
  });

  it("knows nothing before its first edition", () => {
    const schedule = new LibrarySchedule([{ fromMs: from2026, edition: editionOf({ lengths: [50_000] }) }]);
    expect(schedule.playAt(from2026 - 1)).toBeNull();
    expect(schedule.playAt(from2026)?.epoch).toBe(from2026);
    expect(schedule.window(millis(from2026 - 1), 60_000, segmentsOf).window).toEqual([]);
    expect(schedule.borderFrom(from2026 - 5)).toBe(from2026 - 5);
  });
});

describe("a window of a library", () => {
  const editions: ScheduledEdition[] = [
    { fromMs: from2026, edition: editionOf({ lengths: [300_000, 500_001, 90_000, 777_777] }) },
    {
      fromMs: from2026 + 100_007,
      edition: editionOf({ lengths: [200_000, 600_000, 5_000], seed: 8, every: 2, jingles: [40_000] }),
    },
    { fromMs: from2026 + 200_000, edition: editionOf({ lengths: [123_456, 345_678, 99_999], seed: 9 }) },
  ];
  const name = ({ epoch, sequence: number }: SegmentRef): string => `${epoch}/${number}`;

  it("grows by whole segments, each at its time, and never changes what was in it", () => {
    const schedule = new LibrarySchedule(editions);
    const heard: string[] = [];
    const segments: SegmentRef[] = [];
    let now = from2026;
    while (now < from2026 + 300_000) {
      const { window, nextAtMs, edgeAtMs } = schedule.window(millis(now), 10_000, segmentsOf);
      expect(nextAtMs).toBeGreaterThan(now);
      if (window.length > 0) expect(edgeAtMs).toBeLessThanOrEqual(now);
      const known = window.map(name);
      for (const [index, each] of known.entries()) {
        if (heard.includes(each)) continue;
        expect(heard.at(-1) ?? known[0]).toBe(known[index - 1] ?? known[0]);
        heard.push(each);
        segments.push(there(window[index]));
      }
      now = Math.ceil(nextAtMs);
    }
    // Everything is heard: a segment may be half missing or too much at the two changes, and at the end one is not over.
    const ms = segments.reduce((sum, each) => sum + (each.samples * 1_000) / each.sampleRate, 0);
    expect(Math.abs(ms - 300_000)).toBeLessThan(2_000 + 2 * 1_000);
    expect(new Set(heard).size).toBe(heard.length);
    for (const [index, each] of segments.entries()) {
      const before = segments[index - 1];
      if (before?.epoch === each.epoch) expect(each.sequence).toBe(before.sequence + 1);
      else expect(each.sequence).toBe(0);
    }
  });

  it("changes over at an edition's time, and says the title before its first segment", () => {
    const schedule = new LibrarySchedule(editions);
    const at = from2026 + 100_007;
    expect(there(schedule.playAt(at - 1)).span.bounds).toEqual({ fromMs: from2026, untilMs: at });
    expect(schedule.playAt(at)).toMatchObject({ epoch: at, startTick: 0 });
    const { window, titleBefore } = schedule.window(millis(at + 4_100), 10_000, segmentsOf);
    const first = schedule.plays(at - 60_000, at + 4_100).find(({ epoch }) => epoch === window[0]?.epoch);
    expect(titleBefore).toEqual({ text: first?.track.title });
    expect(window.some(({ epoch }) => epoch < at) && window.some(({ epoch }) => epoch >= at)).toBe(true);
  });

  it("is cut off nowhere by an edition that begins where a play is over", () => {
    const [first] = editions;
    const before = new LibrarySchedule([there(first)]);
    const fromMs = before.borderFrom(from2026 + 60_000);
    const schedule = new LibrarySchedule([
      there(first),
      { fromMs, edition: editionOf({ lengths: [400_000], seed: 3 }) },
    ]);
    const last = there(before.playAt(fromMs - 1));
    const { window } = schedule.window(millis(fromMs + 3_000), 20_000, segmentsOf);
    const played = window.filter(({ epoch }) => epoch === last.epoch);
    expect(played.reduce((sum, { samples }) => sum + samples, 0)).toBe(last.track.samples);
    expect(window.filter(({ epoch }) => epoch > last.epoch).map(({ epoch }) => epoch)).toEqual([fromMs]);
  });

  it("leaves out plays of which nothing is known", () => {
    const schedule = new LibrarySchedule(editions);
    const now = millis(from2026 + 50_000);
    const playing = there(schedule.playAt(now));
    const { window, nextAtMs } = schedule.window(now, 60_000, (play) =>
      play.epoch === playing.epoch ? null : segmentsOf(play),
    );
    expect(window.length).toBeGreaterThan(0);
    expect(window.every(({ epoch }) => epoch < playing.epoch)).toBe(true);
    expect(nextAtMs).toBe(playing.span.bounds.fromMs + playing.endTick / playing.span.ticksPerMs);
  });
});

describe("two machines", () => {
  beforeEach(() => vi.resetModules());

  it("agree about a thousand moments of fourteen years, whichever they look at first", async () => {
    const random = seeded(20_261_121);
    const lengthsOf = (count: number): number[] =>
      range(count).map(() => 2_000_000 + Math.floor(random() * 9_000_000));
    const plain = [
      {
        fromMs: from2026,
        edition: editionOf({ lengths: lengthsOf(300), every: 4, jingles: [90_000, 80_000] }),
      },
      { fromMs: from2026 + 5_000_000_123, edition: editionOf({ lengths: lengthsOf(40), seed: 11 }) },
      { fromMs: from2026 + 9_000_000_000, edition: editionOf({ lengths: lengthsOf(500), seed: 12 }) },
    ];
    const moments = range(1_000).map((index) => {
      const border = plain[index % 3]?.fromMs ?? 0;
      // Every other near a change of editions.
      return index % 2 === 0
        ? border + Math.floor(random() * 200_000) - 20_000
        : from2026 + Math.floor(random() * (in2040 - from2026));
    });
    const told = async (order: readonly number[]): Promise<Map<number, string>> => {
      vi.resetModules();
      const fresh = await import("../../shared/library-schedule.ts");
      const schedule = new fresh.LibrarySchedule(JSON.parse(JSON.stringify(plain)) as ScheduledEdition[]);
      return new Map(
        order.map((ms) => [ms, JSON.stringify(schedule.window(millis(ms), 30_000, segmentsOf))] as const),
      );
    };
    const one = await told(moments);
    const other = await told(moments.toSorted((a, b) => b - a));
    expect(moments.filter((ms) => one.get(ms) !== other.get(ms))).toEqual([]);
    expect(new Set(one.values()).size).toBeGreaterThan(700);
  });
});

describe("an edition of ten thousand tracks", () => {
  it("is small, and begins at once", () => {
    const edition = editionOf({ lengths: range(10_000).map((index) => 8_000_000 + index) });
    expect(JSON.stringify(edition).length).toBeLessThan(1_500_000);
    const schedule = new LibrarySchedule([{ fromMs: from2026, edition }]);
    expect(schedule.playAt(in2040)).not.toBeNull();
  });
});
