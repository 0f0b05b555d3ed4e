import { mkdir, readdir, readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  spoolLogMs,
  spoolOperations,
  spoolScanMs,
  spoolStatBatch,
  spoolUnremoved,
  spoolWaiting,
} from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";

/** What the spool asks of a file system. A promise may never settle: nobody ends a call to a disk that hangs. */
export interface Files {
  list(folder: string): Promise<readonly string[]>;
  /** Bytes. */
  size(path: string): Promise<number>;
  read(path: string): Promise<Buffer>;
  /** What a rejected one leaves behind is part of a file. */
  write(path: string, bytes: Buffer): Promise<void>;
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
}

export const nodeFiles: Files = {
  list: (folder) => readdir(folder),
  size: async (path) => (await stat(path)).size,
  read: (path) => readFile(path),
  write: (path, bytes) => writeFile(path, bytes, { mode: 0o600 }),
  remove: (path) => unlink(path),
  makeFolder: async (path) => {
    await mkdir(path, { mode: 0o700 });
  },
};

/** The disk did not answer in time, and may later: nothing is known of the file. */
export class DiskBusyError extends Error {}

interface DiskOptions {
  readonly folder: string;
  readonly files: Files;
  readonly log: Log;
  readonly limits: { readonly spoolWaitMs: number; readonly spoolRetryMs: number };
}

/**
 * The files of the spool's folder, a few operations at a time: each takes a thread of the process, and signing, TLS
 * and name lookups need the same threads. One that hangs keeps its place until it settles; when all places are kept
 * so, nothing more is asked of the disk. Nobody who waits for an answer waits for longer than `spoolWaitMs`, but for a
 * `write` that has begun.
 */
export class SpoolDisk {
  readonly #options: DiskOptions;
  /** Operations under way, and those of them that hang. */
  #active = 0;
  #stuck = 0;
  /** Starts of operations that wait for a place, in order. */
  readonly #waiting = new Set<() => void>();
  /** Names of files that are to go when there is a place. */
  readonly #unremoved = new Set<string>();
  #failed = false;
  /** The log is owed a line when the disk works again. */
  #missed = false;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#active > 0;
  }

  /** It refused what it was given last, or something hangs. */
  get failing(): boolean {
    return this.#failed || this.#stuck > 0;
  }

  /**
   * Writes a file; false when the disk does not take it. It is then asked again only after `spoolRetryMs`, unless
   * `insist`. `encode` is called when its turn has come. Never rejects; settles late when the disk hangs.
   */
  async write(name: string, encode: () => Buffer, insist: boolean): Promise<boolean> {
    if (!this.#asked(insist)) return false;
    try {
      return await this.#run(async () => {
        // Others before it may have been refused.
        if (!this.#asked(insist)) return false;
        await this.#write(this.#path(name), encode());
        this.#failed = false;
        this.#tellRecovery();
        return true;
      });
    } catch (error) {
      // When something hangs that is the reason, and it is over when that settles.
      if (!(error instanceof DiskBusyError && this.#stuck > 0)) this.#fail(error);
      return false;
    }
  }

  /** Throws DiskBusyError, and what the file system throws. */
  read(name: string): Promise<Buffer> {
    const reading = this.#run(() => this.#options.files.read(this.#path(name)));
    return within(this.#options.limits.spoolWaitMs, reading);
  }

  /** Resolves when the file is gone, or is to go later. A file that cannot be removed is kept. Never rejects. */
  async remove(name: string): Promise<void> {
    const removing = this.#run(() => this.#remove(name)).catch(() => this.#removeLater(name));
    await within(this.#options.limits.spoolWaitMs, removing).catch(() => undefined);
  }

  /**
   * Names of what is in the folder, in order, each with its bytes; what cannot be looked at is left out. Throws
   * DiskBusyError. For the start alone: it asks for many at once, and those that hang keep threads.
   */
  async list(isWanted: (name: string) => boolean): Promise<readonly { name: string; size: number }[]> {
    const names = (await within(spoolScanMs, this.#names())).filter(isWanted).toSorted();
    const found: { name: string; size: number }[] = [];
    for (let at = 0; at < names.length; at += spoolStatBatch) {
      const batch = names.slice(at, at + spoolStatBatch);
      const sizes = this.#run(() => Promise.all(batch.map((name) => this.#size(name))));
      for (const [index, size] of (await within(spoolScanMs, sizes)).entries()) {
        const name = batch[index];
        if (name !== undefined && size !== null) found.push({ name, size });
      }
    }
    return found;
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await this.#run(() => this.#options.files.list(this.#options.folder));
    } catch (error) {
      if (codeOf(error) !== "ENOENT") this.#fail(error);
      return [];
    }
  }

  #size(name: string): Promise<number | null> {
    return this.#options.files.size(this.#path(name)).catch(() => null);
  }

  async #write(path: string, bytes: Buffer): Promise<void> {
    const { files } = this.#options;
    try {
      await files.write(path, bytes).catch(async (error: unknown) => {
        if (codeOf(error) !== "ENOENT") throw error;
        await this.#makeFolder();
        await files.write(path, bytes);
      });
    } catch (error) {
      // A disk that is full keeps the part that fitted.
      await files.remove(path).catch(() => undefined);
      throw error;
    }
  }

  async #makeFolder(): Promise<void> {
    const { files, folder } = this.#options;
    await files.makeFolder(folder).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#options.files.remove(this.#path(name));
    } catch (error) {
      // It is put once more at the next start, and storage says that it has it.
      if (codeOf(error) !== "ENOENT") this.#fail(error);
    }
  }

  #removeLater(name: string): void {
    // As one that cannot be removed.
    if (this.#unremoved.size < spoolUnremoved) this.#unremoved.add(name);
    this.#startNext();
  }

  /** Rejects with DiskBusyError when it cannot begin in time, and then never begins. */
  #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stuck >= spoolOperations || this.#waiting.size >= spoolWaiting) {
      return Promise.reject(new DiskBusyError(this.#stuck > 0 ? "the disk hangs" : "the disk is too slow"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { spoolWaitMs } = this.#options.limits;
    const patience = setTimeout(() => {
      this.#waiting.delete(start);
      reject(new DiskBusyError(`the disk was busy for ${spoolWaitMs} ms`));
    }, spoolWaitMs);
    const start = (): void => {
      clearTimeout(patience);
      this.#waiting.delete(start);
      resolve(this.#occupy(work));
    };
    this.#waiting.add(start);
    this.#startNext();
    return promise;
  }

  async #occupy<T>(work: () => Promise<T>): Promise<T> {
    const { spoolWaitMs } = this.#options.limits;
    this.#active++;
    let hangs = false;
    const patience = setTimeout(() => {
      hangs = true;
      this.#stuck++;
      this.#tellFailure(new DiskBusyError(`the disk has not answered for ${spoolWaitMs} ms`));
    }, spoolWaitMs);
    try {
      return await work();
    } finally {
      clearTimeout(patience);
      this.#active--;
      if (hangs) this.#cameLoose();
      this.#startNext();
    }
  }

  #startNext(): void {
    while (this.#active < spoolOperations) {
      const [start] = this.#waiting;
      const [name] = this.#unremoved;
      if (start) start();
      else if (name !== undefined) {
        this.#unremoved.delete(name);
        void this.#occupy(() => this.#remove(name));
      } else return;
    }
  }

  #cameLoose(): void {
    this.#stuck--;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
    this.#tellRecovery();
  }

  #asked(insist: boolean): boolean {
    return insist || !this.#failed || performance.now() >= this.#retryAtMs;
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#retryAtMs = performance.now() + this.#options.limits.spoolRetryMs;
    this.#tellFailure(error);
  }

  #tellFailure(error: unknown): void {
    const { log, folder } = this.#options;
    const now = performance.now();
    this.#missed = true;
    if (now - this.#loggedMs < spoolLogMs) return;
    this.#loggedMs = now;
    log.error({ folder, reason: reasonOf(error) }, "segments cannot be kept on disk, they wait in memory");
  }

  #tellRecovery(): void {
    if (!this.#missed || this.failing) return;
    this.#missed = false;
    this.#options.log.info("segments are kept on disk again");
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }
}

/** Rejects with DiskBusyError when `work` takes longer. */
async function within<T>(patienceMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const reason = `the disk has not answered for ${patienceMs} ms`;
  const timer = setTimeout(() => late.reject(new DiskBusyError(reason)), patienceMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : null);
