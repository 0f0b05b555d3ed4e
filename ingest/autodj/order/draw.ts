import type { FileList } from "./file-list.ts";
import { drawBelow, type Seed } from "./random.ts";

/** How many of the files that played last are left out: as many as `memory` says, but never all that there are. */
const memoryOf = (memory: number, playable: number): number =>
  Math.max(0, Math.min(memory, playable - 1));

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

/** The file after `last`, which need not be there any more; null without a file. */
export const drawNext = (files: FileList, last: string | null): string | null =>
  files.at(files.placeAfter(last)) ?? null;
