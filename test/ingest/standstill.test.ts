import { expect, it } from "vitest";
import { Standstill } from "../../ingest/standstill.ts";

it("a process that did nothing for three seconds stood still, and for a second afterwards it is just over", () => {
  let now = 10_000;
  const standstill = new Standstill(() => now);
  const after = (ms: number): boolean => {
    now += ms;
    return standstill.isJustOver;
  };
  expect(after(0)).toBe(false);
  expect(after(2_900)).toBe(false);
  expect(after(30_000)).toBe(true);
  expect(after(900)).toBe(true);
  expect(after(200)).toBe(false);
});
