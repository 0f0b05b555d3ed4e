import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { segmentCacheBytes, segmentReadTimeoutMs } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";
import { SegmentCache } from "../../worker/segment-cache.ts";

const ref = {
  epoch: epoch(1),
  sequence: sequence(0),
  startMs: millis(0),
  firstSample: sampleCount(0),
  samples: sampleCount(1_152),
  sampleRate: 44_100,
  bytes: 3,
  titles: [],
};

/** A bucket whose first reads never end, as when the request that began them does; its objects have the size that a key says. */
function bucket(hanging = 0) {
  const read: string[] = [];
  const get = (key: string) => {
    read.push(key);
    if (read.length <= hanging) return new Promise<never>(() => undefined);
    const bytes = Number(/\d+$/.exec(key)?.[0] ?? 3);
    return Promise.resolve(
      key === "lost" ? null : { arrayBuffer: () => Promise.resolve(new ArrayBuffer(bytes)) },
    );
  };
  const host = { env: { SEGMENTS: { get } }, keepAlive: () => undefined } as unknown as Host;
  return { host, read };
}

const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe("a segment that another listener is reading", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000_000 });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it.each([
    ["a read takes", 0, segmentReadTimeoutMs],
    ["nothing, as the clock was put back by an hour", -3_600_000, 0],
  ])("is waited for as long as %s, then read anew", async (_, jumpMs, withinMs) => {
    const { host, read } = bucket(1);
    const cache = new SegmentCache();
    const load = () => cache.load("key", ref, host);
    void load();
    vi.setSystemTime(Date.now() + jumpMs);
    const second = load();
    await vi.advanceTimersByTimeAsync(withinMs);
    expect((await Promise.race([second, Promise.resolve("late" as const)])) === "late").toBe(false);
    expect(read).toHaveLength(2);
  });

  it("is read once for a thousand", async () => {
    const { host, read } = bucket();
    const cache = new SegmentCache();
    const loaded = await Promise.all(many(1_000, () => cache.load("key", ref, host)));
    expect(new Set(loaded).size).toBe(1);
    expect(loaded[0]?.body).toHaveLength(3);
    expect(read).toHaveLength(1);
  });

  it("is taken over by one of a thousand, and by another when that one's request has ended too", async () => {
    const { host, read } = bucket(2);
    const cache = new SegmentCache();
    const load = () => cache.load("key", ref, host);
    void load();
    const waiting = many(1_000, load);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs - 1);
    expect(read).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(read).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs);
    expect(read).toHaveLength(3);
    // The one whose own read never ends is the listener that has gone.
    const loaded = await Promise.all(
      waiting.map((each) => Promise.race([each, Promise.resolve("never" as const)])),
    );
    expect(loaded.filter((each) => each === "never")).toHaveLength(1);
    expect(new Set(loaded.filter((each) => each !== "never")).size).toBe(1);
  });

  it("that storage has lost is told to all who wait by one read", async () => {
    const { host, read } = bucket();
    const cache = new SegmentCache();
    const loaded = await Promise.all(many(1_000, () => cache.load("lost", ref, host)));
    expect(new Set(loaded)).toEqual(new Set([null]));
    expect(read).toHaveLength(1);
  });

  it("is kept once when two have read it", async () => {
    const bytes = 1_000;
    const slow = Promise.withResolvers<object>();
    const object = { arrayBuffer: () => Promise.resolve(new ArrayBuffer(bytes)) };
    let reads = 0;
    const get = () => (reads++ === 0 ? slow.promise : Promise.resolve(object));
    const host = { env: { SEGMENTS: { get } }, keepAlive: () => undefined } as unknown as Host;
    const cache = new SegmentCache();
    const first = cache.load("key", ref, host);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs);
    await cache.load("key", ref, host);
    slow.resolve(object);
    await first;
    expect(reads).toBe(2);
    expect(cache.bytes).toBe(bytes);
  });
});

describe("the segments kept", () => {
  const quarter = segmentCacheBytes / 4;
  async function load(cache: SegmentCache, host: Host, ...keys: readonly string[]): Promise<void> {
    for (const key of keys) await cache.load(key, ref, host);
  }
  const kept = (cache: SegmentCache, ...keys: readonly string[]) => keys.filter((key) => cache.peek(key));

  it("have at most the bytes they may have, to the last one, and the one used the longest ago goes first", async () => {
    const { host, read } = bucket();
    const cache = new SegmentCache();
    const all = ["a", "b", "c", "d", "e"].map((name) => `${name} ${quarter}`);
    await load(cache, host, ...all.slice(0, 4));
    expect(cache.bytes).toBe(segmentCacheBytes);
    expect(kept(cache, ...all)).toEqual(all.slice(0, 4));
    // Used again: the second one is the oldest now.
    cache.peek(`a ${quarter}`);
    await load(cache, host, `e ${quarter}`);
    expect(cache.bytes).toBe(segmentCacheBytes);
    expect(kept(cache, ...all)).toEqual(all.filter((_, index) => index !== 1));
    await load(cache, host, "small 1");
    expect(cache.bytes).toBe(3 * quarter + 1);
    expect(read).toHaveLength(6);
  });

  it("stay when one comes that is larger than all may be together", async () => {
    const { host } = bucket();
    const cache = new SegmentCache();
    const large = `large ${segmentCacheBytes + 1}`;
    await load(cache, host, `a ${quarter}`, large);
    expect(kept(cache, `a ${quarter}`, large)).toEqual([`a ${quarter}`]);
    expect(cache.bytes).toBe(quarter);
    const exact = `exact ${segmentCacheBytes}`;
    await load(cache, host, exact);
    expect(kept(cache, `a ${quarter}`, exact)).toEqual([exact]);
    expect(cache.bytes).toBe(segmentCacheBytes);
  });
});
