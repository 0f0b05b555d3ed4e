import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Waiters } from "../../worker/waiters.ts";

describe("those who wait in an object", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are woken all at once, and leave no timer behind", async () => {
    const waiters = new Waiters();
    const all = Promise.all([waiters.wait(5_000), waiters.wait(7_000)]);
    expect(vi.getTimerCount()).toBe(2);
    waiters.wake();
    await all;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("wait no longer than they want, and those who come later are not woken before", async () => {
    const waiters = new Waiters();
    waiters.wake();
    let isOver = false;
    const waiting = waiters.wait(1_000).then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(999);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    waiters.wake();
  });
});
