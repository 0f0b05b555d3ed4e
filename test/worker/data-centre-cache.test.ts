import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encodeSegmentMetadata } from "../../shared/object-format.ts";
import type { Segment } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { isolateAsked } from "../../worker/isolate-counts.ts";
import { cacheReadTimeoutMs, cacheRestMs } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";
import { SegmentCache } from "../../worker/segment-cache.ts";

const body = Uint8Array.from([1, 2, 3, 4]);
const segment: Segment = {
  epoch: epoch(3),
  sequence: sequence(7),
  startMs: millis(1_700_000_000_000),
  firstSample: sampleCount(88_704),
  samples: sampleCount(1_152),
  sampleRate: 44_100,
  channels: 2,
  bytes: body.length,
  body,
  titles: [{ atSample: sampleCount(0), text: "제목; 'quoted'" }],
  reservoir: Uint8Array.from([9, 8, 7]),
};
const key = "v1/live.mp3/0000000003/0000000007.mp3";
const address = `https://radio.example/${key}`;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A data centre: what its cache does when asked, and a bucket that has the segment. */
function dataCentre() {
  const entries = new Map<string, Response>();
  const centre = { asked: 0, fault: null as "throws" | "hangs" | null, entries, bucketReads: 0, host };
  const call = async <T>(work: () => T | Promise<T>): Promise<T> => {
    centre.asked++;
    if (centre.fault === "throws") throw new Error("Too many API requests by single Worker invocation.");
    if (centre.fault === "hangs") await new Promise(() => undefined);
    return work();
  };
  const cache = {
    match: (url: string) => call(() => entries.get(url)?.clone()),
    put: (url: string, reply: Response) => call(() => void entries.set(url, reply)),
  };
  vi.stubGlobal("caches", { open: () => Promise.resolve(cache) });
  const get = () => {
    centre.bucketReads++;
    const customMetadata = encodeSegmentMetadata(segment);
    return Promise.resolve({ customMetadata, arrayBuffer: () => Promise.resolve(body.slice().buffer) });
  };
  function host(): Host {
    return {
      env: { SEGMENTS: { get }, SEGMENT_CACHE: "1" },
      keepAlive: () => undefined,
      hostname: "radio.example",
    } as unknown as Host;
  }
  return centre;
}

/** As another isolate of the data centre has it. */
const loadAnew = (centre: ReturnType<typeof dataCentre>, cache = new SegmentCache(), host = centre.host()) =>
  cache.load(key, segment, host);

describe("the data centre's cache", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_010_000 });
    vi.stubGlobal("scheduler", { wait });
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("gives another isolate the segment with all that listeners need, and the bucket is read once", async () => {
    const centre = dataCentre();
    const before = { ...isolateAsked };
    await loadAnew(centre);
    const entry = centre.entries.get(address);
    expect(entry?.headers.get("content-length")).toBe("4");
    expect(entry?.headers.get("cache-control")).toMatch(/^public, max-age=\d+, immutable$/);
    const loaded = await loadAnew(centre);
    expect(loaded?.body).toEqual(body);
    expect(loaded?.reservoir).toEqual(segment.reservoir);
    expect(centre.bucketReads).toBe(1);
    const { cacheReads, cacheHits, cacheWrites, bucketReads } = isolateAsked;
    expect({
      cacheReads: cacheReads - before.cacheReads,
      cacheHits: cacheHits - before.cacheHits,
      cacheWrites: cacheWrites - before.cacheWrites,
      bucketReads: bucketReads - before.bucketReads,
    }).toEqual({ cacheReads: 2, cacheHits: 1, cacheWrites: 1, bucketReads: 1 });
  });

  it("is not asked where nobody wants it or the runtime has none", async () => {
    const centre = dataCentre();
    const plain = centre.host();
    await new SegmentCache().load(key, segment, { ...plain, env: { SEGMENTS: plain.env.SEGMENTS } } as Host);
    vi.stubGlobal("caches", undefined);
    expect((await loadAnew(centre))?.body).toEqual(body);
    expect(centre.asked).toBe(0);
  });

  it.each([
    ["a body cut short", (entry: Response) => new Response("123", { headers: entry.headers })],
    ["no metadata", () => new Response(body)],
    ["another time", (entry: Response) => withHeader(entry, "skywave-start-ms", "1600000000000")],
    ["another place", (entry: Response) => withHeader(entry, "skywave-first-sample", "0")],
    ["another length", (entry: Response) => withHeader(entry, "skywave-samples", "576")],
    ["another format", (entry: Response) => withHeader(entry, "skywave-format", "2")],
  ])("is not believed when it has something with %s, which the right one replaces", async (_, spoil) => {
    const centre = dataCentre();
    await loadAnew(centre);
    const entry = centre.entries.get(address);
    centre.entries.set(address, spoil(entry?.clone() ?? new Response()));
    const loaded = await loadAnew(centre);
    expect(loaded?.body).toEqual(body);
    expect(loaded?.reservoir).toEqual(segment.reservoir);
    expect(centre.bucketReads).toBe(2);
    await loadAnew(centre);
    expect(centre.bucketReads).toBe(2);
  });

  it("is left alone by a request that it has refused, and asked by the others", async () => {
    const centre = dataCentre();
    const tired = centre.host();
    const cache = new SegmentCache();
    centre.fault = "throws";
    expect((await loadAnew(centre, cache, tired))?.body).toEqual(body);
    centre.fault = null;
    const { asked } = centre;
    await cache.load("v1/live.mp3/0000000003/0000000008.mp3", segment, tired);
    expect(centre.asked).toBe(asked);
    await cache.load("v1/live.mp3/0000000003/0000000009.mp3", segment, centre.host());
    expect(centre.asked).toBe(asked + 2);
  });

  it("is waited for a moment when it is slow, then left alone for a while by all", async () => {
    const centre = dataCentre();
    const cache = new SegmentCache();
    const load = (number: number) =>
      cache.load(`v1/live.mp3/0000000003/000000000${number}.mp3`, segment, centre.host());
    centre.fault = "hangs";
    const first = load(0);
    await vi.advanceTimersByTimeAsync(cacheReadTimeoutMs);
    expect((await first)?.body).toEqual(body);
    expect(centre.asked).toBe(1);
    await load(1);
    await vi.advanceTimersByTimeAsync(cacheRestMs - 1);
    await load(2);
    expect(centre.asked).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    centre.fault = null;
    await load(3);
    expect(centre.asked).toBe(3);
  });

  it("is asked once by a thousand listeners", async () => {
    const centre = dataCentre();
    const cache = new SegmentCache();
    await Promise.all(Array.from({ length: 1_000 }, () => loadAnew(centre, cache)));
    // Once for the segment, once to keep it.
    expect(centre.asked).toBe(2);
    expect(centre.bucketReads).toBe(1);
  });
});

function withHeader(entry: Response, name: string, value: string): Response {
  const headers = new Headers(entry.headers);
  headers.set(name, value);
  return new Response(entry.body, { headers });
}
