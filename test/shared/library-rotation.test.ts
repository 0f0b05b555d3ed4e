import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RotationOrder } from "../../shared/library-rotation.ts";

const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 40 });
const settings = fc.record({
  order: fc.constantFrom("random" as const, "sequential" as const),
  memory: fc.integer({ min: 0, max: 60 }),
  seed: fc.nat(),
  weights: fc.oneof(
    weights,
    weights.map((each) => each.map(() => 1)),
  ),
});

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("an order of tracks", () => {
  it("plays each of them in every round as often as its weight says", () => {
    fc.assert(
      fc.property(settings, fc.nat({ max: 1_000_000 }), (wish, number) => {
        const counts = wish.weights.map(() => 0);
        for (const item of new RotationOrder(wish).round(number)) counts[item] = (counts[item] ?? 0) + 1;
        expect(counts).toEqual(wish.weights);
      }),
    );
  });

  it("does not play one again before as many others as it promises, over any border of rounds", () => {
    fc.assert(
      fc.property(settings, fc.nat({ max: 1_000_000 }), (wish, from) => {
        const order = new RotationOrder(wish);
        const plays = range(5).flatMap((index) => order.round(from + index));
        const last = new Map<number, number>();
        for (const [place, item] of plays.entries()) {
          expect(place - (last.get(item) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThan(order.memory);
          last.set(item, place);
        }
      }),
    );
  });

  it.each([
    [150, 50, 50],
    [100, 50, 33],
    [3, 50, 1],
    [1, 50, 0],
    [100, 0, 0],
  ])("promises %i tracks with a memory of %i that %i others are between", (count, memory, promised) => {
    const order = new RotationOrder({ order: "random", memory, seed: 1, weights: range(count).map(() => 1) });
    expect(order.memory).toBe(promised);
  });

  it("alternates between two", () => {
    const order = new RotationOrder({ order: "random", memory: 50, seed: 3, weights: [1, 1] });
    const plays = range(20).flatMap((number) => order.round(number));
    expect(plays.every((item, place) => item !== plays[place + 1])).toBe(true);
  });

  it("is another in every round and for every seed, and each track comes at every place", () => {
    const wish = { order: "random" as const, memory: 10, weights: range(30).map(() => 1) };
    const order = new RotationOrder({ ...wish, seed: 1 });
    const rounds = range(2_000).map((number) => order.round(number).join());
    expect(new Set(rounds).size).toBe(2_000);
    expect(new RotationOrder({ ...wish, seed: 2 }).round(0)).not.toEqual(order.round(0));
    for (const place of [0, 9, 10, 15, 19, 20, 29]) {
      const counts = range(30).map(() => 0);
      for (const number of range(2_000)) {
        const item = order.round(number)[place] ?? 0;
        counts[item] = (counts[item] ?? 0) + 1;
      }
      // 67 each on average; six standard deviations.
      expect(Math.min(...counts)).toBeGreaterThan(18);
      expect(Math.max(...counts)).toBeLessThan(116);
    }
  });

  it("goes through them one after the other when it is sequential", () => {
    const order = new RotationOrder({ order: "sequential", memory: 5, seed: 1, weights: [1, 1, 1, 1] });
    expect(order.round(0)).toEqual([0, 1, 2, 3]);
    expect(order.round(77)).toEqual([0, 1, 2, 3]);
  });

  it("spreads what plays more often over the round", () => {
    const order = new RotationOrder({
      order: "random",
      memory: 50,
      seed: 9,
      weights: [3, ...range(60).map(() => 1)],
    });
    const plays = range(30).flatMap((number) => order.round(number));
    const places = plays.flatMap((item, place) => (item === 0 ? [place] : []));
    expect(places).toHaveLength(90);
    const gaps = places.slice(1).map((place, index) => place - (places[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(order.memory);
    expect(Math.max(...gaps)).toBeLessThan(42);
  });
});
