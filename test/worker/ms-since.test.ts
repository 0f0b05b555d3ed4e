import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { msSince } from "../../worker/ms-since.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test("an age is the time that has passed, and endless when the clock was put back", () => {
  expect(msSince(1_000_000)).toBe(0);
  expect(msSince(998_500)).toBe(1_500);
  expect(msSince(1_000_001)).toBe(Number.POSITIVE_INFINITY);
});
