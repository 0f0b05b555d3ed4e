import { describe, expect, test } from "vitest";
import { atMost, figure, medianOf, ratioOf, shareBudget, tableOf } from "../support/row.ts";

describe("a median", () => {
  test("of an odd number of values is the middle one, with the least and the most", () => {
    expect(medianOf([30, 10, 20])).toEqual({ value: 20, range: [10, 30] });
  });

  test("of an even number is between the two in the middle", () => {
    expect(medianOf([4, 1, 2, 3])).toEqual({ value: 2.5, range: [1, 4] });
  });

  test("of one is that one, of none there is none", () => {
    expect(medianOf([7])).toEqual({ value: 7 });
    expect(medianOf([])).toBeNull();
  });
});

describe("a budget", () => {
  test("of a share of Icecast's holds up to that share", () => {
    expect(shareBudget(0.8, { skywave: figure(8), icecast: figure(10) }).isMet).toBe(true);
    expect(shareBudget(0.8, { skywave: figure(8.1), icecast: figure(10) }).isMet).toBe(false);
  });

  test("is not judged without Icecast", () => {
    expect(shareBudget(0.8, { skywave: figure(8), icecast: null }).isMet).toBeNull();
  });

  test("of an amount holds up to that amount", () => {
    expect(atMost(500, "ms", figure(500)).isMet).toBe(true);
    expect(atMost(500, "ms", figure(501)).isMet).toBe(false);
    expect(atMost(500, "ms", figure(Number.NaN)).isMet).toBe(false);
  });
});

test("there is no ratio to nothing", () => {
  expect(ratioOf({ skywave: figure(1), icecast: figure(0) })).toBeNull();
  expect(ratioOf({ skywave: figure(0), icecast: figure(0) })).toBeNull();
  expect(ratioOf({ skywave: figure(1), icecast: figure(Number.NaN) })).toBeNull();
  expect(ratioOf({ skywave: figure(1), icecast: null })).toBeNull();
});

test("the table has a line for each row", () => {
  const cpu = { skywave: { value: 30.04, range: [29, 31] as const }, icecast: figure(60) };
  const dry = { skywave: figure(1), icecast: null };
  expect(
    tableOf([
      { what: "CPU", ...cpu, digits: 1, budget: shareBudget(0.8, cpu) },
      { what: "ran dry", ...dry, budget: atMost(0, "of them", dry.skywave) },
      { what: "first byte", skywave: figure(12_345), icecast: figure(Number.NaN) },
      { what: "unknown", ...dry, budget: shareBudget(2, dry) },
    ]),
  ).toBe(`| what | Skywave | Icecast | ratio | budget | met? |
|---|--:|--:|--:|---|---|
| CPU | 30.0 (29.0–31.0) | 60.0 | 0.50 | ≤ 0.8 × Icecast | yes |
| ran dry | 1 |  |  | ≤ 0 of them | **no** |
| first byte | 12,345 | none |  |  |  |
| unknown | 1 |  |  | ≤ 2 × Icecast | not compared |`);
});
