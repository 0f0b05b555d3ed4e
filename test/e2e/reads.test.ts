import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketOf } from "../support/bucket.ts";
import { FrameList } from "../support/frame-check.ts";
import { splicedRuns } from "../support/heard.ts";
import { type Crowd, openCrowd } from "../support/crowd.ts";
import { listen } from "../support/listen.ts";
import { seeded, testSeed } from "../support/seeded.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** What listeners cost in reads and calls, whose number must not depend on theirs. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
/** Of the default burst of 4 s: two segments, and one that it begins inside of. */
const burstSegments = 3;

interface Asked {
  readonly listeners: number;
  readonly bucketReads: number;
  readonly mountCalls: number;
  readonly directoryCalls: number;
  readonly seatCalls: number;
  readonly cacheReads: number;
  readonly cacheHits: number;
  readonly cacheWrites: number;
}

const health = async (stack: Stack): Promise<Asked> =>
  (await (await fetch(`${stack.edgeUrl}/health`)).json()) as Asked;

/** What has been asked, and how many segments of the mount there are. */
async function countsOf(stack: Stack, mount: string) {
  const segments = (await bucketOf(stack).keys(mount)).length;
  return { ...(await health(stack)), segments };
}

type Counts = Awaited<ReturnType<typeof countsOf>>;

const between = (before: Counts, after: Counts): Counts => {
  const names = Object.keys(before) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as Counts;
};

async function goOnAir(stack: Stack, mount: string): Promise<Streaming> {
  const source = await streamMp3(stack.ingestPort, mount, fixture, { password: stack.password, loop: true });
  await waitFor("the first segment", async () => (await bucketOf(stack).keys(mount)).length > 0);
  return source;
}

const segmentsBeyond = (stack: Stack, mount: string, count: number) =>
  waitFor(
    `segment ${count} of ${mount}`,
    async () => (await bucketOf(stack).keys(mount)).length >= count,
    90_000,
  );

const everybodyGone = (stack: Stack) =>
  waitFor("everybody to have gone", async () => (await health(stack)).listeners === 0, 30_000);

/** Every one has so many bytes. */
const served = (crowd: Crowd, bytes: number) =>
  waitFor(
    `${bytes} bytes for each`,
    () => crowd.bytes.every((count) => count >= bytes) || crowd.refusals.length > 0,
    40_000,
  );

describe("listeners of one isolate", () => {
  let stack: Stack;
  const sources: Streaming[] = [];
  const live = "/live.mp3";
  const unheard = "/unheard.mp3";

  beforeAll(async () => {
    stack = await startStack();
    sources.push(await goOnAir(stack, live), await goOnAir(stack, unheard));
  });

  afterAll(async () => {
    for (const source of sources) source.destroy();
    await stack?.stop();
  });

  it.for([1, 100, 1_000])("are %i: a read and a call for each segment", async (listeners) => {
    await everybodyGone(stack);
    await segmentsBeyond(stack, live, burstSegments);
    const before = await countsOf(stack, live);
    const crowd = await openCrowd(
      stack.edgePort,
      Array.from({ length: listeners }, () => live),
    );
    // More than half of the burst, which is all there is when a segment comes.
    await served(crowd, 32_000);
    const joined = await countsOf(stack, live);
    await segmentsBeyond(stack, live, joined.segments + 4);
    const after = await countsOf(stack, live);
    const { refusals, dropped } = crowd;
    crowd.close();
    expect({ refusals, dropped, listeners: after.listeners }).toEqual({
      refusals: [],
      dropped: 0,
      listeners,
    });

    const joins = between(before, joined);
    expect(joins.bucketReads, JSON.stringify(joins)).toBeLessThanOrEqual(joins.segments + burstSegments + 1);
    expect(joins.mountCalls, JSON.stringify(joins)).toBeLessThanOrEqual(joins.segments + 4);

    const steady = between(joined, after);
    // A segment may be stored on one side of a count, and read on the other.
    expect(Math.abs(steady.bucketReads - steady.segments), JSON.stringify(steady)).toBeLessThanOrEqual(1);
    expect(Math.abs(steady.mountCalls - steady.segments), JSON.stringify(steady)).toBeLessThanOrEqual(2);
    // One a second at most: settings for newcomers, the list of mounts for whoever asks about health.
    expect(steady.directoryCalls, JSON.stringify(steady)).toBeLessThanOrEqual(2 * steady.segments + 2);
    expect(between(before, after)).toMatchObject({ seatCalls: 0, cacheReads: 0, cacheWrites: 0 });
  });

  it("who come by hundreds to a runtime that has nothing, with bursts of any length, read what they hear once", async () => {
    await everybodyGone(stack);
    // A whole window of 60 s, of which nobody has heard anything.
    await segmentsBeyond(stack, unheard, 32);
    const died = stack.kill("workerd");
    await waitFor("another runtime", () => stack.pidOf("workerd") !== died && stack.pidOf("workerd"), 30_000);
    await waitFor("the edge to be back", async () => {
      try {
        return (await fetch(`${stack.edgeUrl}${unheard}`, { method: "HEAD" })).ok;
      } catch {
        return false;
      }
    });
    const random = seeded(testSeed);
    const before = await countsOf(stack, unheard);
    expect(before.bucketReads).toBe(0);

    const upTo = async (seconds: number) => {
      const paths = Array.from(
        { length: 500 },
        (_, index) => `${unheard}?burst=${index === 0 ? seconds : (random() * seconds).toFixed(2)}`,
      );
      const crowd = await openCrowd(stack.edgePort, paths);
      // The one with the longest burst has it.
      await waitFor("the longest burst", () => (crowd.bytes[0] ?? 0) > (seconds - 4) * 16_000, 40_000);
      await served(crowd, 4_000);
      const after = await countsOf(stack, unheard);
      const { refusals, dropped } = crowd;
      crowd.close();
      expect({ refusals, dropped }, `seed ${testSeed}`).toEqual({ refusals: [], dropped: 0 });
      return between(before, after);
    };

    // Nothing of the older half is asked for: 2 s a segment, one that a burst begins inside of, one as the count goes.
    const half = await upTo(30);
    expect(half.bucketReads, JSON.stringify(half)).toBeLessThanOrEqual(30 / 2 + half.segments + 2);
    expect(half.bucketReads, JSON.stringify(half)).toBeGreaterThanOrEqual(30 / 2 - 2);
    // The newer half is there already.
    const all = await upTo(60);
    expect(all.bucketReads, JSON.stringify(all)).toBeLessThanOrEqual(60 / 2 + all.segments + 2);
    expect(all.bucketReads, JSON.stringify(all)).toBeGreaterThanOrEqual(60 / 2 - 2);
    expect(all.mountCalls, JSON.stringify(all)).toBeLessThanOrEqual(all.segments + 6);
  });
});

describe("the data centre's cache", () => {
  const mount = "/cached.mp3";
  let stack: Stack;
  let source: Streaming;

  beforeAll(async () => {
    stack = await startStack({ env: { SKYWAVE_SEGMENT_CACHE: "1" } });
    source = await goOnAir(stack, mount);
  });

  afterAll(async () => {
    source?.destroy();
    await stack?.stop();
  });

  it("is asked and told of each segment once, and gives a new isolate what the one before has read", async () => {
    const first = await listen(`${stack.edgeUrl}${mount}?burst=60`);
    await segmentsBeyond(stack, mount, 8);
    await waitFor("seven segments to be kept", async () => (await health(stack)).cacheWrites >= 7);
    const before = await countsOf(stack, mount);
    expect(before.cacheHits).toBe(0);
    expect(before.cacheReads).toBe(before.bucketReads);
    expect(before.cacheWrites).toBeLessThanOrEqual(before.bucketReads);
    first.close();

    const died = stack.kill("workerd");
    await waitFor("another runtime", () => stack.pidOf("workerd") !== died && stack.pidOf("workerd"), 30_000);
    const again = await waitFor("the mount to be back", async () => {
      try {
        const listening = await listen(`${stack.edgeUrl}${mount}?burst=60`);
        if (listening.status === 200) return listening;
        listening.close();
        return undefined;
      } catch {
        return undefined;
      }
    });
    await waitFor("the burst", () => again.bytes().length > 8 * 32_000);
    const after = await countsOf(stack, mount);
    again.close();
    expect(after.cacheHits, JSON.stringify(after)).toBeGreaterThanOrEqual(before.cacheWrites - 1);
    expect(after.bucketReads, JSON.stringify(after)).toBeLessThanOrEqual(
      after.segments - before.cacheWrites + 2,
    );
    const { runs, rest } = splicedRuns(again.bytes(), new FrameList(framesOf(fixture)));
    expect(runs).toHaveLength(1);
    expect(rest).toBeLessThan(1_441);
  });
});
