import { expect, test } from "vitest";
import { mountPath } from "../../shared/mount-path.ts";
import { KnownMounts, maxKnownMounts } from "../../worker/known-mounts.ts";

const named = (number: number) => mountPath(`/m${number}.mp3`);
const never = () => false;

test("of a mount too many the one heard of the longest ago is forgotten", () => {
  const known = new KnownMounts([]);
  for (let number = 0; number < maxKnownMounts; number++)
    expect(known.hear(named(number), never)).toEqual([]);
  expect(known.hear(named(0), never)).toEqual([]);
  expect(known.hear(named(maxKnownMounts), never)).toEqual([named(1)]);
  expect([0, 1, 2].map((number) => known.has(named(number)))).toEqual([true, false, true]);
  expect(known.list).toHaveLength(maxKnownMounts);
});

test("a mount on air is not forgotten for 10,000 that come and go", () => {
  const known = new KnownMounts([[named(-1), 0]]);
  const isOnAir = (mount: string) => mount === named(-1);
  for (let number = 0; number < 10_000; number++) known.hear(named(number), isOnAir);
  expect(known.has(named(-1))).toBe(true);
  expect(known.list).toHaveLength(maxKnownMounts);
});

test("what was stored is remembered in the order of its times, and too many of it shrink with the next mount", () => {
  const stored = Array.from({ length: maxKnownMounts + 5 }, (_, at) => [named(at), -at] as const);
  const known = new KnownMounts(stored);
  const forgotten = known.hear(named(-1), never);
  expect(forgotten).toEqual([1_004, 1_003, 1_002, 1_001, 1_000, 999].map(named));
});
