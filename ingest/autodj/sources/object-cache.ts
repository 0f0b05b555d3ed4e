import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectVersion } from "../../bucket-listing.ts";
import { BucketError } from "./bucket-reader.ts";
import { cacheBytes, cacheInUse, staleFetchMs } from "./limits.ts";

interface Options {
  readonly dir: string;
  /** The bytes of one version of an object. */
  readonly read: (object: ObjectVersion, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly maxBytes?: number;
}

interface CachedFile {
  readonly name: string;
  readonly size: number;
  readonly usedMs: number;
}

interface Fetch {
  readonly path: Promise<string>;
  readonly abort: AbortController;
  waiting: number;
}

/** Caches of this process by their folder: one for each rotation of each AutoDJ. */
const sharers = new Map<string, Set<ObjectCache>>();

/**
 * Objects of the bucket as files on this host: `<hash of key and ETag>.mp3`, whole or not there. Least recently asked
 * for goes first when there are more than `maxBytes`, but none of the last few that any cache of the folder gave out:
 * somebody plays them.
 */
export class ObjectCache {
  readonly #options: Options;
  readonly #maxBytes: number;
  readonly #fetches = new Map<string, Fetch>();
  /** Files that were given out last, the latest at the end. */
  #inUse: string[] = [];
  #tidied: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? cacheBytes;
    const sharing = sharers.get(options.dir) ?? new Set();
    sharers.set(options.dir, sharing.add(this));
  }

  /** Nothing that it gave out is in use any more. */
  close(): void {
    const sharing = sharers.get(this.#options.dir);
    sharing?.delete(this);
    if (sharing?.size === 0) sharers.delete(this.#options.dir);
  }

  /** Where the object's bytes are; fetches it unless it is there. Who asks for the same shares the fetch. */
  async path(object: ObjectVersion, signal: AbortSignal): Promise<string> {
    if (object.size > this.#maxBytes)
      throw new BucketError(`is larger than the ${this.#maxBytes} bytes that are kept of storage`);
    await (this.#tidied ??= this.#tidy().catch((error: unknown) => {
      this.#tidied = undefined;
      throw error;
    }));
    const name = fileName(object);
    this.#inUse = [...this.#inUse.filter((each) => each !== name), name].slice(-cacheInUse);
    const path = join(this.#options.dir, name);
    if (await this.#has(path, object.size)) return path;
    return this.#shared(name, object, signal);
  }

  async #has(path: string, size: number): Promise<boolean> {
    try {
      if ((await stat(path)).size !== size) return false;
      const now = new Date();
      await utimes(path, now, now);
      return true;
    } catch {
      return false;
    }
  }

  /** One fetch for all who ask; it ends when nobody waits any more. */
  async #shared(name: string, object: ObjectVersion, signal: AbortSignal): Promise<string> {
    if (signal.aborted) throw new BucketError(givenUp);
    const fetch = this.#fetches.get(name) ?? this.#begin(name, object);
    fetch.waiting++;
    const leave = Promise.withResolvers<never>();
    const left = () => leave.reject(new BucketError(givenUp));
    signal.addEventListener("abort", left, { once: true });
    try {
      return await Promise.race([fetch.path, leave.promise]);
    } finally {
      signal.removeEventListener("abort", left);
      if (--fetch.waiting === 0) {
        this.#forget(name, fetch);
        fetch.abort.abort();
      }
    }
  }

  #begin(name: string, object: ObjectVersion): Fetch {
    const abort = new AbortController();
    const fetch: Fetch = { path: this.#fetch(name, object, abort.signal), abort, waiting: 0 };
    this.#fetches.set(name, fetch);
    const forget = () => this.#forget(name, fetch);
    fetch.path.then(forget, forget);
    return fetch;
  }

  #forget(name: string, fetch: Fetch): void {
    if (this.#fetches.get(name) === fetch) this.#fetches.delete(name);
  }

  async #fetch(name: string, object: ObjectVersion, signal: AbortSignal): Promise<string> {
    const { dir } = this.#options;
    await this.#makeRoom(object.size);
    const part = join(dir, `${name}.${randomBytes(4).toString("hex")}${partEnding}`);
    try {
      await this.#write(part, object, signal);
      const path = join(dir, name);
      await rename(part, path);
      return path;
    } catch (error) {
      await rm(part, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async #write(part: string, object: ObjectVersion, signal: AbortSignal): Promise<void> {
    const file = await open(part, "wx");
    try {
      const hash = createHash("md5");
      let size = 0;
      for await (const piece of this.#options.read(object, signal)) {
        size += piece.length;
        if (size > object.size) break;
        hash.update(piece);
        await file.writeFile(piece);
      }
      if (size !== object.size) throw new BucketError(`has not the ${object.size} bytes that storage lists`);
      // Of an object that was put in one piece the ETag is this hash; others have a "-".
      const [, md5] = /^"([0-9a-f]{32})"$/.exec(object.etag) ?? [];
      if (md5 !== undefined && md5 !== hash.digest("hex")) throw new BucketError("arrived damaged");
    } finally {
      await file.close();
    }
  }

  /** Removes what was asked for longest ago until `bytes` more fit. */
  async #makeRoom(bytes: number): Promise<void> {
    const files = await this.#files();
    const inUse = new Set(this.#inUse);
    for (const each of sharers.get(this.#options.dir) ?? []) for (const name of each.#inUse) inUse.add(name);
    let total = files.reduce((sum, { size }) => sum + size, bytes);
    for (const { name, size } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (total <= this.#maxBytes) return;
      if (inUse.has(name) || !name.endsWith(ending)) continue;
      await rm(join(this.#options.dir, name), { force: true });
      total -= size;
    }
  }

  /** Unfinished ones too. */
  async #files(): Promise<CachedFile[]> {
    const { dir } = this.#options;
    const files: CachedFile[] = [];
    for (const name of await readdir(dir)) {
      if (!name.endsWith(ending) && !name.endsWith(partEnding)) continue;
      const seen = await stat(join(dir, name)).catch(() => null);
      if (seen !== null) files.push({ name, size: seen.size, usedMs: seen.mtimeMs });
    }
    return files;
  }

  async #tidy(): Promise<void> {
    const { dir } = this.#options;
    await mkdir(dir, { recursive: true });
    const oldestMs = Date.now() - staleFetchMs;
    for (const name of await readdir(dir)) {
      if (!name.endsWith(partEnding)) continue;
      const path = join(dir, name);
      const seen = await stat(path).catch(() => null);
      if (seen !== null && seen.mtimeMs < oldestMs) await rm(path, { force: true });
    }
  }
}

const givenUp = "given up";

const ending = ".mp3";
const partEnding = ".part";

const fileName = ({ key, etag }: ObjectVersion): string =>
  createHash("sha256").update(`${key}\n${etag}`).digest("hex").slice(0, 32) + ending;
