import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openListenerStream } from "../../worker/listener-stream.ts";
import type { Host } from "../../worker/mount-feed.ts";
import type { Programme } from "../../worker/programme.ts";
import { Bell } from "../../worker/sleepers.ts";
import type { SessionHandle, SessionStream } from "../../worker/roster/open-session.ts";
import { LoadedSegment } from "../../worker/segment-cache.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { framesOf } from "../support/stream-mp3.ts";

const frames = framesOf(join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3")).slice(0, 400);
const framesEach = 40;

function segmentAt(index: number): LoadedSegment {
  const own = frames.slice(index * framesEach, (index + 1) * framesEach);
  const body = Buffer.concat(own.map(({ bytes }) => bytes));
  const ref = {
    epoch: epoch(1),
    sequence: sequence(index),
    startMs: millis(0),
    firstSample: sampleCount(index * framesEach * 1152),
    samples: sampleCount(own.length * 1152),
    sampleRate: 44_100,
    bytes: body.length,
    titles: [],
  };
  return new LoadedSegment(ref, body, new Uint8Array(0));
}

const segments = Array.from({ length: 10 }, (_, index) => segmentAt(index));

/** A feed whose ten segments are all there, counting how often one is asked for. */
function fullFeed() {
  const feed = {
    phase: "live",
    isCertain: true,
    window: segments.map(({ ref }) => ref),
    titleBefore: null,
    edgeAgeMs: 0,
    silentMs: 0,
    patienceMs: 20_000,
    listeners: 0,
    asked: 0,
    segment(ref: { sequence: number }) {
      feed.asked++;
      return segments[ref.sequence];
    },
    bell: new Bell(),
    attend: () => Number.POSITIVE_INFINITY,
  };
  return feed;
}

const idleHost = { keepAlive: () => undefined } as unknown as Host;

function open(
  feed: ReturnType<typeof fullFeed>,
  signal = new AbortController().signal,
  session?: SessionHandle,
) {
  const wish = { metaint: 0, behindMs: 60_000, leastBytes: 0, intro: null, maxMs: undefined, session };
  const rules = [{ returns: true, mustReturn: false }];
  const programme = { stages: [feed], rules, first: 0, home: feed, intro: null } as unknown as Programme;
  feed.listeners++;
  const leave = () => {
    feed.listeners--;
  };
  return openListenerStream(programme, wish, idleHost, signal, leave).getReader();
}

/** A stage that is live with the first `count` of ten segments, or off. */
function stage(name: string, count: number) {
  return {
    name,
    phase: count > 0 ? "live" : "off",
    isCertain: true,
    window: segments.slice(0, count).map(({ ref }) => ref),
    titleBefore: null,
    edgeAgeMs: 0,
    silentMs: 0,
    patienceMs: 20_000,
    refresh: (): Promise<void> => Promise.resolve(),
    bell: new Bell(),
    attend: () => 10,
    segment: (ref: { sequence: number }) => segments[ref.sequence],
  };
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const segmentMs = (framesEach * 1152 * 1000) / 44_100;

/** A listener that takes what it is given at once, as it is played: what it was sent and when that will have been heard. */
function listener(
  stages: readonly ReturnType<typeof stage>[],
  {
    bucket,
    intro = null,
  }: { bucket?: object; intro?: { file: object; segments: readonly object[] } | null } = {},
) {
  const wish = { metaint: 0, behindMs: 3_000, leastBytes: 0, intro, maxMs: undefined };
  const rules = stages.map(() => ({ returns: true, mustReturn: false }));
  const programme = { stages, rules, first: 0, home: stages[0], intro: null } as unknown as Programme;
  const host = { env: { SEGMENTS: bucket }, keepAlive: () => undefined } as unknown as Host;
  const { signal } = new AbortController();
  const stream = openListenerStream(
    programme,
    wish as unknown as Parameters<typeof openListenerStream>[1],
    host,
    signal,
    () => undefined,
  );
  const reader = stream.getReader();
  const heard = {
    chunks: [] as Uint8Array[],
    ended: false,
    dryMs: 0,
    untilMs: 0,
    stop: () => reader.cancel(),
  };
  void (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      heard.ended = done;
      if (!value) return;
      const now = Date.now();
      if (heard.untilMs > 0) heard.dryMs += Math.max(0, now - heard.untilMs);
      // No player starts at once.
      heard.untilMs =
        Math.max(now + (heard.untilMs === 0 ? 500 : 0), heard.untilMs) +
        framesOfBytes(value) * (1_152_000 / 44_100);
      heard.chunks.push(value);
    }
  })();
  return heard;
}

const framesOfBytes = (bytes: Uint8Array) => mp3.indexFrames(bytes).length;

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("a listener's stream", () => {
  it("prepares nothing for a socket that asks for nothing, and one buffer each time it asks", async () => {
    const feed = fullFeed();
    const reader = open(feed);
    await settled();
    expect(feed.asked).toBe(0);
    for (let reads = 1; reads <= 3; reads++) {
      await reader.read();
      await settled();
      expect(feed.asked).toBe(reads);
    }
  });

  it("tells once that a listener has left, however it leaves", async () => {
    const feed = fullFeed();
    const leaving = new AbortController();
    const aborted = open(feed, leaving.signal);
    const cancelled = open(feed);
    await Promise.all([aborted.read(), cancelled.read()]);
    expect(feed.listeners).toBe(2);
    await cancelled.cancel();
    await cancelled.cancel();
    expect(feed.listeners).toBe(1);
    leaving.abort();
    leaving.abort();
    expect(await aborted.read()).toEqual({ done: true, value: undefined });
    expect(feed.listeners).toBe(0);
  });
});

/** A session's side of a stream. */
function sessionOf() {
  const attached: { stream: SessionStream | null } = { stream: null };
  const attach = (stream: SessionStream): void => {
    attached.stream = stream;
  };
  return { attached, session: { attach } as unknown as SessionHandle };
}

describe("a listener's stream that an administrator ends", () => {
  beforeEach(() => {
    vi.stubGlobal("scheduler", { wait });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("ends while it waits, at once, and tells that its listener has left", async () => {
    const feed = fullFeed();
    const { attached, session } = sessionOf();
    const reader = open(feed, undefined, session);
    let sent = 0;
    for (let reads = 0; reads < 10; reads++) sent += (await reader.read()).value?.length ?? 0;
    expect(attached.stream?.bytesSent).toBe(sent);
    expect(attached.stream?.skips).toBe(0);
    const waiting = reader.read();
    await settled();
    expect(feed.listeners).toBe(1);
    attached.stream?.end();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(feed.listeners).toBe(0);
    attached.stream?.end();
  });

  it("ends with what its socket asks for next, where it waits for nothing", async () => {
    const feed = fullFeed();
    const { attached, session } = sessionOf();
    const reader = open(feed, undefined, session);
    await reader.read();
    attached.stream?.end();
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    expect(feed.listeners).toBe(0);
  });
});

describe("a listener, whatever cannot be had", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000_000 });
    vi.stubGlobal("scheduler", { wait });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("begins with a second of sound at least, when it begins near the end of a segment", async () => {
    const live = stage("/live", 8);
    // 3 s behind what has come 0.85 s ago: two segments and the last frames of another.
    live.edgeAgeMs = 850;
    const heard = listener([live]);
    await vi.advanceTimersByTimeAsync(100);
    await heard.stop();
    const first = heard.chunks[0];
    expect(framesOfBytes(first ?? new Uint8Array(0))).toBeGreaterThan(1_000 / (1_152_000 / 44_100));
    expect(isOf(first, 6)).toBe(true);
    // One run of the source's frames after the primer.
    const all = Buffer.concat(segments.map(({ body }) => body));
    const sent = Buffer.concat(heard.chunks);
    expect(all.includes(sent.subarray(-100 * 300))).toBe(true);
    expect(isOf(sent, 7)).toBe(true);
  });

  it("is given silence before it runs dry while another stage takes its time to answer, and the end only then", async () => {
    const [home, fallback] = [stage("/home", 4), stage("/fallback", 0)];
    const answer = Promise.withResolvers<void>();
    fallback.refresh = () => answer.promise;
    const heard = listener([home, fallback]);
    await vi.advanceTimersByTimeAsync(1_000);
    home.phase = "off";
    await vi.advanceTimersByTimeAsync(8_000);
    expect([heard.ended, heard.dryMs]).toEqual([false, 0]);
    expect(heard.untilMs).toBeGreaterThan(Date.now());
    answer.resolve();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heard.ended).toBe(true);
  });

  it("asks again where its only mount was off when it was asked last, and is given no more than can be heard", async () => {
    const home = stage("/home", 4);
    let asked = 0;
    home.attend = () => {
      asked++;
      return 10;
    };
    const heard = listener([home]);
    await vi.advanceTimersByTimeAsync(1_000);
    home.phase = "off";
    home.isCertain = false;
    asked = 0;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toBeGreaterThan(0);
    expect([heard.ended, heard.dryMs]).toEqual([false, 0]);
    expect(heard.untilMs - Date.now()).toBeLessThan(5_000);
    home.isCertain = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard.ended).toBe(true);
  });

  /** An intro of two segments whose objects come as `get` says. */
  const introOf = (title: string) => ({
    file: { id: title.padEnd(32, "0"), title },
    segments: [8, 9].map((index) => segmentAt(index).ref),
  });
  const object = (key: string) => {
    const { body } = segmentAt(key.includes("8") ? 8 : 9);
    return { arrayBuffer: () => Promise.resolve(new Uint8Array(body).buffer), customMetadata: {} };
  };

  it("goes on live when storage does not answer for its intro, which is logged once", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const bucket = { get: () => new Promise(() => undefined) };
    const both = [1, 2].map(() => listener([stage("/live", 7)], { bucket, intro: introOf("aa") }));
    await vi.advanceTimersByTimeAsync(3_000);
    for (const heard of both) {
      expect(heard.chunks.length).toBeGreaterThan(1);
      expect(heard.chunks.some((chunk) => isOf(chunk, 8))).toBe(false);
      await heard.stop();
    }
    expect(warned.mock.calls).toEqual([['listeners of /live begin without the intro "aa"']]);
  });

  it("hears its intro from the beginning when storage has it at the second asking", async () => {
    let reads = 0;
    const bucket = { get: (key: string) => Promise.resolve(reads++ === 0 ? null : object(key)) };
    const heard = listener([stage("/live", 7)], { bucket, intro: introOf("bb") });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard.chunks.slice(0, 2).map((chunk, at) => isOf(chunk, 8 + at))).toEqual([true, true]);
    await heard.stop();
  });

  it("goes on live when the rest of its intro cannot be had, before it runs dry", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const bucket = { get: (key: string) => Promise.resolve(key.includes("8") ? object(key) : null) };
    const heard = listener([stage("/live", 7)], { bucket, intro: introOf("cc") });
    await vi.advanceTimersByTimeAsync(4 * segmentMs);
    expect(heard.chunks.length).toBeGreaterThan(2);
    expect([isOf(heard.chunks[0], 8), heard.dryMs]).toEqual([true, 0]);
    await heard.stop();
  });
});

/** Whether a chunk ends as segment `index` does. */
const isOf = (chunk: Uint8Array | undefined, index: number): boolean =>
  chunk !== undefined && Buffer.from(chunk).subarray(-1_000).equals(segmentAt(index).body.subarray(-1_000));
