import type { FileList } from "./file-list.ts";
import { drawBelow, type Seed } from "./random.ts";

/**
 * How many of the files that played last are left out: as many as `memory` says, but no more than half of those there
 * are. If all but one were, a small folder would play the same round for ever.
 */
const memoryOf = (memory: number, playable: number): number =>
  Math.max(0, Math.min(memory, Math.floor(playable / 2)));

/**
 * One of the playable files that are not among the last ones, each as likely as any other; null without a file. `recent`
 * ends with the one that played last, and names none twice.
 */
export function drawRandom(
  files: FileList,
  {
    recent,
    memory,
    seed,
  }: { readonly recent: readonly string[]; readonly memory: number; readonly seed: Seed },
): string | null {
  const { playable } = files;
  if (playable === 0) return null;
  const leftOut = memoryOf(memory, playable);
  const places: number[] = [];
  for (const id of leftOut === 0 ? [] : recent.slice(-leftOut)) {
    const place = files.placeOf(id);
    if (place >= 0) places.push(place);
  }
  let drawn = drawBelow(seed, playable - places.length);
  for (const place of Uint32Array.from(places).toSorted()) {
    if (place > drawn) break;
    drawn += 1;
  }
  return files.at(drawn) ?? null;
}

/**
 * The file after `last`; where that is gone, the first that is still there of those that came `after` it; else the first
 * of all. What is refused is passed over. Null without a file.
 */
export function drawNext(
  files: FileList,
  { last, after }: { readonly last: string | null; readonly after: readonly string[] },
): string | null {
  const place = last !== null && files.has(last) ? files.placeAfter(last) : placeAtOneOf(files, after);
  return files.at(place) ?? files.at(0) ?? null;
}

function placeAtOneOf(files: FileList, ids: readonly string[]): number {
  const there = ids.find((id) => files.has(id));
  return there === undefined ? 0 : files.placeFrom(there);
}
