import { setImmediate } from "node:timers/promises";
import { filesAtOnce } from "./limits.ts";

/** Sorted, as `toSorted` has it, with turns for others in between: 100,000 names in one go keep every source waiting for a tenth of a second. */
export async function sortedInTurns<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const runs: T[][] = [];
  for (let at = 0; at < items.length; at += filesAtOnce) {
    if (at > 0) await setImmediate();
    runs.push(items.slice(at, at + filesAtOnce).toSorted(compare));
  }
  while (runs.length > 1) {
    const pairs = runs.splice(0);
    for (let at = 0; at < pairs.length; at += 2) {
      runs.push(await merged(pairs[at] ?? [], pairs[at + 1] ?? [], compare));
    }
  }
  return runs[0] ?? [];
}

async function merged<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const all: T[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    const isLeft = right === undefined || (left !== undefined && compare(left, right) <= 0);
    const next = isLeft ? left : right;
    if (isLeft) i++;
    else j++;
    if (next !== undefined) all.push(next);
    if (all.length % filesAtOnce === 0) await setImmediate();
  }
  return all;
}
