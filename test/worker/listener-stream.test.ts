import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openListenerStream } from "../../worker/listener-stream.ts";
import type { Host } from "../../worker/mount-feed.ts";
import type { Programme } from "../../worker/programme.ts";
import { LoadedSegment } from "../../worker/segment-cache.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
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

/** A feed whose ten segments are all there, counting how often one is asked for. */
function fullFeed() {
  const segments = Array.from({ length: 10 }, (_, index) => segmentAt(index));
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
    wait: () => new Promise<void>(() => undefined),
  };
  return feed;
}

function open(feed: ReturnType<typeof fullFeed>, signal = new AbortController().signal) {
  const wish = { metaint: 0, behindMs: 60_000, leastBytes: 0, intro: null, maxMs: undefined };
  const rules = [{ returns: true, mustReturn: false }];
  const programme = { stages: [feed], rules, first: 0, home: feed, intro: null } as unknown as Programme;
  feed.listeners++;
  const leave = () => {
    feed.listeners--;
  };
  return openListenerStream(programme, wish, {} as Host, signal, leave).getReader();
}

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
