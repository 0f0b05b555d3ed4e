import { mkdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { IngestSettings, MusicPlace } from "../../../config/ingest-settings.ts";
import type { Log } from "../../log.ts";
import type { TrackFile } from "../track.ts";
import { BucketReader } from "./bucket-reader.ts";
import { fileVersion, type Found, type FoundFile, type FoundObject, isSame } from "./found.ts";
import { busyMs, filesAtOnce, placeFiles, quietMs, restShare } from "./limits.ts";
import { ObjectCache } from "./object-cache.ts";
import { bytesHash } from "./os-path.ts";
import { openPlace, type Place } from "./places.ts";

export interface SourcesOptions {
  readonly places: readonly MusicPlace[];
  /** How often everything is read again, whatever the system told of changes. */
  readonly reloadMs: number;
  /** For places in storage. */
  readonly storage?: IngestSettings["storage"];
  /** Absolute; for objects of storage, and links to files whose names text cannot say. May be shared with others. */
  readonly cacheDir: string;
  readonly log: Pick<Log, "info" | "warn">;
  /** Of the objects kept in `cacheDir`. */
  readonly cacheBytes?: number;
}

/**
 * The files of some places, in the order of the places and within each in its own: folders by name, lists as they are
 * written. What two places have counts once. Objects stay the same from reading to reading as long as what they name does.
 */
export class MusicSources {
  readonly #options: SourcesOptions;
  readonly #places: readonly Place[];
  readonly #cache: ObjectCache | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #stopped = new AbortController();
  #found: readonly (readonly Found[])[] = [];
  #files: readonly TrackFile[] = [];
  #byId = new Map<string, TrackFile>();
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;
  #firstSignMs: number | undefined;
  /** When everything is to be read again. */
  #allDueMs = -Infinity;
  #restUntilMs = 0;

  constructor(options: SourcesOptions) {
    const { places, storage, cacheDir, log, cacheBytes } = options;
    this.#options = options;
    const bucket = storage && new BucketReader(storage, log);
    this.#cache =
      bucket &&
      new ObjectCache({
        dir: join(cacheDir, "objects"),
        read: (object, signal) => bucket.read(object, signal),
        ...(cacheBytes !== undefined && { maxBytes: cacheBytes }),
      });
    const onSign = () => this.#sign();
    this.#places = places.map((place) =>
      openPlace(place, { log, onSign, bucket, signal: this.#stopped.signal }),
    );
  }

  /** Resolves when all places were read for the first time, or could not be; never rejects. */
  async start(): Promise<void> {
    await this.#readNow();
  }

  /** As they were when they were read last. */
  get files(): readonly TrackFile[] {
    return this.#files;
  }

  /** Told when `files` has changed, after the last of many changes. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Nothing is watched or read any more, and what is being fetched is given up. Of a disk that hangs nothing is awaited. */
  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    this.#listeners.clear();
    for (const place of this.#places) place.close();
    this.#cache?.close();
  }

  #readNow(): Promise<void> {
    return (this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
      this.#plan();
    }));
  }

  async #read(): Promise<void> {
    const beganMs = performance.now();
    this.#firstSignMs = undefined;
    this.#dueMs = Infinity;
    const all = beganMs >= this.#allDueMs;
    if (all) this.#allDueMs = beganMs + this.#options.reloadMs;
    const found: (readonly Found[])[] = [];
    for (const place of this.#places) {
      found.push(await place.read(all));
      if (this.#stopped.signal.aborted) return;
    }
    if (found.some((each, index) => each !== this.#found[index])) await this.#take(found);
    this.#found = found;
    // A place that takes long to read, or changes all the time, is not read all the time.
    const endedMs = performance.now();
    const restedMs = endedMs + (endedMs - beganMs) * restShare;
    if (all) this.#allDueMs = Math.max(this.#allDueMs, restedMs);
    else this.#restUntilMs = restedMs;
  }

  async #take(found: readonly (readonly Found[])[]): Promise<void> {
    const before = this.#files;
    const byId = new Map<string, TrackFile>();
    let taken = 0;
    for (const each of found.flat()) {
      if (++taken % filesAtOnce === 0) await setImmediate();
      if (byId.has(each.id) || byId.size >= placeFiles) continue;
      const known = this.#byId.get(each.id);
      byId.set(each.id, known !== undefined && isSame(each, known) ? known : this.#track(each));
    }
    const files = [...byId.values()];
    if (files.length === before.length && files.every((file, index) => file === before[index])) return;
    this.#files = files;
    this.#byId = byId;
    if (!this.#stopped.signal.aborted) for (const listener of this.#listeners) listener();
  }

  #track(found: Found): TrackFile {
    const { id, version, name, listedTitle } = found;
    const own =
      found.kind === "object"
        ? { path: (signal?: AbortSignal) => this.#fetched(found, signal) }
        : { path: () => this.#nameable(found), isCurrent: () => isCurrent(found) };
    return { id, version, name, ...(listedTitle !== undefined && { listedTitle }), ...own };
  }

  #fetched({ key, size, version }: FoundObject, signal: AbortSignal | undefined): Promise<string> {
    const stopped = this.#stopped.signal;
    const both = signal === undefined ? stopped : AbortSignal.any([signal, stopped]);
    if (this.#cache === undefined) return Promise.reject(new Error("there is no storage"));
    return this.#cache.path({ key, size, etag: version }, both).catch((error: unknown) => {
      // Another one is there, or none: the listing is old.
      if (error instanceof Error && "status" in error && (error.status === 412 || error.status === 404))
        this.#listAgain();
      throw error;
    });
  }

  #listAgain(): void {
    this.#allDueMs = -Infinity;
    this.#sign();
  }

  /** A path that text can say: a link to the file where its own cannot be. */
  async #nameable({ path }: FoundFile): Promise<string> {
    if (typeof path === "string") return path;
    const folder = join(this.#options.cacheDir, "names");
    const link = join(folder, `${bytesHash(path)}.mp3`);
    await mkdir(folder, { recursive: true });
    await symlink(path, link).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
    return link;
  }

  /** Something has changed: read when it has been quiet for a moment. */
  #sign(): void {
    const now = performance.now();
    this.#firstSignMs ??= now;
    this.#dueMs = Math.min(now + quietMs, this.#firstSignMs + busyMs);
    if (this.#reading === undefined) this.#plan();
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#stopped.signal.aborted) return;
    const now = performance.now();
    const { reloadMs } = this.#options;
    const again = this.#places.flatMap(({ againMs }) =>
      againMs === null ? [] : [now + Math.min(againMs, reloadMs)],
    );
    const signedMs = Math.max(Math.min(this.#dueMs, ...again), this.#restUntilMs);
    const waitMs = Math.min(this.#allDueMs, signedMs) - now;
    this.#timer = setTimeout(() => void this.#readNow(), Math.max(0, waitMs)).unref();
  }
}

const isCurrent = async ({ path, version }: FoundFile): Promise<boolean> => {
  const seen = await stat(path).catch(() => null);
  return seen !== null && fileVersion(seen) === version;
};
