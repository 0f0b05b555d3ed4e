import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SegmentRef } from "../../shared/segment.ts";
import { epoch, millis, type MountPath, sampleCount, sequence } from "../../shared/units.ts";
import { mountCallHoldMs } from "../../worker/limits.ts";
import { type Host, MountFeed } from "../../worker/mount-feed.ts";
import type { MountQuestion } from "../../worker/mount-object.ts";

const mount = "/live.mp3" as MountPath;
const segmentAt = (number: number): SegmentRef => ({
  epoch: epoch(1),
  sequence: sequence(number),
  startMs: millis(0),
  firstSample: sampleCount(number * 88_704),
  samples: sampleCount(88_704),
  sampleRate: 44_100,
  bytes: 32_000,
  titles: [],
});

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A mount with a segment every 2 s, the newest three of which can be had; what it was asked. */
function mountObject() {
  const asked: MountQuestion[] = [];
  const startedMs = Date.now();
  const newest = () => Math.floor((Date.now() - startedMs) / 2_000) + 2;
  const view = async (question: MountQuestion) => {
    asked.push(question);
    const { after, waitMs } = question;
    const untilMs = Date.now() + waitMs;
    const hasNews = () => !after || newest() > after.sequence;
    while (!hasNews() && Date.now() < untilMs) await wait(100);
    const all = [newest() - 2, newest() - 1, newest()].map(segmentAt);
    return {
      mount,
      phase: "live",
      epoch: 1,
      source: null,
      segments: all.filter((segment) => !after || segment.sequence > after.sequence),
      continues: true,
      oldest: all[0],
      titleBefore: null,
      edgeAgeMs: 0,
      silentMs: 0,
      patienceMs: 20_000,
      relays: 0,
    };
  };
  const object = { arrayBuffer: () => Promise.resolve(new ArrayBuffer(32_000)) };
  const env = { SEGMENTS: { get: () => Promise.resolve(object) }, MOUNT: { getByName: () => ({ view }) } };
  const host = { env, keepAlive: () => undefined, hostname: "radio.example" } as unknown as Host;
  return { asked, host };
}

describe("a mount's feed", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_000 });
    vi.stubGlobal("scheduler", { wait });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("goes on while its only listener is slow and waits for nothing", async () => {
    const { asked, host } = mountObject();
    const feed = new MountFeed(mount);
    await feed.refresh(host);
    expect(feed.window.map(({ sequence: number }) => number)).toEqual([0, 1, 2]);
    const first = feed.window[0];
    for (let seconds = 0; seconds < 12; seconds += 3) {
      if (first) void feed.segment(first, host);
      await vi.advanceTimersByTimeAsync(3_000);
    }
    expect(feed.window[0]?.sequence).toBeGreaterThanOrEqual(4);
    expect(asked.slice(1).every(({ waitMs }) => waitMs === mountCallHoldMs)).toBe(true);
    // A question for each time it took a segment, and none beside one that stands.
    expect(asked.length).toBeLessThanOrEqual(1 + 4);
  });

  it("asks one question for all that take segments at the same time", async () => {
    const { asked, host } = mountObject();
    const feed = new MountFeed(mount);
    await feed.refresh(host);
    const [ref] = feed.window;
    if (ref) for (let listener = 0; listener < 1_000; listener++) void feed.segment(ref, host);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toHaveLength(2);
  });
});
