import { libraryEditionKey } from "../../shared/library.ts";
import { stillHeard } from "./edition.ts";
import { InFlight } from "./in-flight.ts";
import { putCurrent, readCurrent, readEdition } from "./library-store.ts";
import { abandonedMs, deletionsAtOnce } from "./limits.ts";
import type { ObjectStore } from "./object-store.ts";
import { libraryMark } from "./store-track.ts";
import { fileIndexKey } from "../../shared/stored-file.ts";

type PruneStore = Pick<ObjectStore, "delete" | "get" | "list" | "metadata" | "put">;

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
 * Deletes the editions that nobody hears any more, the tracks that only they name, and what uploads left behind that were
 * broken off and never run again. Nothing else: other stored files are mounts' fallbacks and intros. An edition goes after its tracks: one that is broken off goes on where
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
  for await (const id of abandoned(store, { played, nowMs: now() })) unplayed.add(id);
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

interface Leftover {
  readonly id: string;
  /** Of one of its segments. */
  key: string;
  /** When the newest of its objects was put, ms since the Unix epoch. */
  putMs: number;
}

/** Tracks of libraries that no edition of now names and that nobody works on. */
async function* abandoned(
  store: Pick<ObjectStore, "list" | "metadata">,
  { played, nowMs }: { readonly played: ReadonlySet<string>; readonly nowMs: number },
): AsyncGenerator<string> {
  let last = null as Leftover | null;
  const isAbandoned = async ({ id, key, putMs }: Leftover): Promise<boolean> =>
    !played.has(id) &&
    nowMs - putMs > abandonedMs &&
    (await store.metadata(key))?.["library"] === libraryMark.library;
  for await (const { key, putMs } of store.list("file/v1/")) {
    const [, id, name = ""] = /^file\/v1\/([0-9a-f]{32})\/(.*)$/.exec(key) ?? [];
    if (id === undefined) continue;
    if (last?.id !== id) {
      if (last && (await isAbandoned(last))) yield last.id;
      last = { id, key, putMs };
    }
    last.putMs = Math.max(last.putMs, putMs);
    // An index has no metadata; it comes after the segments.
    if (!name.endsWith(".json")) last.key = key;
  }
  if (last && (await isAbandoned(last))) yield last.id;
}

/** Its index first: who finds an index finds all the rest. */
async function deleteTrack(store: PruneStore, id: string): Promise<{ objects: number; bytes: number }> {
  const indexKey = fileIndexKey(id);
  const prefix = indexKey.replace(/[^/]*$/, "");
  const keys: string[] = [];
  let bytes = 0;
  for await (const object of store.list(prefix)) {
    keys.push(object.key);
    bytes += object.size;
  }
  if (keys.length === 0) return { objects: 0, bytes: 0 };
  await store.delete(indexKey);
  const flight = new InFlight(deletionsAtOnce);
  for (const key of keys) if (key !== indexKey) await flight.add(() => store.delete(key));
  await flight.settled();
  return { objects: keys.length, bytes };
}
