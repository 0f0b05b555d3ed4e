import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { segmentReadTimeoutMs } from "../../worker/limits.ts";
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
const object = {
  arrayBuffer: () => Promise.resolve(new Uint8Array([1, 2, 3]).buffer),
  customMetadata: {},
};

/** A bucket whose first read never ends, as when the request that began it does. */
function hangingOnce() {
  let reads = 0;
  const get = () => (reads++ === 0 ? new Promise<never>(() => undefined) : Promise.resolve(object));
  const host = { env: { SEGMENTS: { get } }, keepAlive: () => undefined } as unknown as Host;
  return { host, reads: () => reads };
}

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
    const { host, reads } = hangingOnce();
    const cache = new SegmentCache();
    const load = () => cache.load("key", ref, host);
    void load();
    vi.setSystemTime(Date.now() + jumpMs);
    const second = load();
    await vi.advanceTimersByTimeAsync(withinMs);
    expect((await Promise.race([second, Promise.resolve("late" as const)])) === "late").toBe(false);
    expect(reads()).toBe(2);
  });
});
