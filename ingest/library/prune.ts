import { libraryEditionKey } from "../../shared/library.ts";
import { stillHeard } from "./edition.ts";
import { InFlight } from "./in-flight.ts";
import { putCurrent, readCurrent, readEdition } from "./library-store.ts";
import { deletionsAtOnce } from "./limits.ts";
import type { ObjectStore } from "./object-store.ts";
import { fileIndexKey } from "../../shared/stored-file.ts";

type PruneStore = Pick<ObjectStore, "delete" | "get" | "list" | "put">;

export interface Pruned {
  readonly tracks: number;
  readonly objects: number;
  readonly bytes: number;
  readonly editions: number;
}

interface Given {
  readonly store: PruneStore;
  /** Ms since the Unix epoch. */
  readonly now: () => number;
  readonly warn: (text: string) => void;
}

/**
 * Deletes the editions that nobody hears any more, and the tracks that only they name. Nothing else: a stored file that no
 * edition ever named is a mount's fallback or intro. An edition goes after its tracks: one that is broken off goes on where
 * it was. Rejects with LibraryError, before anything is deleted, where an edition cannot be read: it may name any track.
 */
export async function prune({ store, now, warn }: Given): Promise<Pruned> {
  const played = new Set<string>();
  const over = new Map<string, readonly string[]>();
  for (const [name, editions] of await editionsInStorage(store)) {
    const read = await readCurrent(store, name);
    const heard = stillHeard(read?.current ?? null, now());
    const names = new Set(heard.map(({ id }) => id));
    if (read && heard.length < read.current.editions.length) {
      // Somebody who publishes at this moment leaves them out as well.
      await putCurrent(
        { version: 1, editions: heard },
        { store, name, warn, condition: { etag: read.etag } },
      );
    }
    for (const edition of editions) {
      const ids = (await readEdition(store, name, edition))?.tracks.map(({ id }) => id) ?? [];
      if (names.has(edition)) for (const id of ids) played.add(id);
      else over.set(libraryEditionKey(name, edition), ids);
    }
  }
  const unplayed = new Set([...over.values()].flat().filter((id) => !played.has(id)));
  let [objects, bytes, tracks] = [0, 0, 0];
  for (const id of unplayed) {
    const gone = await deleteTrack(store, id);
    objects += gone.objects;
    bytes += gone.bytes;
    if (gone.objects > 0) tracks++;
  }
  for (const key of over.keys()) await store.delete(key);
  return { tracks, objects, bytes, editions: over.size };
}

/** Every library that ever was, with its editions. */
export async function editionsInStorage(store: Pick<ObjectStore, "list">): Promise<Map<string, string[]>> {
  const libraries = new Map<string, string[]>();
  for await (const { key } of store.list("library/v1/")) {
    const [, name, edition] = /^library\/v1\/([^./][^/]*)\/([^/]+)\.json$/.exec(key) ?? [];
    if (name === undefined || edition === undefined) continue;
    const editions = libraries.get(name) ?? [];
    if (edition !== "current") editions.push(edition);
    libraries.set(name, editions);
  }
  return libraries;
}

/** Its index first: who finds an index finds all the rest. */
async function deleteTrack(store: PruneStore, id: string): Promise<{ objects: number; bytes: number }> {
  const indexKey = fileIndexKey(id);
  const prefix = indexKey.replace(/[^/]*$/, "");
  const keys: string[] = [];
  let bytes = 0;
  for await (const object of store.list(prefix)) {
    keys.push(object.key);
    bytes += object.bytes;
  }
  if (keys.length === 0) return { objects: 0, bytes: 0 };
  await store.delete(indexKey);
  const flight = new InFlight(deletionsAtOnce);
  for (const key of keys) if (key !== indexKey) await flight.add(() => store.delete(key));
  await flight.settled();
  return { objects: keys.length, bytes };
}
