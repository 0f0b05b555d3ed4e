import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Host } from "../../worker/mount-feed.ts";
import { Bell, Sleeper, Sleepers } from "../../worker/sleepers.ts";

/** A request that lives until `end`: what it keeps alive, and its timers, end with it. */
function request() {
  let alive = true;
  const works: Promise<unknown>[] = [];
  const host = { env: {}, keepAlive: (work: Promise<unknown>) => works.push(work) } as unknown as Host;
  return { host, works, isAlive: () => alive, end: () => (alive = false) };
}

/** Timers of the request that runs never come back once it has ended. */
let current: { isAlive: () => boolean } | null = null;
let timers = 0;
let roundsTakeTime = false;

beforeEach(() => {
  vi.useFakeTimers();
  timers = 0;
  roundsTakeTime = false;
  const later = globalThis.setTimeout;
  vi.stubGlobal("setTimeout", (run: () => void, ms: number) => {
    const owner = current;
    const fire = (): void => {
      if (owner?.isAlive() === false) return;
      current = owner;
      run();
    };
    // Between rounds of those who are woken together nothing is waited for; this clock would let a millisecond pass.
    if (ms === 0 && !roundsTakeTime) return queueMicrotask(fire);
    timers++;
    return later(fire, ms);
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Lies down in a request; tells when it woke, in ms of the fake clock. */
function lieDown(sleepers: Sleepers, by: ReturnType<typeof request>, ms: number, bell?: Bell) {
  current = by;
  const slept: { wokeMs: number | null } = { wokeMs: null };
  const fromMs = Date.now();
  const sleeper = new Sleeper(by.host, sleepers);
  void sleeper.sleep(ms, bell ? [bell] : []).then(() => (slept.wokeMs = Date.now() - fromMs));
  current = null;
  return Object.assign(slept, { leave: () => sleeper.leave() });
}

/** Lies down again until its time has come, whoever wakes it. */
function keepSleeping(sleepers: Sleepers, ms: number) {
  const by = request();
  const sleeper = new Sleeper(by.host, sleepers);
  const untilMs = Date.now() + ms;
  const slept = { isOver: false, wakings: 0 };
  void (async () => {
    while (Date.now() < untilMs) {
      current = by;
      const sleeping = sleeper.sleep(untilMs - Date.now());
      current = null;
      await sleeping;
      slept.wakings++;
    }
    slept.isOver = true;
  })();
  return slept;
}

describe("listeners that wait", () => {
  it("wake at their time, or a tenth of a second later", async () => {
    const sleepers = new Sleepers();
    const times = [0, 30, 100, 1_777, 5_000];
    const all = times.map((ms) => lieDown(sleepers, request(), ms));
    await vi.advanceTimersByTimeAsync(6_000);
    for (const [index, { wokeMs }] of all.entries()) {
      expect(wokeMs).toBeGreaterThanOrEqual(times[index] ?? 0);
      expect(wokeMs).toBeLessThanOrEqual((times[index] ?? 0) + 100);
    }
  });

  it("wake when their bell is rung, and no others", async () => {
    const sleepers = new Sleepers();
    const bell = new Bell();
    const listening = Array.from({ length: 200 }, () => lieDown(sleepers, request(), 5_000, bell));
    const other = lieDown(sleepers, request(), 5_000, new Bell());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(listening.every(({ wokeMs }) => wokeMs === null)).toBe(true);
    current = request();
    void bell.ring();
    await vi.advanceTimersByTimeAsync(100);
    expect(listening.filter(({ wokeMs }) => wokeMs === null)).toEqual([]);
    expect(other.wokeMs).toBe(null);
  });

  it("have two timers among them, however many they are, that look once a second while nobody's time comes", async () => {
    const sleepers = new Sleepers();
    for (let count = 0; count < 500; count++) lieDown(sleepers, request(), 60_000);
    expect(vi.getTimerCount()).toBe(2);
    timers = 0;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(timers).toBeLessThanOrEqual(20);
    expect(timers).toBeGreaterThanOrEqual(10);
  });

  it("are woken some at a time when their times come together, also when the watchman goes in the midst of it", async () => {
    roundsTakeTime = true;
    const sleepers = new Sleepers();
    const requests = Array.from({ length: 100 }, () => request());
    const all = requests.map((each) => lieDown(sleepers, each, 1_000));
    const asleep = (): number => all.filter(({ wokeMs }) => wokeMs === null).length;
    while (asleep() === all.length) await vi.advanceTimersToNextTimerAsync();
    expect(asleep()).toBeGreaterThan(80);
    requests[0]?.end();
    await vi.advanceTimersByTimeAsync(500);
    expect(asleep()).toBe(0);
  });

  it("have no more looks than ten a second, however many different times they wait for", async () => {
    const sleepers = new Sleepers();
    const all = Array.from({ length: 900 }, (_, index) => ({
      ms: 5_000 - index,
      slept: lieDown(sleepers, request(), 5_000 - index),
    }));
    expect(vi.getTimerCount()).toBe(2);
    timers = 0;
    await vi.advanceTimersByTimeAsync(5_100);
    expect(timers).toBeLessThanOrEqual(25);
    for (const { ms, slept } of all) {
      expect(slept.wokeMs).toBeGreaterThanOrEqual(ms);
      expect(slept.wokeMs).toBeLessThanOrEqual(ms + 100);
    }
  });

  it("wake in time when they lie down for less than those who keep watch wait", async () => {
    const sleepers = new Sleepers();
    for (let count = 0; count < 10; count++) lieDown(sleepers, request(), 60_000);
    await vi.advanceTimersByTimeAsync(10);
    const soon = [900, 500, 300, 150].map((ms) => ({ ms, slept: lieDown(sleepers, request(), ms) }));
    await vi.advanceTimersByTimeAsync(1_100);
    for (const { ms, slept } of soon) {
      expect(slept.wokeMs).toBeGreaterThanOrEqual(ms);
      expect(slept.wokeMs).toBeLessThanOrEqual(ms + 100);
    }
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vi.getTimerCount()).toBe(2);
  });

  it("are woken when a watchman has gone, and by those who lie down later when all have", async () => {
    const sleepers = new Sleepers();
    const watchmen = [request(), request()];
    for (const watchman of watchmen) lieDown(sleepers, watchman, 60_000);
    const early = lieDown(sleepers, request(), 2_000);
    const late = lieDown(sleepers, request(), 5_000);
    await vi.advanceTimersByTimeAsync(500);
    watchmen[0]?.end();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(early.wokeMs).not.toBe(null);
    watchmen[1]?.end();
    await vi.advanceTimersByTimeAsync(2_000);
    lieDown(sleepers, request(), 60_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(late.wokeMs).not.toBe(null);
  });

  it("are woken in time when both who keep watch leave", async () => {
    const sleepers = new Sleepers();
    const watchmen = [lieDown(sleepers, request(), 60_000), lieDown(sleepers, request(), 60_000)];
    const staying = keepSleeping(sleepers, 2_000);
    await vi.advanceTimersByTimeAsync(500);
    for (const watchman of watchmen) watchman.leave();
    await vi.advanceTimersByTimeAsync(1_600);
    // Once to take over the watch, once at its time.
    expect(staying.wakings).toBeGreaterThanOrEqual(2);
    expect(staying.isOver).toBe(true);
  });

  it.each([
    ["in turn", (all: readonly { leave: () => void }[]) => all],
    ["the watchmen last", (all: readonly { leave: () => void }[]) => all.toReversed()],
  ])("are woken in time when all but one leave together, %s", async (_, order) => {
    const sleepers = new Sleepers();
    const leaving = Array.from({ length: 100 }, () => lieDown(sleepers, request(), 60_000));
    const staying = keepSleeping(sleepers, 2_000);
    await vi.advanceTimersByTimeAsync(500);
    for (const each of order(leaving)) each.leave();
    await vi.advanceTimersByTimeAsync(1_600);
    expect(staying.isOver).toBe(true);
  });

  it("are woken in time when those who are called to keep watch have gone without a word", async () => {
    const sleepers = new Sleepers();
    const watchmen = [lieDown(sleepers, request(), 60_000), lieDown(sleepers, request(), 60_000)];
    const gone = Array.from({ length: 20 }, () => request());
    for (const each of gone) lieDown(sleepers, each, 60_000);
    const staying = keepSleeping(sleepers, 2_000);
    await vi.advanceTimersByTimeAsync(500);
    for (const each of gone) each.end();
    for (const watchman of watchmen) watchman.leave();
    await vi.advanceTimersByTimeAsync(1_600);
    expect(staying.isOver).toBe(true);
  });

  it("are woken in time when the watchmen have gone without a word, and somebody else leaves", async () => {
    const sleepers = new Sleepers();
    const watchmen = [request(), request()];
    for (const watchman of watchmen) lieDown(sleepers, watchman, 60_000);
    const other = lieDown(sleepers, request(), 60_000);
    const staying = keepSleeping(sleepers, 3_000);
    await vi.advanceTimersByTimeAsync(500);
    for (const watchman of watchmen) watchman.end();
    await vi.advanceTimersByTimeAsync(1_500);
    other.leave();
    await vi.advanceTimersByTimeAsync(1_200);
    expect(staying.isOver).toBe(true);
  });

  it("are over with their listener, and leave nothing behind", async () => {
    const sleepers = new Sleepers();
    const bell = new Bell();
    const leaving = request();
    const slept = lieDown(sleepers, leaving, 60_000, bell);
    await vi.advanceTimersByTimeAsync(200);
    slept.leave();
    await vi.advanceTimersByTimeAsync(200);
    expect(slept.wokeMs).toBe(200);
    timers = 0;
    await vi.advanceTimersByTimeAsync(5_000);
    // Nobody waits: nobody watches.
    expect(timers).toBe(0);
  });
});
