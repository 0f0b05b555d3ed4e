import { beforeEach, expect, test } from "vitest";
import type { DjSlot } from "../../../config/ingest-settings.ts";
import { DjTenure } from "../../../ingest/access/dj-tenure.ts";

/** 2026-11-21 is a Saturday. */
const at = (time: string) => Date.parse(`2026-11-21T${time}Z`);
const evening: DjSlot = { days: [6], from: 20 * 60, to: 22 * 60, timeZone: "UTC" };

let wallMs = 0;
let steadyMs = 0;
const clocks = { wall: () => wallMs, steady: () => steadyMs };
beforeEach(() => {
  wallMs = at("20:30:00");
  steadyMs = 1_000_000;
});

function pass(ms: number): void {
  wallMs += ms;
  steadyMs += ms;
}
/** Looks as often as it asks for, for at most `forMs`; after how many ms it is over, null when it is not. */
function overAfter(tenure: DjTenure, forMs: number): number | null {
  for (let passedMs = 0; ; ) {
    const inMs = tenure.look();
    if (inMs === null) return passedMs;
    if (passedMs + inMs > forMs) return null;
    passedMs += inMs;
    pass(inMs);
  }
}
const hour = 3_600_000;

test("it is over at the slot's end to the millisecond", () => {
  const tenure = new DjTenure(() => [evening], clocks);
  expect(overAfter(tenure, 3 * hour)).toBe(1.5 * hour);
  expect(tenure.isOver).toBe(true);
});

test("without slots it holds", () => {
  const tenure = new DjTenure(() => [], clocks);
  expect(overAfter(tenure, 30 * hour)).toBeNull();
  expect(tenure.isOver).toBe(false);
});

test("a clock set forward leaves who is on air there for the time that was promised, and lets the next one in", () => {
  const tenure = new DjTenure(() => [evening], clocks);
  overAfter(tenure, hour / 2);
  wallMs += 2 * hour;
  expect(tenure.isOver).toBe(true);
  const over = overAfter(tenure, 3 * hour) ?? 0;
  expect(Math.abs(over - hour)).toBeLessThan(10_000);
});

test("a clock set forward and back again changes nothing", () => {
  const tenure = new DjTenure(() => [evening], clocks);
  wallMs += 12 * hour;
  expect(overAfter(tenure, hour / 2)).toBeNull();
  wallMs -= 12 * hour;
  expect(tenure.isOver).toBe(false);
  const over = overAfter(tenure, 3 * hour) ?? 0;
  expect(Math.abs(over - hour)).toBeLessThan(10_000);
});

test("a clock set back throws nobody off before the slot ends by it", () => {
  const tenure = new DjTenure(() => [evening], clocks);
  wallMs -= hour / 4;
  expect(overAfter(tenure, 3 * hour)).toBe(1.75 * hour);
});

test("a clock that is corrected slowly ends it when it says so", () => {
  const tenure = new DjTenure(() => [evening], clocks);
  const startedMs = steadyMs;
  for (let inMs = tenure.look(); inMs !== null; inMs = tenure.look()) {
    pass(inMs);
    wallMs += 2;
  }
  expect(wallMs - at("22:00:00")).toBeLessThan(5_000);
  expect(steadyMs - startedMs).toBeLessThan(1.5 * hour);
});

test("new settings count at once: another end, another day, no account", () => {
  let slots: readonly DjSlot[] | null = [evening];
  const tenure = new DjTenure(() => slots, clocks);
  slots = [{ ...evening, to: 21 * 60 }];
  expect(overAfter(tenure, 3 * hour)).toBe(hour / 2);
  wallMs = at("20:30:00");
  const other = new DjTenure(() => slots, clocks);
  slots = [{ ...evening, days: [7] }];
  expect(other.look()).toBeNull();
  slots = null;
  expect(other.isOver).toBe(true);
  expect(other.look()).toBeNull();
});
