import { createHash } from "node:crypto";
import {
  type CurrentEditions,
  currentEditionsKey,
  currentEditionsSchema,
  type LibraryEdition,
  libraryEditionKey,
  libraryEditionSchema,
} from "../../shared/library.ts";
import { LibrarySchedule, type ScheduledEdition } from "../../shared/library-schedule.ts";
import { editionName, withEdition } from "./edition.ts";
import { borderWaitMs, publishTries } from "./limits.ts";
import { type Condition, type ObjectStore, StorageError } from "./object-store.ts";

/** What is in storage is of another version, or no library's. */
export class LibraryError extends Error {
  override readonly name = "LibraryError";
}

export interface CurrentRead {
  readonly current: CurrentEditions;
  readonly etag: string;
}

export type DocumentStore = Pick<ObjectStore, "delete" | "get" | "put">;

/** What a library plays from when; null when there is none of this name. Rejects with LibraryError too. */
export async function readCurrent(store: DocumentStore, name: string): Promise<CurrentRead | null> {
  const found = await store.get(currentEditionsKey(name));
  if (!found) return null;
  const read = currentEditionsSchema.safeParse(parsedJson(found.text));
  if (!read.success) throw new LibraryError(`${currentEditionsKey(name)} in storage is not of this version`);
  return { current: read.data, etag: found.etag };
}

/** Null when it has gone. Rejects with LibraryError too. */
export async function readEdition(
  store: DocumentStore,
  name: string,
  edition: string,
): Promise<LibraryEdition | null> {
  const key = libraryEditionKey(name, edition);
  const found = await store.get(key);
  if (!found) return null;
  const read = libraryEditionSchema.safeParse(parsedJson(found.text));
  if (!read.success) throw new LibraryError(`${key} in storage is not of this version`);
  return read.data;
}

interface Publishing {
  readonly store: DocumentStore;
  readonly name: string;
  /** Ms since the Unix epoch. */
  readonly now: () => number;
  readonly warn: (text: string) => void;
}

/**
 * Puts an edition into storage and names it as the newest; resolves to when it begins to play: where a track ends, unless that
 * is too long to wait for, or `isUrgent`. What somebody else named in
 * between stays named, before it.
 */
export async function publishEdition(
  edition: LibraryEdition,
  { isUrgent, ...publishing }: Publishing & { readonly isUrgent: boolean },
): Promise<number> {
  const { store, name, now, warn } = publishing;
  // One that the edge could not read would take the library off the air.
  const text = JSON.stringify(libraryEditionSchema.parse(edition));
  const id = editionName(now(), createHash("sha256").update(text).digest("hex"));
  await store.put(libraryEditionKey(name, id), jsonObject(text));
  for (let tries = 1; ; tries++) {
    const read = await readCurrent(store, name);
    const named = read?.current.editions.find((each) => each.id === id);
    // The reply to an earlier try was lost.
    if (named) return named.fromMs;
    const schedule = isUrgent || !read ? null : await scheduleOf(store, name, read.current);
    const next = withEdition(read?.current ?? null, id, now(), (ms) => {
      const border = schedule?.borderFrom(ms) ?? ms;
      return border - ms <= borderWaitMs ? border : ms;
    });
    const condition: Condition = read ? { etag: read.etag } : "absent";
    if (await putCurrent(next, { ...publishing, condition })) return next.editions.at(-1)?.fromMs ?? now();
    if (tries === publishTries) throw new LibraryError(`library ${name} is changed by others all the time`);
    if (tries === 1) warn("somebody else changed the library at the same time: what is newest plays");
  }
}

/** Of the editions named; null when one cannot be had, which is no reason not to name another. */
async function scheduleOf(
  store: DocumentStore,
  name: string,
  { editions }: CurrentEditions,
): Promise<LibrarySchedule | null> {
  const scheduled: ScheduledEdition[] = [];
  for (const { id, fromMs } of editions) {
    const edition = await readEdition(store, name, id).catch((error: unknown) => {
      if (error instanceof LibraryError) return null;
      throw error;
    });
    if (!edition) return null;
    scheduled.push({ fromMs, edition });
  }
  return new LibrarySchedule(scheduled);
}

/** False when the condition did not hold. A storage that knows no conditions takes the last word. */
export async function putCurrent(
  current: CurrentEditions,
  { store, name, warn, condition }: Omit<Publishing, "now"> & { readonly condition: Condition },
): Promise<boolean> {
  const object = jsonObject(JSON.stringify(current));
  const key = currentEditionsKey(name);
  try {
    return await store.put(key, object, condition);
  } catch (error) {
    if (!(error instanceof StorageError) || error.status !== 501) throw error;
    warn("this storage cannot tell whether somebody else changed the library: the last one wins");
    return store.put(key, object);
  }
}

const jsonObject = (text: string) => ({
  body: new TextEncoder().encode(text),
  contentType: "application/json",
  metadata: {},
});

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
