import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MusicPlace } from "../../../config/ingest-settings.ts";
import type { Log } from "../../log.ts";
import { reasonOf } from "../../log.ts";
import type { ListedObject } from "../../bucket-listing.ts";
import type { BucketReader } from "./bucket-reader.ts";
import { FolderTree } from "./folder-tree.ts";
import { fileVersion, type Found, isHidden, isMp3Name } from "./found.ts";
import { sortedInTurns } from "./in-turns.ts";
import { leftOutTold, listingPatienceMs, listingRetryMs, missingLookMs, steadyMs } from "./limits.ts";
import { readMusicList } from "./list-reader.ts";
import { listKind } from "./music-list.ts";
import { naturalKey } from "./natural-key.ts";
import { fileId, resolved } from "./os-path.ts";
import { watchLimit } from "./watch-limit.ts";

export interface PlaceOptions {
  readonly log: Pick<Log, "info" | "warn">;
  /** Told when `read` may find something else than before. */
  readonly onSign: () => void;
  /** Of the station; undefined where there is none to be asked. */
  readonly bucket: BucketReader | undefined;
  readonly signal: AbortSignal;
}

/** What one place has. Never rejects: what cannot be read is told once, and what was found before stays or goes as is right for its kind. */
export interface Place {
  /** The same array as long as nothing has changed. `all`: whatever the system told or did not tell. */
  read(all: boolean): Promise<readonly Found[]>;
  /** In how many ms it wants to be read again without a sign; null: not at all. */
  readonly againMs: number | null;
  close(): void;
}

export const openPlace = (place: MusicPlace, options: PlaceOptions): Place =>
  place.kind === "storage" ? new StoragePlace(place, options) : new PathPlace(place, options);

const nothing: readonly Found[] = [];

/** A folder, a list or a single file: whichever is there when it is read. */
class PathPlace implements Place {
  readonly #place: Extract<MusicPlace, { kind: "path" }>;
  readonly #options: PlaceOptions;
  readonly #told: Told;
  #tree: FolderTree | null = null;
  #list: WatchedList | null = null;
  #file: readonly Found[] = nothing;
  #problem: string | null = null;
  #closed = false;

  constructor(place: Extract<MusicPlace, { kind: "path" }>, options: PlaceOptions) {
    this.#place = place;
    this.#options = options;
    this.#told = new Told(place.shown, options.log);
  }

  get againMs(): number | null {
    if (this.#problem !== null) return missingLookMs;
    return this.#tree?.hasYoung === true ? steadyMs : null;
  }

  async read(all: boolean): Promise<readonly Found[]> {
    try {
      const found = await this.#read(all);
      this.#problem = null;
      this.#told.read(found.length);
      return found;
    } catch (error) {
      const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
      this.#problem = isMissing ? "is not there yet" : reasonOf(error);
      this.#told.problem(this.#problem);
      this.#drop();
      return nothing;
    }
  }

  async #read(all: boolean): Promise<readonly Found[]> {
    const { path, shown } = this.#place;
    const seen = await stat(path);
    if (this.#closed) return nothing;
    if (seen.isDirectory()) {
      this.#list?.close();
      this.#list = null;
      this.#tree ??= new FolderTree(path, this.#options);
      if (all) this.#tree.forget();
      return this.#tree.read();
    }
    this.#tree?.close();
    this.#tree = null;
    if (!seen.isFile()) throw new Error("is neither a folder nor a file");
    if (listKind(path) !== null) {
      this.#list ??= new WatchedList(path, this.#options.onSign, this.#told);
      return this.#list.read(all);
    }
    const real = await resolved(path);
    const version = fileVersion(seen);
    if (this.#file[0]?.version !== version || this.#file[0].id !== fileId(real))
      this.#file = [{ kind: "file", id: fileId(real), version, name: basename(shown), path: real }];
    return this.#file;
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    this.#tree?.close();
    this.#tree = null;
    this.#list?.close();
    this.#list = null;
  }
}

/** A list, with those in it, whose folders are watched for their names: editors put a new file in the place of the old one. */
class WatchedList {
  readonly #path: string;
  readonly #onSign: () => void;
  readonly #told: Told;
  #watchers: FSWatcher[] = [];
  #found: readonly Found[] = [];
  #dirty = true;
  #closed = false;

  constructor(path: string, onSign: () => void, told: Told) {
    this.#path = path;
    this.#onSign = onSign;
    this.#told = told;
  }

  async read(all: boolean): Promise<readonly Found[]> {
    if (!all && !this.#dirty) return this.#found;
    this.#dirty = false;
    const { found, leftOut, lists } = await readMusicList(this.#path);
    this.#found = found;
    this.#told.leftOut(leftOut);
    this.#watch([this.#path, ...lists]);
    return found;
  }

  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #watch(lists: readonly string[]): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    if (this.#closed) return;
    const names = Map.groupBy(new Set(lists), (list) => dirname(list));
    for (const [folder, within] of names) {
      const ours = new Set(within.map((list) => basename(list)));
      try {
        const watcher = watch(folder, { persistent: false }, (_, name) => {
          if (name !== null && !ours.has(name)) return;
          this.#dirty = true;
          this.#onSign();
        });
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch (error) {
        // It is read again as often as all places are.
        const limit = watchLimit(error);
        if (limit !== null) this.#told.unwatched(limit);
      }
    }
  }
}

/** Objects of the station's bucket. While storage does not answer they are those of the last answer. */
class StoragePlace implements Place {
  readonly #prefix: string;
  readonly #options: PlaceOptions;
  readonly #told: Told;
  #found: readonly Found[] = nothing;
  #listing: Promise<void> | null = null;
  /** When a listing that failed is tried again; null: it did not. */
  #retryAtMs: number | null = null;

  constructor({ prefix, shown }: Extract<MusicPlace, { kind: "storage" }>, options: PlaceOptions) {
    this.#prefix = prefix;
    this.#options = options;
    this.#told = new Told(shown, options.log);
  }

  get againMs(): number | null {
    return this.#retryAtMs === null ? null : Math.max(0, this.#retryAtMs - performance.now());
  }

  /** Of a listing that takes longer than others should wait for it, the end is a sign. */
  async read(all: boolean): Promise<readonly Found[]> {
    const isDue = all || (this.#retryAtMs !== null && performance.now() >= this.#retryAtMs);
    if (isDue && this.#listing === null) {
      const before = this.#found;
      let isAwaited = true;
      this.#listing = this.#list().then(() => {
        this.#listing = null;
        if (!isAwaited && this.#found !== before) this.#options.onSign();
      });
      await Promise.race([this.#listing, sleep(listingPatienceMs, undefined, { ref: false })]);
      isAwaited = false;
    }
    return this.#found;
  }

  async #list(): Promise<void> {
    this.#retryAtMs = null;
    const { bucket, signal } = this.#options;
    try {
      if (bucket === undefined) throw new Error("there is no storage");
      this.#found = await this.#musicOf(await bucket.list(this.#prefix, signal));
      this.#told.read(this.#found.length);
    } catch (error) {
      this.#retryAtMs = performance.now() + listingRetryMs;
      if (!signal.aborted) this.#told.problem(reasonOf(error));
    }
  }

  async #musicOf(objects: readonly ListedObject[]): Promise<Found[]> {
    const folder = this.#prefix.slice(0, this.#prefix.lastIndexOf("/") + 1);
    const music = objects
      .filter(({ key }) => isMp3Name(key) && !key.slice(folder.length).split("/").some(isHidden))
      .map((object) => ({ ...object, sortedAs: naturalKey(object.key) }));
    const sorted = await sortedInTurns(music, (a, b) =>
      a.sortedAs < b.sortedAs ? -1 : a.sortedAs > b.sortedAs ? 1 : 0,
    );
    return sorted.map(({ key, size, etag }) => ({
      kind: "object",
      id: `storage:${key}`,
      version: etag,
      name: key.slice(folder.length),
      key,
      size,
    }));
  }

  close(): void {
    // The signal ends what is under way.
  }
}

/** What is said of a place: each state once. */
class Told {
  readonly #place: string;
  readonly #log: Pick<Log, "info" | "warn">;
  #problem: string | null = null;
  #leftOut = "";
  #isUnwatched = false;

  constructor(place: string, log: Pick<Log, "info" | "warn">) {
    this.#place = place;
    this.#log = log;
  }

  problem(reason: string): void {
    if (this.#problem === reason) return;
    this.#problem = reason;
    this.#log.warn({ place: this.#place, reason }, "a place of music cannot be read");
  }

  read(files: number): void {
    if (this.#problem === null) return;
    this.#problem = null;
    this.#log.info({ place: this.#place, files }, "a place of music can be read again");
  }

  unwatched(reason: string): void {
    if (this.#isUnwatched) return;
    this.#isUnwatched = true;
    this.#log.warn({ place: this.#place, reason }, "a place of music cannot be watched");
  }

  leftOut(entries: readonly { readonly name: string; readonly reason: string }[]): void {
    const told = entries.slice(0, leftOutTold).map(({ name, reason }) => `${name.slice(0, 256)} ${reason}`);
    const state = JSON.stringify([entries.length, told]);
    if (state === this.#leftOut) return;
    this.#leftOut = state;
    if (entries.length > 0)
      this.#log.warn(
        { place: this.#place, entries: told, count: entries.length },
        "entries of a list are left out",
      );
  }
}
