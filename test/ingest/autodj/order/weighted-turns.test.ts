import fc from "fast-check";
import { expect, test } from "vitest";
import { takeTurn, type Turn } from "../../../../ingest/autodj/order/weighted-turns.ts";

type Part = Pick<Turn, "name" | "weight">;
const part = (name: string, weight: number): Part => ({ name, weight });

function run(parts: readonly Part[], count: number, turns: readonly Turn[] = []) {
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const taken = takeTurn(parts, turns);
    if (!taken) break;
    names.push(taken.name);
    turns = JSON.parse(JSON.stringify(taken.turns));
  }
  return { names, turns };
}

test("turns are spread as nginx spreads them", () => {
  expect(run([part("a", 5), part("b", 1), part("c", 1)], 7).names.join("")).toBe("aabacaa");
  expect(run([part("day", 3), part("night", 1)], 8).names).toEqual([
    "day",
    "day",
    "night",
    "day",
    "day",
    "day",
    "night",
    "day",
  ]);
});

test("nobody's turn is nobody's", () => {
  expect(takeTurn([], [])).toBeNull();
  expect(takeTurn([], [{ name: "gone", weight: 1, credit: 0 }])).toBeNull();
});

const cycleOf = (weights: readonly number[]) => weights.reduce((sum, weight) => sum + weight, 0);
const times = (names: readonly string[], name: string) => names.filter((each) => each === name).length;
const weights = (maxLength: number) => fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength });

test("in any run as long as the weights' sum everybody goes as often as it weighs", () => {
  fc.assert(
    fc.property(weights(8), fc.nat({ max: 60 }), (all, skipped) => {
      const parts = all.map((weight, i) => part(`${i}`, weight));
      const window = run(parts, skipped + cycleOf(all)).names.slice(skipped);
      for (const { name, weight } of parts) expect(times(window, name)).toBe(weight);
    }),
  );
});

test("of up to four, nobody is ever a whole turn ahead or behind", () => {
  fc.assert(
    fc.property(weights(4), (all) => {
      const parts = all.map((weight, i) => part(`${i}`, weight));
      const { names } = run(parts, cycleOf(all));
      for (const { name, weight } of parts) {
        for (const end of names.keys()) {
          const due = (end * weight) / names.length;
          expect(Math.abs(times(names.slice(0, end), name) - due)).toBeLessThan(1);
        }
      }
    }),
  );
});

test("where others take part the cycle begins anew: nobody catches up", () => {
  const { turns } = run([part("a", 100), part("b", 1), part("c", 1)], 50);
  expect(run([part("b", 1), part("c", 1)], 4, turns).names.join("")).toBe("bcbc");
  expect(run([part("a", 1), part("b", 1), part("c", 1)], 3, turns).names.join("")).toBe("abc");
});
