import fc from "fast-check";
import { expect, it } from "vitest";
import { parseRfc3339 } from "../../shared/rfc3339.ts";

it.each([
  ["1970-01-01T00:00:00Z", 0],
  ["2026-11-21T10:00:00Z", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21t10:00:00z", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21 10:00:00Z", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21T19:00:00+09:00", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21T19:00:00 09:00", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21T04:30:00-05:30", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21T10:00:00.25Z", Date.UTC(2026, 10, 21, 10) + 250],
  ["2024-02-29T23:59:59.9996Z", Date.UTC(2024, 2, 1)],
  ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1)],
  ["2026-02-29T00:00:00Z", null],
  ["2026-13-01T00:00:00Z", null],
  ["2026-11-21T24:00:00Z", null],
  ["2026-11-21T10:00:00", null],
  ["2026-11-21", null],
  ["1763719200", null],
  ["yesterday", null],
  ["", null],
])("%j is %j", (text, ms) => {
  expect(parseRfc3339(text)).toBe(ms);
});

it("reads what Date writes", () => {
  const date = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31T23:59:59Z") });
  fc.assert(
    fc.property(date, (value) => {
      expect(parseRfc3339(value.toISOString())).toBe(value.getTime());
    }),
  );
});
