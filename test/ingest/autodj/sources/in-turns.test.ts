import * as fc from "fast-check";
import { expect, it } from "vitest";
import { sortedInTurns } from "../../../../ingest/autodj/sources/in-turns.ts";
import { filesAtOnce } from "../../../../ingest/autodj/sources/limits.ts";

const byKey = (a: { readonly key: number }, b: { readonly key: number }) => a.key - b.key;

it("sorts as arrays do, equal ones in the order they came in, however many there are", async () => {
  const lengths = fc.constantFrom(0, 1, filesAtOnce, filesAtOnce + 1, 3 * filesAtOnce, 5 * filesAtOnce - 7);
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer({ min: 1, max: 5_000 }), fc.nat(), async (length, keys, seed) => {
      const items = Array.from({ length }, (_, index) => ({ key: ((index + seed) * 7919) % keys, index }));
      expect(await sortedInTurns(items, byKey)).toEqual(items.toSorted(byKey));
    }),
    { numRuns: 20 },
  );
});

it("lets others have their turn meanwhile", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await sortedInTurns(
    Array.from({ length: 20 * filesAtOnce }, (_, index) => ({ key: (index * 7919) % 1_000 })),
    byKey,
  );
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
