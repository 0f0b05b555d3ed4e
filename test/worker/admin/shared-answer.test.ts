import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SharedAnswer } from "../../../worker/admin/shared-answer.ts";
import { mountCallTimeoutMs } from "../../../worker/limits.ts";
import type { Host } from "../../../worker/mount-feed.ts";

const host = { keepAlive: () => undefined } as unknown as Host;

describe("an answer that an isolate shares", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("is worked out once for all who ask within its age", async () => {
    let asked = 0;
    const shared = new SharedAnswer(1_000, async () => ++asked);
    expect(await Promise.all([shared.get(host), shared.get(host)])).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(999);
    expect(await shared.get(host)).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await shared.get(host)).toBe(2);
  });

  it("that fails is asked for again by the next", async () => {
    let asked = 0;
    const shared = new SharedAnswer(1_000, async () => {
      if (++asked === 1) throw new Error("no");
      return asked;
    });
    await expect(shared.get(host)).rejects.toThrow("no");
    expect(await shared.get(host)).toBe(2);
  });

  it("is not waited for beyond a call's time when the request that asks has ended", async () => {
    let asked = 0;
    const shared = new SharedAnswer(1_000, async () => {
      if (++asked === 1) await new Promise(() => undefined);
      return asked;
    });
    void shared.get(host);
    const second = shared.get(host);
    await vi.advanceTimersByTimeAsync(mountCallTimeoutMs);
    expect(await second).toBe(2);
  });
});
