import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chunkIndexOf, chunkKey } from "../../../shared/archive-format.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { encodeSegmentMetadata, segmentKey } from "../../../shared/object-format.ts";
import type { SegmentRef } from "../../../shared/segment.ts";
import { epoch, millis, sequence } from "../../../shared/units.ts";
import type { ArchiveObject as Archive } from "../../../worker/archive/archive-object.ts";
import type { ArchiveWord } from "../../../worker/archive/archive-word.ts";
import { listAfterEndMs, listAgainMs, lostAfterMs } from "../../../worker/archive/limits.ts";
import { workersCrypto } from "../../support/digest-stream.ts";
import { FakeBucket } from "../../support/fake-bucket.ts";
import { fakeStorage } from "../../support/fake-storage.ts";
import { madeSegments } from "../../support/made-segments.ts";

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
const source = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT", name: "Night" };

/** An archive over its lives, and the bucket it is of. */
function archiveOf(bucket = new FakeBucket(7), station: unknown = {}) {
  const storage = fakeStorage();
  const env = { SEGMENTS: bucket, STATION: JSON.stringify(station) };
  const live = (): Archive => new ArchiveObject({ storage }, env as never);
  return { bucket, storage, live };
}

async function store(bucket: FakeBucket, segments: readonly SegmentRef[]): Promise<void> {
  for (const ref of segments) {
    const body = new Uint8Array(ref.bytes);
    const customMetadata = encodeSegmentMetadata({ ...ref, body, reservoir: new Uint8Array(0) });
    await bucket.put(segmentKey(mount, ref), body, { customMetadata });
  }
}

const word = (
  number: number,
  segments: readonly SegmentRef[],
  end: "released" | null = null,
): ArchiveWord => ({
  mount,
  epochs: [
    {
      epoch: epoch(number),
      source,
      claimedMs: millis(startMs + number * 1_000),
      graceMs: millis(15_000),
      ingest: "a",
      process: "p",
      continues: false,
      end,
      listenerPeak: number,
    },
  ],
  segments,
  listeners: 3,
});

describe("a mount's archive", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: startMs });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
    vi.stubGlobal("crypto", workersCrypto());
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** Until nothing is due any more. */
  async function passTime(
    archive: Archive,
    storage: ReturnType<typeof fakeStorage>,
    ms: number,
  ): Promise<void> {
    const until = Date.now() + ms;
    for (let alarm = storage.alarm; alarm !== null && alarm <= until; alarm = storage.alarm) {
      vi.setSystemTime(Math.max(alarm, Date.now()));
      await storage.deleteAlarm();
      await archive.alarm();
    }
    vi.setSystemTime(until);
  }
  const sequences = async (archive: Archive, number = 1): Promise<number[]> =>
    (await archive.segments(mount, epoch(number), sequence(0), 1_000)).map((segment) => segment.sequence);

  it("has a broadcast on air as it is told, and ends it with its source", async () => {
    const { bucket, storage, live } = archiveOf();
    const segments = madeSegments({ count: 10, startMs });
    const archive = live();
    await store(bucket, segments.slice(0, 5));
    await archive.tell(word(1, segments.slice(0, 5)));
    const { broadcasts } = await archive.broadcasts(mount, {});
    expect(broadcasts).toMatchObject([
      { id: 1, name: "2026-11-21T12:00:01.mp3", endMs: null, durationMs: 10_000, source, joins: [] },
    ]);
    await store(bucket, segments.slice(5));
    await archive.tell(word(1, segments.slice(5), "released"));
    // It outlives its object.
    expect(await live().broadcast(mount, "2026-11-21T12:00:01.mp3")).toMatchObject({
      endMs: startMs + 20_000,
      bytes: segments.reduce((bytes, segment) => bytes + segment.bytes, 0),
    });
    expect(storage.alarm).toBe(startMs + listAfterEndMs[0]);
  });

  it("calls broadcasts as the settings say when they begin, also when it is made anew under others", async () => {
    const mounts = { [mount]: { archiveName: "%Hh ${mount}", archiveTimeZone: "Asia/Tokyo" } };
    const { bucket, live } = archiveOf(new FakeBucket(), { mounts });
    const segments = madeSegments({ count: 2, startMs });
    await store(bucket, segments);
    await live().tell(word(1, segments, "released"));
    const anew = archiveOf(bucket).live();
    expect((await anew.broadcast(mount, 1))?.name).toBe("21h live.mp3");
  });

  it("ends a broadcast of which nothing is heard any more, and takes it back when something is", async () => {
    const { bucket, storage, live } = archiveOf();
    const segments = madeSegments({ count: 10, startMs });
    await store(bucket, segments);
    const archive = live();
    await archive.tell(word(1, segments.slice(0, 9)));
    await passTime(archive, storage, lostAfterMs + 1_000);
    expect((await archive.broadcast(mount, 1))?.endMs).toBe(startMs + 20_000);
    await archive.tell(word(1, segments.slice(9)));
    expect((await archive.broadcast(mount, 1))?.endMs).toBeNull();
  });

  it("finds what nobody told, and what is delivered hours later", async () => {
    const { bucket, storage, live } = archiveOf();
    const segments = madeSegments({ count: 30, startMs });
    await store(bucket, segments.slice(0, 20));
    const archive = live();
    await archive.tell(word(1, segments.slice(0, 5), "released"));
    await passTime(archive, storage, listAfterEndMs[0]);
    expect(await sequences(archive)).toHaveLength(20);
    await store(bucket, segments.slice(25));
    await passTime(archive, storage, listAfterEndMs[1]);
    expect(await sequences(archive)).toHaveLength(25);
    // And when somebody asks.
    vi.setSystemTime(Date.now() + listAgainMs);
    await store(bucket, segments.slice(20, 25));
    const found = await archive.broadcast(mount, 1);
    expect(found).toMatchObject({ segments: 30, joins: [] });
  });

  it("looks for what is missing of a broadcast on air when somebody asks, and not each time", async () => {
    const { bucket, live } = archiveOf();
    const segments = madeSegments({ count: 30, startMs: startMs - 120_000 });
    const archive = live();
    await store(bucket, segments.slice(0, 20));
    await archive.tell(word(1, [...segments.slice(0, 10), ...segments.slice(15, 20)]));
    expect(await archive.broadcast(mount, 1)).toMatchObject({ segments: 20, joins: [], endMs: null });
    const { list } = bucket.counts;
    await archive.tell(word(1, segments.slice(25, 30)));
    for (let asked = 0; asked < 20; asked++) {
      vi.setSystemTime(Date.now() + 1_000);
      await archive.broadcast(mount, 1);
    }
    expect(bucket.counts.list - list).toBeLessThan(10);
  });

  it("does not have what storage has lost", async () => {
    const { bucket, storage, live } = archiveOf();
    const segments = madeSegments({ count: 10, startMs });
    await store(bucket, segments);
    const archive = live();
    await archive.tell(word(1, segments, "released"));
    await bucket.delete([segmentKey(mount, { epoch: epoch(1), sequence: sequence(4) })]);
    await passTime(archive, storage, listAfterEndMs[0]);
    expect(await sequences(archive)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
    expect((await archive.broadcast(mount, 1))?.joins).toMatchObject([
      { kind: "gap", atMs: 8_000, missingMs: 2_000 },
    ]);
  });

  it("is the same when it is made anew from nothing but the bucket", async () => {
    const { bucket, storage, live } = archiveOf();
    const archive = live();
    for (const [number, fromMs] of [
      [1, 0],
      [2, 65_000],
      [4, 400_000],
    ] as const) {
      const segments = madeSegments({ epoch: number, count: 30, startMs: startMs + fromMs });
      await store(bucket, segments);
      await archive.tell(word(number, segments.slice(0, 20), "released"));
    }
    // A part of the first is in a chunk by now.
    const merged = madeSegments({ count: 10, startMs });
    const at = { epoch: epoch(1), first: sequence(0), last: sequence(9) };
    const parts = merged.map((ref) => ({ ref, reservoir: new Uint8Array(3) }));
    await bucket.put(chunkKey(mount, at), new Uint8Array(merged.reduce((sum, { bytes }) => sum + bytes, 0)));
    await bucket.put(chunkKey(mount, at, "json"), JSON.stringify(chunkIndexOf(parts, "0".repeat(64))));
    await bucket.delete(merged.map((segment) => segmentKey(mount, segment)));
    await passTime(archive, storage, listAfterEndMs[2]);
    const known = await archive.broadcasts(mount, {});
    expect(known.broadcasts.map(({ epochs, segments }) => [epochs, segments])).toEqual([
      [[4], 30],
      [[1, 2], 60],
    ]);
    const anew = archiveOf(bucket).live();
    expect(await anew.broadcasts(mount, {})).toEqual(known);
    expect(known.broadcasts).toHaveLength(2);
    for (const number of [1, 2, 4]) {
      const all = (object: Archive) => object.segments(mount, epoch(number), sequence(0), 1_000);
      expect(await all(anew)).toEqual(await all(archive));
    }
  });

  it("believes no chunk that was never finished", async () => {
    const { bucket, live } = archiveOf();
    const segments = madeSegments({ count: 5, startMs });
    await store(bucket, segments);
    await bucket.put(
      chunkKey(mount, { epoch: epoch(1), first: sequence(0), last: sequence(4) }),
      new Uint8Array(9),
    );
    const found = await live().segments(mount, epoch(1), sequence(0), 10);
    expect(found.map(({ stored }) => stored.isChunk)).toEqual([false, false, false, false, false]);
  });

  it("gives broadcasts page by page, the newest first, each under a name of its own", async () => {
    const { bucket, live } = archiveOf();
    for (let number = 1; number <= 5; number++) {
      // Without a word of their source they are called by the second in which their audio began.
      const segments = madeSegments({
        epoch: number,
        count: 1,
        startMs: startMs + (number > 3 ? 100_000 : 0),
      });
      await store(
        bucket,
        segments.map((segment) => ({ ...segment, startMs: millis(segment.startMs + number * 40_000) })),
      );
    }
    const archive = live();
    const ids: number[] = [];
    for (let cursor: string | null = "99"; cursor !== null; ) {
      const page = await archive.broadcasts(mount, { limit: 2, cursor });
      ids.push(...page.broadcasts.map(({ id }) => id));
      cursor = page.cursor;
    }
    expect(ids).toEqual([5, 4, 3, 2, 1]);
    const between = await archive.broadcasts(mount, {
      fromMs: millis(startMs + 81_000),
      toMs: millis(startMs + 121_000),
    });
    expect(between.broadcasts.map(({ id }) => id)).toEqual([3, 2]);
  });

  it("says of a moment what was on air, and what comes next", async () => {
    const { bucket, live } = archiveOf();
    await store(bucket, madeSegments({ count: 200, startMs }));
    await store(bucket, madeSegments({ epoch: 2, count: 3, startMs: startMs + 3_600_000 }));
    const archive = live();
    const page = await archive.page(mount, startMs + 300_000, startMs + 600_000);
    expect(page.segments.map((segment) => segment.sequence)).toEqual(
      Array.from({ length: 50 }, (_, at) => 150 + at),
    );
    expect(page.next).toMatchObject({ epoch: 2, sequence: 0 });
    expect(await archive.earliestMs(mount)).toBe(startMs);
    expect(await archive.after(mount, { epoch: epoch(1), sequence: sequence(199) })).toMatchObject({
      epoch: 2,
    });
    expect(await archive.after(mount, { epoch: epoch(2), sequence: sequence(2) })).toBeNull();
  });
});
