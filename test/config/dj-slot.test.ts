import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSlot, slotProblem } from "../../config/dj-slot.ts";

describe("a slot", () => {
  it.each([
    ["Mon-Fri 20:00-22:00", { days: [1, 2, 3, 4, 5], from: 1200, to: 1320, timeZone: "Asia/Seoul" }],
    ["sat,SUN 23:00 - 2:30 UTC", { days: [6, 7], from: 1380, to: 150, timeZone: "UTC" }],
    ["Fri-Mon 0:00-24:00", { days: [1, 5, 6, 7], from: 0, to: 0, timeZone: "Asia/Seoul" }],
    ["daily 06:00-09:30", { days: [1, 2, 3, 4, 5, 6, 7], from: 360, to: 570, timeZone: "Asia/Seoul" }],
  ])("is days and times: %s", (text, slot) => {
    expect(parseSlot(text, "Asia/Seoul")).toEqual(slot);
  });

  it.each([
    ["Mon", "must be days"],
    ["Mo 1:00-2:00", "must be days"],
    ["Mon 25:00-26:00", "must be days"],
    ["Mon 1:60-2:00", "must be days"],
    ["Mon-Tue-Wed 1:00-2:00", "must be days"],
    ["Mon 24:00-2:00", "must begin before 24:00"],
    ["Mon 1:00-2:00 Nowhere/City", "names a time zone that is not known: Nowhere/City"],
  ])("is refused with a reason otherwise: %s", (text, problem) => {
    expect(slotProblem(text)).toContain(problem);
  });

  it("is one or is refused, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z,-]{1,9} \d\d:\d\d-\d\d:\d\d$/)), (text) => {
        if (slotProblem(text) !== undefined) return;
        const { days, from, to } = parseSlot(text, "UTC");
        expect(days.length).toBeGreaterThan(0);
        for (const minute of [from, to]) expect(minute >= 0 && minute < 1440).toBe(true);
      }),
    );
  });
});
