import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mountPath } from "../../shared/mount-path.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import type { ArchiveWord } from "../../worker/archive/archive-word.ts";
import { tellEveryMs } from "../../worker/archive/limits.ts";
import { directoryCallTimeoutMs, longestLeaseMs, publishEveryMs } from "../../worker/limits.ts";
import type { MountObject as Mount } from "../../worker/mount-object.ts";

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
const { MountObject } = await import("../../worker/mount-object.ts");

const hourMs = 3_600_000;
const mount = mountPath("/live.mp3");
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The directory, with what its next calls meet. */
class FakeDirectory {
  readonly faults: ("fails" | "hangs")[] = [];
  readonly told: (MountStatus | null)[] = [];

  remember(): Promise<void> {
    return Promise.resolve();
  }

  async update(_: string, status: MountStatus | null): Promise<void> {
    const fault = this.faults.shift();
    if (fault === "hangs") await new Promise(() => undefined);
    if (fault === "fails") throw new Error("the directory has moved");
    this.told.push(status);
  }
}

/** A mount's object over its lives: what is stored outlives each. */
function storedMount() {
  const kept = new Map<string, unknown>();
  const directory = new FakeDirectory();
  const kv = {
    get: (key: string) => structuredClone(kept.get(key)),
    put: (key: string, value: unknown) => kept.set(key, structuredClone(value)),
    delete: (key: string) => kept.delete(key),
  };
  const ctx = { storage: { kv }, waitUntil: () => undefined };
  const begun: (readonly unknown[])[] = [];
  const roster = { begin: async (...args: readonly unknown[]) => void begun.push(args) };
  const told: ArchiveWord[] = [];
  const archive = { tell: async (word: ArchiveWord) => void told.push(word) };
  const env = {
    DIRECTORY: { getByName: () => directory },
    ROSTER: { getByName: () => roster },
    ARCHIVE: { getByName: () => archive },
  };
  const live = () => new MountObject(ctx, env as never);
  return { directory, begun, told, live };
}

const source = { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" };
const claim = (object: Mount, ingest: string, credential = "dj") =>
  object.claim({
    mount,
    ingest,
    source,
    credential,
    takeover: "never",
    policy: { segmentMs: 2_000, graceMs: 15_000 },
  });
const announce = (object: Mount, number: number, of = 1) =>
  object.announce({
    mount,
    segment: {
      epoch: epoch(of),
      sequence: sequence(number),
      startMs: millis(0),
      firstSample: sampleCount(number * 88_200),
      samples: sampleCount(88_200),
      sampleRate: 44_100,
      bytes: 32_000,
      titles: [],
    },
  });
const view = (object: Mount) => {
  const seats = { runtime: "isolate", order: 1, held: 1, settled: 1 };
  return object.view({ mount, seats, after: null, phase: "off", waitMs: 0 });
};

describe("a mount's object", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000 * hourMs });
    vi.stubGlobal("scheduler", { wait });
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** A broadcast with a listener during which the machine's clock is set, a second before the object's life ends. */
  async function broadcast(jumpMs: number) {
    const stored = storedMount();
    const object = stored.live();
    await claim(object, "host a");
    announce(object, 0);
    await view(object);
    await vi.advanceTimersByTimeAsync(1_000);
    vi.setSystemTime(Date.now() + jumpMs);
    announce(object, 1);
    await vi.advanceTimersByTimeAsync(1_000);
    return stored;
  }

  it.each([hourMs, -hourMs])(
    "keeps its source in its next life when the clock was set by %d ms",
    async (jumpMs) => {
      const { live } = await broadcast(jumpMs);
      const next = live();
      expect(await view(next)).toMatchObject({ phase: "live", edgeAgeMs: 1_000 });
      expect(await claim(next, "host b")).toEqual({ kind: "in-use" });
      // No longer than it would have had it in the life before.
      await vi.advanceTimersByTimeAsync(6_000);
      expect(await view(next)).toMatchObject({ phase: "waiting" });
      expect(await claim(live(), "host b")).toMatchObject({ kind: "claimed", epoch: 2 });
    },
  );

  it("has lost its source when it was gone for an hour, whatever the clock did before", async () => {
    const { live } = await broadcast(hourMs);
    await vi.advanceTimersByTimeAsync(hourMs);
    expect(await view(live())).toMatchObject({ phase: "off" });
  });

  it("holds nobody off for an hour when the clock was put back between its lives", async () => {
    const { live } = await broadcast(0);
    vi.setSystemTime(Date.now() - hourMs);
    const next = live();
    expect(await claim(next, "host b")).toEqual({ kind: "in-use" });
    await vi.advanceTimersByTimeAsync(longestLeaseMs);
    expect(await claim(next, "host b")).toMatchObject({ kind: "claimed" });
  });

  it("tells its archive of a source at once, of segments in batches, and of the end with what was left", async () => {
    const { live, told } = storedMount();
    const object = live();
    await claim(object, "host a");
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toMatchObject([
      { mount, segments: [], epochs: [{ epoch: 1, end: null, continues: false }] },
    ]);
    for (let number = 0; number < 4; number++) {
      announce(object, number);
      await vi.advanceTimersByTimeAsync(tellEveryMs / 4);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toHaveLength(2);
    expect(told[1]?.segments.map((segment) => segment.sequence)).toEqual([0, 1, 2, 3]);
    announce(object, 4);
    object.release({ mount, epoch: epoch(1) });
    await vi.advanceTimersByTimeAsync(0);
    expect(told[2]).toMatchObject({ segments: [{ sequence: 4 }], epochs: [{ epoch: 1, end: "released" }] });
    await vi.advanceTimersByTimeAsync(2 * tellEveryMs);
    expect(told).toHaveLength(3);
  });

  it("tells how much of what its source sent is no audio, of the one that has it now", async () => {
    const { live, directory } = storedMount();
    const object = live();
    await claim(object, "host a");
    object.renew({ mount, epoch: epoch(1), garbageBytes: 700 });
    object.renew({ mount, epoch: epoch(1) });
    await vi.advanceTimersByTimeAsync(publishEveryMs);
    expect(directory.told.at(-1)).toMatchObject({ garbageBytes: 700 });
    await claim(object, "host a");
    expect(object.renew({ mount, epoch: epoch(1), garbageBytes: 900 }).kind).toBe("fenced");
    await vi.advanceTimersByTimeAsync(publishEveryMs);
    expect(directory.told.at(-1)).not.toHaveProperty("garbageBytes");
  });

  it.each([
    ["fails" as const, publishEveryMs],
    ["hangs" as const, directoryCallTimeoutMs],
  ])("tells the directory again with its source's next word when a call %s", async (fault, afterMs) => {
    const { live, directory } = storedMount();
    const object = live();
    directory.faults.push(fault);
    await claim(object, "host a");
    await vi.advanceTimersByTimeAsync(afterMs);
    expect(directory.told).toEqual([]);
    object.renew({ mount, epoch: epoch(1) });
    await vi.advanceTimersByTimeAsync(publishEveryMs);
    expect(directory.told).toMatchObject([{ mount, onAir: true }]);
  });

  it("says when a source begins to be heard, once for each epoch", async () => {
    const object = storedMount().live();
    await claim(object, "host a");
    const said = () => [announce(object, 0), announce(object, 0), announce(object, 1)];
    expect(said().map((reply) => reply.kind === "held" && reply.begins === true)).toEqual([
      true,
      false,
      false,
    ]);
    await claim(object, "host a");
    expect(announce(object, 0, 2)).toMatchObject({ kind: "held", begins: true });
  });

  it("sends its source away for good when an administrator does, and lets the same login come back", async () => {
    const { live } = storedMount();
    const object = live();
    expect(object.killSource(mount, "ann")).toBe(false);
    await claim(object, "host a");
    announce(object, 0);
    expect(object.killSource(mount, "ann")).toBe(true);
    expect(object.killSource(mount, "ann")).toBe(false);
    expect(announce(object, 1)).toMatchObject({ kind: "fenced", by: "ann" });
    expect(object.renew({ mount, epoch: epoch(1) })).toMatchObject({ kind: "fenced", by: "ann" });
    // For listeners it has gone as any other goes.
    expect(await view(object)).toMatchObject({ phase: "waiting", segments: [{ sequence: 0 }] });
    const next = live();
    expect(await claim(next, "host b")).toMatchObject({ kind: "claimed", epoch: 3 });
    // Whoever comes too late now was not sent away by anybody.
    expect(next.renew({ mount, epoch: epoch(1) })).not.toHaveProperty("by");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await view(object)).toMatchObject({ phase: "off" });
  });

  it("tells a question that it holds of an order at once, once, and those of an earlier release of none", async () => {
    const { live } = storedMount();
    const object = live();
    await claim(object, "host a");
    announce(object, 0);
    const ask = (orders?: number) =>
      object.view({
        mount,
        seats: { runtime: "isolate", order: Date.now(), held: 1, settled: 1 },
        after: { epoch: epoch(1), sequence: sequence(0) },
        phase: "live",
        waitMs: 5_000,
        ...(orders !== undefined && { orders }),
      });
    const held = [ask(0), ask()];
    const answered: number[] = [];
    for (const [index, each] of held.entries()) void each.then(() => answered.push(index));
    await vi.advanceTimersByTimeAsync(100);
    object.orderListeners({ kind: "kill", listener: 7 });
    await vi.advanceTimersByTimeAsync(0);
    expect(answered).toEqual([0]);
    expect((await held[0])?.orders).toEqual([
      { order: { sequence: 1, kind: "kill", listener: 7 }, ageMs: 0 },
    ]);
    const next = ask(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([(await held[1])?.orders, (await next).orders]).toEqual([[], []]);
    // A minute later nobody is kept awake by it.
    await vi.advanceTimersByTimeAsync(60_000);
    announce(object, 1);
    expect((await ask(0)).orders).toEqual([]);
    const quiet = object.view({
      mount,
      seats: { runtime: "isolate", order: Date.now(), held: 1, settled: 1 },
      after: { epoch: epoch(1), sequence: sequence(1) },
      phase: "live",
      waitMs: 5_000,
      orders: 0,
    });
    let woken = false;
    void quiet.then(() => (woken = true));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(woken).toBe(false);
  });

  it("tells its source how many listen and what to do, until it has done it", async () => {
    const { live } = storedMount();
    const object = live();
    expect(object.setSourceTitle({ text: "nobody hears this" })).toBe(false);
    await claim(object, "host a");
    await view(object);
    expect(announce(object, 0)).toEqual({ kind: "held", begins: true, orders: [], listeners: 1 });
    expect(object.setSourceTitle({ text: "by hand" })).toBe(true);
    const order = { sequence: 1, kind: "title", title: { text: "by hand" } };
    expect(announce(object, 1)).toMatchObject({ orders: [order] });
    expect(object.renew({ mount, epoch: epoch(1) })).toMatchObject({ orders: [order] });
    expect(object.renew({ mount, epoch: epoch(1), ordersDone: 1 })).toMatchObject({ orders: [] });
  });

  it("tells its roster of each source, and whether a broadcast begins with it", async () => {
    const { live, begun } = storedMount();
    const object = live();
    await claim(object, "host a");
    announce(object, 0);
    await claim(object, "host a");
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toEqual([
      [mount, 1, true],
      [mount, 2, false],
    ]);
  });
});
