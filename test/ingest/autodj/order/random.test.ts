import fc from "fast-check";
import { expect, test } from "vitest";
import { drawBelow, type Seed, seedFrom } from "../../../../ingest/autodj/order/random.ts";
import { seeded } from "../../../support/seeded.ts";

test("the words are those of sfc32", () => {
  // PractRand's sfc32, seeded with 1, 2, 3 and the counter 1, before any word was thrown away.
  const seed: Seed = [1, 2, 3, 1];
  const words = Array.from({ length: 4 }, () => drawBelow(seed, 2 ** 32));
  const reference = (() => {
    const u = new Uint32Array([1, 2, 3, 1]);
    const [A, B, C, N, T] = [0, 1, 2, 3, 4];
    const w = new Uint32Array(5);
    w.set(u);
    const get = (i: number) => w[i] ?? 0;
    return Array.from({ length: 4 }, () => {
      w[T] = get(A) + get(B) + get(N);
      w[N] = get(N) + 1;
      w[A] = get(B) ^ (get(B) >>> 9);
      w[B] = get(C) + (get(C) << 3);
      w[C] = ((get(C) << 21) | (get(C) >>> 11)) + get(T);
      return get(T);
    });
  })();
  expect(words).toEqual(reference);
});

test("draws are below their bound, and a seed that is kept goes on with the same ones", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.integer({ min: 1, max: 2 ** 32 }), { minLength: 1 }),
      (from, bounds) => {
        const seed = seedFrom(seeded(from));
        const kept: Seed = JSON.parse(JSON.stringify(seed));
        const drawn = bounds.map((bound) => drawBelow(seed, bound));
        expect(bounds.map((bound) => drawBelow(kept, bound))).toEqual(drawn);
        for (const [i, bound] of bounds.entries()) {
          expect(drawn[i]).toBeGreaterThanOrEqual(0);
          expect(drawn[i]).toBeLessThan(bound);
        }
        expect(seed.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true);
      },
    ),
  );
});

test("words that would favour low numbers are drawn again", () => {
  // Of 3 * 2^30 numbers the first quarter would come twice as often; so a quarter of all words is no draw.
  const bound = 3 * 2 ** 30;
  const seed = seedFrom(seeded(1));
  const low = Array.from({ length: 40_000 }, () => drawBelow(seed, bound)).filter((n) => n < 2 ** 30).length;
  expect(Math.abs(low - 40_000 / 3)).toBeLessThan(600);
});
