import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Histogram } from "../support/histogram.ts";

const values = fc.array(fc.double({ min: 0.02, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 300 });

function histogramOf(all: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of all) histogram.add(value);
  return histogram;
}

describe("a histogram", () => {
  test("tells each quantile to within 2 %, never too little", () => {
    fc.assert(
      fc.property(values, fc.constantFrom(0.01, 0.5, 0.95, 0.99, 1), (all, share) => {
        const exact = all.toSorted((a, b) => a - b)[Math.ceil(share * all.length) - 1] ?? Number.NaN;
        const told = histogramOf(all).at(share);
        expect(told).toBeGreaterThanOrEqual(exact * 0.999_999);
        expect(told).toBeLessThanOrEqual(exact * 1.020_001);
      }),
    );
  });

  test("tells the largest value as it was", () => {
    expect(histogramOf([3, 1_234.567, 2]).most).toBe(1_234.567);
  });

  test("of nothing has no quantiles", () => {
    expect(new Histogram().at(0.5)).toBeNaN();
    expect(new Histogram().total).toBe(0);
  });

  test("keeps values below its resolution among the smallest", () => {
    const histogram = histogramOf([0, 0.001, 5]);
    expect(histogram.total).toBe(3);
    expect(histogram.at(0.5)).toBeLessThanOrEqual(0.01);
  });

  test("merged from what others sent as JSON is that of all values", () => {
    fc.assert(
      fc.property(values, values, (some, others) => {
        const merged = histogramOf(some);
        merged.merge(JSON.parse(JSON.stringify(histogramOf(others).encode())));
        const whole = histogramOf([...some, ...others]);
        expect(merged.encode()).toEqual(whole.encode());
        expect(merged.total).toBe(some.length + others.length);
        expect(merged.quantiles).toEqual(whole.quantiles);
      }),
    );
  });
});
