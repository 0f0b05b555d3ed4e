import fc from "fast-check";
import { expect, test } from "vitest";
import type { DjSlot } from "../../../config/ingest-settings.ts";
import { nextSlotMs, slotAt } from "../../../ingest/access/dj-slots.ts";
import { millis } from "../../../shared/units.ts";

const at = (iso: string) => millis(Date.parse(iso));
const utc = (ms: number | null | undefined) => (ms == null ? null : new Date(ms).toISOString());
const hm = (text: string): number => {
  const [hour = 0, minute = 0] = text.split(":").map(Number);
  return hour * 60 + minute;
};
const daily = [1, 2, 3, 4, 5, 6, 7];
const slot = (days: readonly number[], from: string, to: string, timeZone = "UTC"): DjSlot => ({
  days,
  from: hm(from),
  to: hm(to),
  timeZone,
});
const until = (slots: readonly DjSlot[], iso: string) => utc(slotAt(slots, at(iso))?.untilMs);

test("a slot holds from its first millisecond to its last", () => {
  // 2026-11-21 is a Saturday.
  const slots = [slot([6], "20:00", "22:00")];
  expect(until(slots, "2026-11-21T19:59:59.999Z")).toBeNull();
  expect(until(slots, "2026-11-21T20:00:00.000Z")).toBe("2026-11-21T22:00:00.000Z");
  expect(until(slots, "2026-11-21T21:59:59.999Z")).toBe("2026-11-21T22:00:00.000Z");
  expect(until(slots, "2026-11-21T22:00:00.000Z")).toBeNull();
  expect(until(slots, "2026-11-22T20:30:00.000Z")).toBeNull();
  expect(utc(nextSlotMs(slots, at("2026-11-21T22:00:00Z")))).toBe("2026-11-28T20:00:00.000Z");
  expect(utc(nextSlotMs(slots, at("2026-11-21T20:00:00Z")))).toBe("2026-11-28T20:00:00.000Z");
});

test("a slot that ends at or before its beginning goes past midnight, into a day that is not its own", () => {
  const slots = [slot([7], "23:00", "02:00")];
  expect(until(slots, "2026-11-22T23:30:00Z")).toBe("2026-11-23T02:00:00.000Z");
  expect(until(slots, "2026-11-23T01:59:00Z")).toBe("2026-11-23T02:00:00.000Z");
  expect(until(slots, "2026-11-22T01:00:00Z")).toBeNull();
  expect(until([slot([1], "06:00", "06:00")], "2026-11-24T05:00:00Z")).toBe("2026-11-24T06:00:00.000Z");
  expect(until([slot([6], "22:00", "00:00")], "2026-11-21T23:00:00Z")).toBe("2026-11-22T00:00:00.000Z");
});

test("slots that meet, or overlap, are one; those of a whole week never end for long", () => {
  const slots = [slot([6], "20:00", "22:00"), slot([6], "21:00", "23:00"), slot([6], "23:00", "01:00")];
  expect(until(slots, "2026-11-21T20:30:00Z")).toBe("2026-11-22T01:00:00.000Z");
  const always = slotAt([slot(daily, "00:00", "00:00")], at("2026-11-21T20:30:00Z"));
  expect(always?.untilMs).toBeGreaterThan(at("2026-12-21T00:00:00Z"));
});

test("the time is that of the slot's own place", () => {
  const slots = [slot([1], "00:30", "01:00", "Asia/Seoul")];
  expect(until(slots, "2026-11-22T15:45:00Z")).toBe("2026-11-22T16:00:00.000Z");
  expect(until([slot([1], "00:30", "01:00", "Asia/Kathmandu")], "2026-11-22T18:50:00Z")).toBe(
    "2026-11-22T19:15:00.000Z",
  );
});

test("where clocks go forward, a slot is an hour shorter, and times that are left out are the jump", () => {
  // Berlin: 2026-03-29 01:00Z, 02:00 becomes 03:00.
  const berlin = (from: string, to: string) => [slot([7], from, to, "Europe/Berlin")];
  expect(until(berlin("01:30", "03:30"), "2026-03-29T00:45:00Z")).toBe("2026-03-29T01:30:00.000Z");
  expect(until(berlin("01:00", "02:30"), "2026-03-29T00:45:00Z")).toBe("2026-03-29T01:00:00.000Z");
  expect(utc(nextSlotMs(berlin("02:30", "04:00"), at("2026-03-29T00:45:00Z")))).toBe(
    "2026-03-29T01:00:00.000Z",
  );
  // All of it is left out: there is none that day.
  expect(utc(nextSlotMs(berlin("02:10", "02:50"), at("2026-03-28T12:00:00Z")))).toBe(
    "2026-04-05T00:10:00.000Z",
  );
});

test("where clocks go back, a time that comes twice is the first", () => {
  // Berlin: 2026-10-25 01:00Z, 03:00 becomes 02:00.
  const berlin = (from: string, to: string) => [slot([7], from, to, "Europe/Berlin")];
  expect(until(berlin("01:30", "03:30"), "2026-10-25T00:45:00Z")).toBe("2026-10-25T02:30:00.000Z");
  expect(until(berlin("01:00", "02:30"), "2026-10-25T00:15:00Z")).toBe("2026-10-25T00:30:00.000Z");
  expect(until(berlin("01:00", "02:30"), "2026-10-25T01:15:00Z")).toBeNull();
  // Lord Howe changes by half an hour.
  const howe = [slot([7], "01:45", "03:00", "Australia/Lord_Howe")];
  expect(until(howe, "2026-04-04T15:00:00Z")).toBe("2026-04-04T16:30:00.000Z");
});

test("without a slot there is none", () => {
  expect(slotAt([], at("2026-11-21T00:00:00Z"))).toBeNull();
  expect(nextSlotMs([], at("2026-11-21T00:00:00Z"))).toBeNull();
  expect(nextSlotMs([slot([], "00:00", "12:00")], at("2026-11-21T00:00:00Z"))).toBeNull();
});

const zone = fc.constantFrom(
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Asia/Seoul",
  "Pacific/Apia",
);
const moment = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) }).map(millis);

test("slots that share out the day on the wall share out the time: always one, never two", () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 0, max: 1439 }), { minLength: 2, maxLength: 6 });
  // Near the changes of the clocks as well, which a moment anywhere would hardly meet.
  const changes = [Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1), Date.UTC(2026, 10, 1, 6)];
  const near = fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -7_200_000, max: 7_200_000 }))
    .map(([change, off]) => millis(change + off));
  fc.assert(
    fc.property(cuts, zone, fc.oneof(moment, near), (unsorted, timeZone, now) => {
      const sorted = unsorted.toSorted((a, b) => a - b);
      const slots = sorted.map((from, index) => ({
        days: daily,
        from,
        to: sorted[(index + 1) % sorted.length] ?? 0,
        timeZone,
      }));
      expect(slots.filter((each) => slotAt([each], now) !== null)).toHaveLength(1);
    }),
    { numRuns: 150 },
  );
});

test("nobody is in a slot just at its end, unless another begins there; and everybody just at the next's beginning", () => {
  const any = fc.record({
    days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 3 }),
    from: fc.integer({ min: 0, max: 1439 }),
    to: fc.integer({ min: 0, max: 1439 }),
    timeZone: zone,
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 3 }), moment, (slots, now) => {
      const here = slotAt(slots, now);
      if (here !== null) {
        expect(here.untilMs).toBeGreaterThan(now);
        expect(slotAt(slots, millis(here.untilMs - 1))).not.toBeNull();
        expect(slotAt(slots, here.untilMs)).toBeNull();
      }
      const next = nextSlotMs(slots, now);
      if (next !== null) expect(slotAt(slots, next)).not.toBeNull();
    }),
    { numRuns: 150 },
  );
});
