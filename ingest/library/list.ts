import type { LibraryEdition } from "../../shared/library.ts";
import { LibraryError, readCurrent, readEdition } from "./library-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { printable } from "./printable.ts";
import { editionsInStorage } from "./prune.ts";
import { count, duration } from "./words.ts";

type ListStore = Pick<ObjectStore, "delete" | "get" | "list" | "put">;

/** What each library in storage is, a line each; `now` is ms since the Unix epoch. Rejects with LibraryError. */
export async function listLibraries(store: ListStore, now: number): Promise<string[]> {
  const names = [...(await editionsInStorage(store)).keys()];
  const rows: string[][] = [];
  for (const name of names) {
    const newest = await newestEdition(store, name);
    if (!newest) continue;
    const { edition, fromMs } = newest;
    const music = edition.rotations.flatMap(({ tracks }) => tracks);
    rows.push([
      name,
      count(new Set(music).size, "track"),
      edition.jingles ? count(edition.jingles.tracks.length, "jingle") : "",
      duration(playingMs(edition)),
      since(fromMs, now),
    ]);
  }
  return table(rows);
}

/** Its tracks in the order of their names, as `remove` takes them. Rejects with LibraryError, also when there is none. */
export async function listTracks(store: ListStore, name: string, now: number): Promise<string[]> {
  const newest = await newestEdition(store, name);
  if (!newest) throw new LibraryError(`there is no library ${name} in storage`);
  const { edition, fromMs } = newest;
  const jingles = new Set(edition.jingles?.tracks);
  const rows = edition.tracks.map((track, index) => [
    track.id.slice(0, shownIdLength),
    duration((track.samples * 1000) / (track.sampleRate ?? edition.sampleRate)),
    printable(track.title) + (jingles.has(index) ? "  (jingle)" : ""),
    track.weight === undefined ? "" : `${track.weight} times as often`,
  ]);
  const order = edition.rotations[0]?.order ?? "random";
  return [
    `${name}: ${count(edition.tracks.length, "track")}, ${edition.sampleRate} Hz, ${order} order, ${since(fromMs, now)}`,
    ...table(rows),
  ];
}

/** Digits of an id that are shown; of 20,000 tracks two share so many once in 10,000 libraries. */
export const shownIdLength = 10;

export interface NewestEdition {
  readonly edition: LibraryEdition;
  readonly fromMs: number;
}

/** The one that plays, or is about to; null without a library. Rejects with LibraryError. */
export async function newestEdition(
  store: Pick<ObjectStore, "delete" | "get" | "put">,
  name: string,
): Promise<NewestEdition | null> {
  const newest = (await readCurrent(store, name))?.current.editions.at(-1);
  if (!newest) return null;
  const edition = await readEdition(store, name, newest.id);
  if (!edition)
    throw new LibraryError(`the edition ${newest.id} of library ${name} is not in storage: upload it again`);
  return { edition, fromMs: newest.fromMs };
}

const playingMs = (edition: LibraryEdition): number =>
  edition.tracks.reduce(
    (sum, { samples, sampleRate }) => sum + (samples * 1000) / (sampleRate ?? edition.sampleRate),
    0,
  );

const since = (fromMs: number, now: number): string =>
  `${fromMs <= now ? "plays since" : "plays from"} ${new Date(fromMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** Columns as wide as their widest cell; numbers of minutes to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, at) =>
        /^[\d:]+$/.test(cell) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .filter((_, at) => widths[at] !== 0)
      .join("  ")
      .trimEnd(),
  );
}
