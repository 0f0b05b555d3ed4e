import { nearest } from "../../config/nearest.ts";
import { currentEditionsKey, type LibraryEdition } from "../../shared/library.ts";
import { UsageError } from "./command-line.ts";
import { LibraryError, publishEdition, readCurrent } from "./library-store.ts";
import { newestEdition, shownIdLength } from "./list.ts";
import type { ObjectStore } from "./object-store.ts";
import { printable } from "./printable.ts";

type RemoveStore = Pick<ObjectStore, "delete" | "get" | "put">;

interface Given {
  readonly store: RemoveStore;
  /** Ms since the Unix epoch. */
  readonly now: () => number;
  readonly warn: (text: string) => void;
}

/** Takes a library off the air; its tracks stay until `prune`. Rejects with LibraryError when there is none. */
export async function removeLibrary(name: string, { store }: Given): Promise<void> {
  if (!(await readCurrent(store, name))) throw new LibraryError(`there is no library ${name} in storage`);
  await store.delete(currentEditionsKey(name));
}

/** Takes tracks out of a library; resolves to their titles. Rejects with UsageError or LibraryError. */
export async function removeTracks(name: string, wanted: readonly string[], given: Given): Promise<string[]> {
  const newest = await newestEdition(given.store, name);
  if (!newest) throw new LibraryError(`there is no library ${name} in storage`);
  const { edition } = newest;
  const found = wantedTracks(wanted, edition);
  const left = withoutTracks(edition, found);
  if (!left) {
    throw new LibraryError(
      `no music would be left in ${name}: to take it off the air, remove the library itself`,
    );
  }
  await publishEdition(left, { ...given, name, isUrgent: true });
  return [...found].map((index) => edition.tracks[index]?.title ?? "");
}

/** By title, whatever the case, or by the beginning of an id. Throws UsageError for what names none, or several. */
function wantedTracks(wanted: readonly string[], { tracks }: LibraryEdition): Set<number> {
  const found = new Set<number>();
  const problems: string[] = [];
  for (const text of wanted) {
    const folded = text.toLowerCase();
    const matches = [...tracks.entries()].filter(
      ([, { id, title }]) =>
        title.toLowerCase() === folded || (text.length >= minIdLength && id.startsWith(folded)),
    );
    const shown = JSON.stringify(printable(text));
    if (matches.length === 0) {
      const meant = nearest(
        text,
        tracks.map(({ title }) => title),
      );
      const hint = meant === undefined ? "" : `; did you mean ${JSON.stringify(printable(meant))}?`;
      problems.push(`there is no track ${shown} in the library${hint}`);
    } else if (matches.length > 1) {
      const ids = matches.map(([, { id }]) => id.slice(0, shownIdLength)).join(", ");
      problems.push(`${shown} names ${matches.length} tracks: say which, by id: ${ids}`);
    }
    for (const [index] of matches) found.add(index);
  }
  if (problems.length > 0) throw new UsageError(problems);
  return found;
}

const minIdLength = 6;

/** Null when a rotation would have no track left. */
export function withoutTracks(edition: LibraryEdition, gone: ReadonlySet<number>): LibraryEdition | null {
  const places = new Map<number, number>();
  const tracks = edition.tracks.filter((_, index) => {
    if (gone.has(index)) return false;
    places.set(index, places.size);
    return true;
  });
  const moved = (indexes: readonly number[]) => indexes.flatMap((index) => places.get(index) ?? []);
  const rotations = edition.rotations
    .map((rotation) => ({ ...rotation, tracks: moved(rotation.tracks) }))
    .filter((rotation) => rotation.tracks.length > 0);
  if (rotations.length < edition.rotations.length) return null;
  const { jingles, ...rest } = edition;
  const between = jingles ? moved(jingles.tracks) : [];
  return {
    ...rest,
    tracks,
    rotations,
    ...(jingles && between.length > 0 ? { jingles: { ...jingles, tracks: between } } : {}),
  };
}
