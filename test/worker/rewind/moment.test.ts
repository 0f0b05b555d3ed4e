import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longestDelayMs, parseMoment } from "../../../shared/rewind.ts";

const now = Date.UTC(2026, 2, 1, 18, 0, 0);
const parse = (query: string): unknown => {
  const parameters = new URLSearchParams(query);
  return parseMoment((name) => parameters.getAll(name), now);
};

describe("a moment", () => {
  it.each([
    ["", null],
    ["burst=3", null],
    ["offset=-1800", { kind: "from", atMs: now - 1_800_000 }],
    ["offset=1800", { kind: "from", atMs: now - 1_800_000 }],
    ["offset=-0.25", { kind: "from", atMs: now - 250 }],
    ["offset=0", { kind: "from", atMs: now }],
    ["at=2026-03-01T17:30:00Z", { kind: "from", atMs: now - 1_800_000 }],
    ["at=2026-03-01t19:30:00.5%2B02:00", { kind: "from", atMs: now - 1_799_500 }],
    ["at=2026-03-01T19:30:00+02:00", { kind: "from", atMs: now - 1_800_000 }],
    ["at=2026-03-01T12:30:00-05:00", { kind: "from", atMs: now - 1_800_000 }],
    ["at=2026-03-01T18:00:03Z", { kind: "from", atMs: now }],
    ["delay=3600", { kind: "delay", delayMs: 3_600_000 }],
    ["delay=0", { kind: "delay", delayMs: 0 }],
  ])("is asked for by %j", (query, moment) => {
    expect(parse(query)).toEqual(moment);
  });

  it.each([
    "offset=",
    "offset=abc",
    "offset=NaN",
    "offset=-",
    "offset=--5",
    "offset=+5",
    "offset=1e3",
    "offset=Infinity",
    "offset=0x10",
    "offset=9999999999",
    "at=",
    "at=2026-03-01",
    "at=2026-02-29T00:00:00Z",
    "at=2026-03-01T24:00:00Z",
    "at=2026-03-01T17:00:00",
    "at=2026-03-01T18:00:06Z",
    "delay=-1",
    "delay=",
    `delay=${longestDelayMs / 1000 + 1}`,
    "offset=-5&delay=5",
    "offset=-5&at=2026-03-01T17:30:00Z",
    "delay=5&delay=5",
  ])("is refused with a line of text: %j", (query) => {
    expect(parse(query)).toEqual({ kind: "bad", reason: expect.stringMatching(/^[\w ,.:-]+$/) });
  });

  it("is refused or found, whatever is asked for", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, value) => {
        const texts = (of: string) => (of === name ? [value] : of === "at" ? [value] : []);
        expect(["from", "bad", "delay"]).toContain(parseMoment(texts, now)?.kind);
      }),
    );
  });

  it("is read from a date as the host reads it", () => {
    const dates = fc.date({ min: new Date(0), max: new Date(now - 86_400_000), noInvalidDate: true });
    fc.assert(
      fc.property(dates, fc.integer({ min: -1_439, max: 1_439 }), (date, eastMinutes) => {
        const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
        const minutes = Math.abs(eastMinutes);
        const zone = `${eastMinutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
        const text = date.toISOString().replace("Z", zone);
        const atMs = Date.parse(text);
        expect(parse(new URLSearchParams({ at: text }).toString())).toEqual({ kind: "from", atMs });
      }),
    );
  });
});
