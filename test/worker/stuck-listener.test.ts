import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StuckWatch } from "../../worker/stuck-listener.ts";

describe("the watch over a listener that takes nothing", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function watch() {
    const onStuck = vi.fn<() => void>();
    return { onStuck, stuck: new StuckWatch(onStuck) };
  }

  it("lets it go after one to two minutes, once", () => {
    const { onStuck, stuck } = watch();
    vi.advanceTimersByTime(30_000);
    stuck.given();
    vi.advanceTimersByTime(60_000);
    expect(onStuck).not.toHaveBeenCalled();
    vi.advanceTimersByTime(30_000);
    expect(onStuck).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(300_000);
    expect(onStuck).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves one alone that takes a buffer now and then", () => {
    const { onStuck, stuck } = watch();
    for (let minute = 0; minute < 10; minute++) {
      stuck.given();
      vi.advanceTimersByTime(59_000);
      stuck.asked();
    }
    expect(onStuck).not.toHaveBeenCalled();
  });

  it("leaves one alone that waits for a source, however long", () => {
    const { onStuck, stuck } = watch();
    stuck.given();
    stuck.asked();
    vi.advanceTimersByTime(600_000);
    expect(onStuck).not.toHaveBeenCalled();
  });

  it("does not mistake a clock that jumps for an hour gone by", () => {
    const { onStuck, stuck } = watch();
    stuck.given();
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(60_000);
    expect(onStuck).not.toHaveBeenCalled();
    stuck.asked();
    stuck.given();
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(60_000);
    expect(onStuck).not.toHaveBeenCalled();
  });

  it("is over when the listener leaves", () => {
    const { onStuck, stuck } = watch();
    stuck.given();
    stuck.stop();
    vi.advanceTimersByTime(600_000);
    expect(onStuck).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
