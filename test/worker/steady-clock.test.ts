import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SteadyClock } from "../../worker/steady-clock.ts";

describe("a steady clock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const at = (clock: SteadyClock, wallMs: number): number => {
    vi.setSystemTime(wallMs);
    return clock.now();
  };

  it("goes on from where it was when the machine's clock is set, forwards and back", () => {
    const clock = new SteadyClock(() => true);
    expect(at(clock, 1_000_000)).toBe(1_000_000);
    expect(at(clock, 1_002_000)).toBe(1_002_000);
    expect(at(clock, 4_602_000)).toBe(1_002_000);
    expect(at(clock, 4_603_000)).toBe(1_003_000);
    expect(at(clock, 1_003_500)).toBe(1_003_000);
    expect(at(clock, 1_004_500)).toBe(1_004_000);
  });

  it("goes on in another life from where it was stored, and tells its times as the machine's clock has them", () => {
    const before = new SteadyClock(() => true);
    at(before, 1_000_000);
    expect(at(before, 4_600_000)).toBe(1_000_000);
    const after = () => new SteadyClock(() => false, { wallMs: 4_600_000, offsetMs: -3_600_000 });
    expect(before.reading).toEqual({ wallMs: 4_600_000, offsetMs: -3_600_000 });
    expect(at(after(), 4_605_000)).toBe(1_005_000);
    expect(after().wallOf(1_000_000)).toBe(4_600_000);
    // Put back meanwhile: how much time has passed nobody knows, but it was not less than none.
    expect(at(after(), 1_002_000)).toBe(1_000_000);
  });

  it("gets back what it lost when the machine's clock was set, once a timer has run", () => {
    const clock = new SteadyClock(() => true);
    at(clock, 1_000_000);
    // Set an hour ahead 400 ms later, and back again: neither reading tells how long ago the one before was.
    expect(at(clock, 4_600_400)).toBe(1_000_000);
    expect(at(clock, 1_000_700)).toBe(1_000_000);
    vi.setSystemTime(1_001_000);
    clock.passed(1_000_000, 1_000);
    expect(clock.now()).toBe(1_001_000);
    expect(at(clock, 1_001_500)).toBe(1_001_500);
  });

  it("is not moved by a timer that is late, or a hair early", () => {
    const clock = new SteadyClock(() => true);
    at(clock, 1_000_000);
    at(clock, 1_001_300);
    clock.passed(1_000_000, 1_000);
    expect(clock.now()).toBe(1_001_300);
    clock.passed(1_001_300, 2);
    expect(clock.now()).toBe(1_001_300);
  });

  it("believes a long step that nobody watched", () => {
    const clock = new SteadyClock(() => false);
    expect(at(clock, 1_000_000)).toBe(1_000_000);
    expect(at(clock, 4_600_000)).toBe(4_600_000);
  });
});
