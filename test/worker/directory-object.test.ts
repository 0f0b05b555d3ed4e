import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mountPath } from "../../shared/mount-path.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { millis } from "../../shared/units.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    constructor(ctx: unknown) {
      this.ctx = ctx;
    }
  },
}));
const { DirectoryObject } = await import("../../worker/directory-object.ts");

const hourMs = 3_600_000;
const mount = mountPath("/live.mp3");
const status: MountStatus = {
  mount,
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
};

function directory() {
  const kv = { get: () => undefined, put: () => undefined, delete: () => false, list: () => [] };
  return new DirectoryObject({ storage: { kv }, waitUntil: () => undefined }, {} as never);
}

describe("the directory", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000 * hourMs });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("lists a mount for as long as it was told, though nobody asks meanwhile", async () => {
    const object = directory();
    object.update(mount, status, 15_000);
    expect(object.list().mounts).toEqual([status]);
    await vi.advanceTimersByTimeAsync(14_000);
    expect(object.list().mounts).toEqual([status]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(object.list().mounts).toEqual([]);
    object.update(mount, status, 15_000);
    await vi.advanceTimersByTimeAsync(hourMs);
    expect(object.list().mounts).toEqual([]);
  });

  it.each([hourMs, -hourMs])(
    "lists it neither shorter nor longer when the clock is set by %d ms",
    async (jumpMs) => {
      const object = directory();
      object.update(mount, status, 15_000);
      await vi.advanceTimersByTimeAsync(5_000);
      vi.setSystemTime(Date.now() + jumpMs);
      expect(object.list().mounts).toEqual([status]);
      await vi.advanceTimersByTimeAsync(12_000);
      expect(object.list().mounts).toEqual([]);
    },
  );
});
