import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { epochDocumentKey } from "../../../shared/archive-format.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../../../shared/object-format.ts";
import type { SegmentRef } from "../../../shared/segment.ts";
import { type Epoch, epoch, millis, sampleCount, sequence } from "../../../shared/units.ts";
import type { ArchiveObject as Archive } from "../../../worker/archive/archive-object.ts";
import type { ArchiveWord } from "../../../worker/archive/archive-word.ts";
import {
  backfillMs,
  holeSettledMs,
  settleMs,
  sweepAfterMs,
  windowKeptMs,
} from "../../../worker/archive/limits.ts";
import { workersCrypto } from "../../support/digest-stream.ts";
import { FakeBucket } from "../../support/fake-bucket.ts";
import { fakeStorage } from "../../support/fake-storage.ts";
import { Mortal } from "../../support/mortal.ts";
import { seeded, testSeed } from "../../support/seeded.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));
const { ArchiveObject } = await import("../../../worker/archive/archive-object.ts");

const mount = mountPath("/live.mp3");
const startMs = Date.UTC(2026, 10, 21, 12);
const minuteMs = 60_000;
const source = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT", name: "Night" };

/** Segments of a minute: an hour of them is a chunk, in two parts where they have 200 kB. */
const minutes = (count: number, { of = 1, from = 0, bytes = 200 } = {}): SegmentRef[] =>
  Array.from({ length: count }, (_, index) => ({
    epoch: epoch(of),
    sequence: sequence(from + index),
    startMs: millis(startMs + (of - 1) * 86_400_000 + (from + index) * minuteMs),
    firstSample: sampleCount((from + index) * 48_000 * 60),
    samples: sampleCount(48_000 * 60),
    sampleRate: 48_000,
    bytes: bytes + (index % 3),
    titles: [],
  }));

/** Bytes that no other segment has. */
function bodyOf({ epoch: of, sequence: at, bytes }: SegmentRef): Uint8Array {
  const body = new Uint8Array(bytes).fill((of * 31 + at * 7) % 256);
  new DataView(body.buffer).setUint32(0, of * 100_000 + at);
  return body;
}

async function store(bucket: FakeBucket, segments: readonly SegmentRef[]): Promise<void> {
  for (const ref of segments) {
    const body = bodyOf(ref);
    const reservoir = Uint8Array.of(ref.epoch, ref.sequence % 256);
    await bucket.put(segmentKey(mount, ref), body, {
      customMetadata: encodeSegmentMetadata({ ...ref, body, reservoir }),
    });
  }
}

const wordOf = (segments: readonly SegmentRef[], end: "released" | null): ArchiveWord => ({
  mount,
  epochs: [...new Set(segments.map((segment) => segment.epoch))].map((of) => ({
    epoch: of,
    source,
    claimedMs: millis(startMs + (of - 1) * 86_400_000),
    graceMs: millis(15_000),
    ingest: "a",
    process: "p",
    continues: false,
    end,
    listenerPeak: 1,
  })),
  segments,
  listeners: 0,
});

/** An archive over its lives, in a world where every call may be the last of one. */
class World {
  readonly bucket = new FakeBucket();
  readonly storage = fakeStorage();
  readonly mortal = new Mortal(this.storage, this.bucket);
  /** Whether the next life begins with a listing. */
  isListedNext = false;
  readonly #station: unknown;
  #archive: Archive | null = null;

  constructor(station: unknown = {}) {
    this.#station = station;
  }

  get archive(): Archive {
    this.#archive ??= this.#live();
    return this.#archive;
  }

  #live(): Archive {
    const { storage, bucket } = this.mortal.born();
    const env = { SEGMENTS: bucket, STATION: JSON.stringify(this.#station) };
    return new ArchiveObject({ storage, waitUntil: () => undefined }, env as never);
  }

  /** Does something with the archive, in another life when it is killed in it. */
  async do<Result>(work: (archive: Archive) => Promise<Result>): Promise<Result> {
    for (;;) {
      const outcome = await this.mortal.until(async () => ({ result: await work(this.archive) }));
      if (outcome) return outcome.result;
      this.#archive = null;
      if (this.isListedNext) await this.archive.rebuild(mount);
    }
  }

  async passTime(ms: number): Promise<void> {
    const until = Date.now() + ms;
    for (let { alarm } = this.storage; alarm !== null && alarm <= until; { alarm } = this.storage) {
      vi.setSystemTime(Math.max(alarm, Date.now()));
      // The platform rings again for whoever did not come to an end.
      await this.do(async (archive) => {
        await this.storage.deleteAlarm();
        await archive.alarm();
      });
    }
    vi.setSystemTime(until);
  }

  async told(segments: readonly SegmentRef[], end: "released" | null = "released"): Promise<void> {
    await store(this.bucket, segments);
    await this.do((archive) => archive.tell(wordOf(segments, end)));
  }

  /** What a reader gets: every segment's bytes through its place in the index. */
  async read(of: Epoch): Promise<{ readonly sequences: number[]; readonly inChunks: number }> {
    const found = await this.do((archive) => archive.segments(mount, of, sequence(0), 1_000));
    for (const { stored, ...ref } of found) {
      const object = this.bucket.objects.get(stored.key);
      const bytes = object?.body.subarray(stored.offset, stored.offset + ref.bytes);
      if (Buffer.compare(bytes ?? new Uint8Array(0), bodyOf(ref)) !== 0)
        throw new Error(`segment ${ref.sequence} is another in ${stored.key}`);
    }
    return {
      sequences: found.map((segment) => segment.sequence),
      inChunks: found.filter(({ stored }) => stored.isChunk).length,
    };
  }

  keys(prefix: string): string[] {
    return [...this.bucket.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

beforeEach(() => {
  vi.useFakeTimers({ now: startMs + 3 * 3_600_000, toFake: ["Date"] });
  vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });
  vi.stubGlobal("crypto", workersCrypto());
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("compaction", () => {
  it("merges a broadcast that is over to chunks of an hour, and then deletes the small objects", async () => {
    const world = new World();
    const segments = minutes(90, { bytes: 200_000 });
    await world.told(segments);
    await world.passTime(settleMs + minuteMs);
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(90), inChunks: 90 });
    expect(world.keys("a1/")).toEqual([
      "a1/live.mp3/0000000001/0000000000-0000000059.json",
      "a1/live.mp3/0000000001/0000000000-0000000059.mp3",
      "a1/live.mp3/0000000001/0000000060-0000000089.json",
      "a1/live.mp3/0000000001/0000000060-0000000089.mp3",
    ]);
    // Whoever has their places still finds them.
    expect(world.keys("v1/")).toHaveLength(90);
    await world.passTime(sweepAfterMs + minuteMs);
    expect(world.keys("v1/")).toEqual([]);
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(90), inChunks: 90 });
    expect(world.bucket.uploads.size).toBe(0);
  });

  it("leaves alone what is on air but for whole hours", async () => {
    const world = new World();
    vi.setSystemTime(startMs + 75 * minuteMs);
    const segments = minutes(75);
    await world.told(segments.slice(0, 70), null);
    for (let at = 70; at < 75; at++) {
      await world.told(segments.slice(at, at + 1), null);
      await world.passTime(minuteMs / 2);
    }
    await world.do((archive) => archive.compact(mount));
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(75), inChunks: 60 });
  });

  it("waits for what may still come into a hole, and then no more", async () => {
    const world = new World();
    const segments = minutes(20);
    await world.told([...segments.slice(0, 5), ...segments.slice(6)]);
    await world.passTime(settleMs + minuteMs);
    expect((await world.read(epoch(1))).inChunks).toBe(0);
    await store(world.bucket, segments.slice(5, 6));
    await world.passTime(holeSettledMs);
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(20), inChunks: 20 });
    const holed = minutes(20, { of: 2 });
    vi.setSystemTime(startMs + 86_400_000 + 30 * minuteMs);
    await world.told([...holed.slice(0, 5), ...holed.slice(6)]);
    await world.passTime(holeSettledMs + 3_600_000);
    expect((await world.read(epoch(2))).inChunks).toBe(19);
    expect(world.keys("a1/live.mp3/0000000002/")).toHaveLength(2);
  });

  it("deletes nothing for a chunk that storage does not give back as it was", async () => {
    const world = new World();
    await world.told(minutes(30));
    const put = world.bucket.put.bind(world.bucket);
    world.bucket.put = (key, value, options) =>
      put(
        key,
        key.startsWith("a1/") && typeof value !== "string" ? value.map((byte) => byte ^ 1) : value,
        options,
      );
    await world.passTime(3_600_000);
    expect(world.keys("v1/")).toHaveLength(30);
    expect(world.keys("a1/").filter((key) => key.endsWith(".json"))).toEqual([]);
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(30), inChunks: 0 });
    world.bucket.put = put;
    await world.passTime(3_600_000);
    expect(world.keys("v1/")).toEqual([]);
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(30), inChunks: 30 });
  });

  it("deletes nothing for a chunk that storage has lost meanwhile", async () => {
    const world = new World();
    await world.told(minutes(30));
    await world.passTime(settleMs + minuteMs);
    await world.bucket.delete("a1/live.mp3/0000000001/0000000000-0000000029.mp3");
    await world.passTime(86_400_000);
    expect((await world.read(epoch(1))).sequences).toEqual(upTo(30));
  });

  it("finds what is left over of chunks and of what is in them when it is made anew", async () => {
    const world = new World();
    await world.told(minutes(30));
    await world.passTime(settleMs + minuteMs);
    expect(world.keys("v1/")).toHaveLength(30);
    await world.bucket.put("a1/live.mp3/0000000001/0000000040-0000000049.mp3", "half");
    const anew = new World();
    for (const [key, object] of world.bucket.objects) anew.bucket.objects.set(key, object);
    expect(await anew.read(epoch(1))).toEqual({ sequences: upTo(30), inChunks: 30 });
    await anew.passTime(86_400_000);
    expect(anew.keys("v1/")).toEqual([]);
    expect(anew.keys("a1/")).toHaveLength(2);
  });

  it(`killed at 50 random points it has every byte once (seed ${testSeed})`, async () => {
    const random = seeded(testSeed);
    const whole = new World();
    await whole.told(minutes(70, { bytes: 150_000 }));
    const before = whole.mortal.calls;
    await whole.passTime(86_400_000);
    const calls = whole.mortal.calls - before;
    for (let round = 0; round < 50; round++) {
      const world = new World();
      await world.told(minutes(70, { bytes: 150_000 }));
      const at = 1 + Math.floor(random() * calls);
      world.mortal.killAfter(at, random() < 0.5);
      world.isListedNext = round % 2 === 1;
      await world.passTime(86_400_000);
      expect(world.mortal.deaths, `killed at ${at} of ${calls}`).toBe(1);
      expect(await world.read(epoch(1)), `killed at ${at}`).toEqual({ sequences: upTo(70), inChunks: 70 });
      expect(world.keys("v1/"), `killed at ${at}`).toEqual([]);
      expect(world.keys("a1/"), `killed at ${at}`).toEqual(whole.keys("a1/"));
      for (const key of world.keys("a1/")) {
        const [here, there] = [world.bucket.objects.get(key), whole.bucket.objects.get(key)];
        expect(Buffer.compare(here?.body ?? new Uint8Array(0), there?.body ?? new Uint8Array(0))).toBe(0);
      }
      // One whose id nobody had written down yet is storage's to forget, after a week.
      expect(world.bucket.uploads.size, `killed at ${at}`).toBeLessThanOrEqual(
        world.mortal.diedUploading ? 1 : 0,
      );
    }
  }, 60_000);

  it("goes on where its chunk was finished and nobody knew", async () => {
    const world = new World();
    await world.told(minutes(30));
    let isKilled = false;
    const put = world.bucket.put.bind(world.bucket);
    world.bucket.put = async (key, value, options) => {
      await put(key, value, options);
      if (!key.startsWith("a1/") || !key.endsWith(".json") || isKilled) return;
      isKilled = true;
      world.mortal.killAfter(1, true);
    };
    world.isListedNext = true;
    await world.passTime(settleMs + minuteMs);
    expect(world.mortal.deaths).toBe(1);
    await world.passTime(3_600_000);
    expect(await world.read(epoch(1))).toEqual({ sequences: upTo(30), inChunks: 30 });
    expect(world.keys("v1/")).toEqual([]);
  });

  it("has every byte once whatever is killed, delivered late and listed in between", async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("deliver" as const),
        from: fc.nat(79),
        count: fc.integer({ min: 1, max: 20 }),
      }),
      fc.record({
        kind: fc.constant("kill" as const),
        after: fc.integer({ min: 1, max: 150 }),
        isDone: fc.boolean(),
      }),
      fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 8 * 3_600_000 }) }),
      fc.record({ kind: fc.constant("list" as const) }),
      fc.record({ kind: fc.constant("compact" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(79), { minLength: 1 }),
        fc.array(step, { maxLength: 12 }),
        async (first, steps) => {
          vi.setSystemTime(startMs + 3 * 3_600_000);
          const world = new World();
          const all = minutes(80);
          const stored = new Set(first);
          const take = (numbers: readonly number[]) =>
            all.filter((segment) => numbers.includes(segment.sequence));
          await world.told(take(first));
          for (const each of steps) {
            if (each.kind === "deliver") {
              const fresh = upTo(80)
                .slice(each.from, each.from + each.count)
                .filter((at) => !stored.has(at));
              await store(world.bucket, take(fresh));
              for (const at of fresh) stored.add(at);
            } else if (each.kind === "kill") world.mortal.killAfter(each.after, each.isDone);
            else if (each.kind === "wait") await world.passTime(each.ms);
            else if (each.kind === "list") await world.do((archive) => archive.rebuild(mount));
            else await world.do((archive) => archive.compact(mount));
          }
          world.mortal.spare();
          await world.do((archive) => archive.rebuild(mount));
          await world.passTime(backfillMs);
          await world.do((archive) => archive.compact(mount));
          const { sequences } = await world.read(epoch(1));
          expect(sequences).toEqual([...stored].toSorted((a, b) => a - b));
          // In one place each: what is in a chunk is nowhere else.
          const places = await world.do((archive) => archive.segments(mount, epoch(1), sequence(0), 1_000));
          const loose = places.filter(({ stored: at }) => !at.isChunk).map(({ stored: at }) => at.key);
          expect(world.keys("v1/")).toEqual(loose);
          const chunks = new Set(
            places.filter(({ stored: at }) => at.isChunk).map(({ stored: at }) => at.key),
          );
          const bytes = [...chunks].reduce(
            (sum, key) => sum + (world.bucket.objects.get(key)?.body.length ?? 0),
            0,
          );
          expect(bytes).toBe(
            places.filter(({ stored: at }) => at.isChunk).reduce((sum, segment) => sum + segment.bytes, 0),
          );
          expect(world.keys("a1/")).toHaveLength(2 * chunks.size);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe("deletion", () => {
  it("takes a broadcast away for ever, whatever is killed or delivered late", async () => {
    for (let at = 1; at < 60; at += 3) {
      vi.setSystemTime(startMs + 3 * 3_600_000);
      const world = new World();
      await world.told(minutes(20));
      await world.passTime(settleMs + minuteMs);
      vi.setSystemTime(startMs + 86_400_000 + 3_600_000);
      await world.told(minutes(10, { of: 2 }));
      const found = await world.do((archive) => archive.broadcast(mount, 1));
      world.mortal.killAfter(at, at % 2 === 0);
      const deleted = await world.do((archive) => archive.deleteBroadcast(mount, found?.name ?? ""));
      expect(["deleted", "absent"]).toContain(deleted);
      await world.do((archive) => archive.rebuild(mount));
      const atOnce = await world.do((archive) => archive.broadcasts(mount, {}));
      expect(atOnce.broadcasts.map(({ id }) => id)).toEqual([2]);
      await store(world.bucket, minutes(1, { from: 25 }));
      await world.passTime(3_600_000);
      world.mortal.spare();
      await world.do((archive) => archive.rebuild(mount));
      await world.passTime(3_600_000);
      const { broadcasts } = await world.do((archive) => archive.broadcasts(mount, {}));
      expect(broadcasts.map(({ id }) => id)).toEqual([2]);
      expect(world.keys("").filter((key) => key.includes("/0000000001"))).toEqual([]);
      expect((await world.read(epoch(2))).sequences).toEqual(upTo(10));
    }
  });

  it("does not take away what is on air", async () => {
    const world = new World();
    vi.setSystemTime(startMs + 20 * minuteMs);
    await world.told(minutes(20), null);
    const [found] = (await world.do((archive) => archive.broadcasts(mount, {}))).broadcasts;
    expect(await world.do((archive) => archive.deleteBroadcast(mount, found?.name ?? ""))).toBe("on air");
    expect(await world.do((archive) => archive.deleteBroadcast(mount, "none"))).toBe("absent");
  });
});

describe("retention", () => {
  const rules = (own: unknown) => ({ mounts: { [mount]: own } });

  it("keeps everything when nobody says otherwise", async () => {
    const world = new World();
    await world.told(minutes(20));
    await world.passTime(400 * 86_400_000);
    expect((await world.read(epoch(1))).sequences).toEqual(upTo(20));
  });

  it("deletes recordings that are too old as a whole, and no other", async () => {
    const world = new World(rules({ retentionMs: 2 * 86_400_000 }));
    await world.told(minutes(120));
    vi.setSystemTime(startMs + 86_400_000 + 3 * 3_600_000);
    await world.told(minutes(30, { of: 2 }));
    await world.passTime(startMs + 2 * 86_400_000 + 7_100_000 - Date.now());
    expect((await world.read(epoch(1))).sequences).toEqual(upTo(120));
    await world.passTime(2 * 3_600_000);
    expect((await world.read(epoch(1))).sequences).toEqual([]);
    expect(world.keys("").filter((key) => key.includes("/0000000001"))).toEqual([]);
    expect((await world.read(epoch(2))).sequences).toEqual(upTo(30));
  });

  it("deletes the oldest when there is too much", async () => {
    const world = new World(rules({ retentionBytes: 15_000 }));
    await world.told(minutes(60, { bytes: 200 }));
    vi.setSystemTime(startMs + 86_400_000 + 3 * 3_600_000);
    await world.told(minutes(60, { of: 2, bytes: 200 }));
    await world.passTime(2 * 3_600_000);
    expect((await world.read(epoch(1))).sequences).toEqual([]);
    expect((await world.read(epoch(2))).sequences).toEqual(upTo(60));
  });

  it("takes from a mount without an archive all but its last minutes, on air too", async () => {
    const world = new World(rules({ archive: false }));
    vi.setSystemTime(startMs);
    for (let at = 0; at < 60; at++) {
      vi.setSystemTime(startMs + (at + 1) * minuteMs);
      await world.told(minutes(1, { from: at }), at === 59 ? "released" : null);
      await world.passTime(0);
    }
    const { sequences } = await world.read(epoch(1));
    expect(sequences.at(-1)).toBe(59);
    expect(sequences.length).toBeLessThan(30);
    expect(sequences.length * minuteMs).toBeGreaterThanOrEqual(windowKeptMs);
    expect(world.keys("a1/")).toEqual([]);
    await world.passTime(86_400_000);
    expect(world.keys("")).toEqual([]);
    // Also when the ingest host's clock is a day slow.
    const slow = minutes(30, { of: 2 }).map((segment) => ({
      ...segment,
      startMs: millis(segment.startMs - 86_400_000),
    }));
    for (const segment of slow) {
      vi.setSystemTime(Math.max(Date.now(), segment.startMs + 2 * 86_400_000 + minuteMs));
      await world.told([segment], null);
      await world.passTime(0);
    }
    const kept = (await world.read(epoch(2))).sequences;
    expect(kept.at(-1)).toBe(29);
    expect(kept.length * minuteMs).toBeGreaterThanOrEqual(windowKeptMs);
    expect(world.bucket.objects.has(epochDocumentKey(mount, epoch(1)))).toBe(false);
  });
});
