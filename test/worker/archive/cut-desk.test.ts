import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CutDesk } from "../../../worker/archive/cut-desk.ts";
import { cutLookMs, cutsAtOnce, maxCutMs, shortCutMs } from "../../../worker/archive/file-limits.ts";

describe("long cuts", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are looked for some at a time, while short ones always are", () => {
    const desk = new CutDesk();
    const leave = Array.from({ length: cutsAtOnce }, () => desk.enter(maxCutMs));
    expect(leave).not.toContain(null);
    expect(desk.enter(shortCutMs + 1)).toBeNull();
    expect(desk.enter(shortCutMs)).not.toBeNull();
    leave[0]?.();
    leave[0]?.();
    expect(desk.enter(maxCutMs)).not.toBeNull();
    expect(desk.enter(maxCutMs)).toBeNull();
  });

  it("keep nobody out for ever when their requests ended and never came back", () => {
    const desk = new CutDesk();
    for (let count = 0; count < cutsAtOnce; count++) desk.enter(maxCutMs);
    vi.advanceTimersByTime(cutLookMs + 1);
    expect(desk.enter(maxCutMs)).not.toBeNull();
  });
});
