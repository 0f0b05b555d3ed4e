import { mkdir, readdir, readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseSegmentKey } from "../shared/object-format.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { Position } from "../shared/segment.ts";
import type { MountPath } from "../shared/units.ts";
import { spoolBytes, spoolFileBytes, spoolLogMs, spoolRetryMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import {
  decodeSpoolFile,
  encodeSpoolFile,
  mountDigest,
  parseSpoolFileName,
  type SpooledSegment,
  SpoolVersionError,
  spoolFileName,
} from "./spool-file.ts";

/** A segment's file. `bytes` is what it counts against the spool's bound. */
export interface SpoolEntry extends Position {
  readonly name: string;
  readonly bytes: number;
}

export interface SpoolOptions {
  /** The folder of the files; made when its parent is there. */
  readonly folder: string;
  readonly log: Log;
  readonly limits?: Partial<SpoolLimits>;
}

interface SpoolLimits {
  readonly spoolBytes: number;
  readonly spoolRetryMs: number;
}

/** One mount's files. */
export interface SpoolShare {
  readonly bytes: number;
  /** Counts what an earlier process left. */
  adopt(entries: readonly SpoolEntry[]): void;
  /**
   * Writes a segment's file; never rejects. Null when the disk does not take it: it is asked again only after a while,
   * unless `insist`. Room for the file may cost others theirs.
   */
  write(segment: SpooledSegment, at: Position, insist?: boolean): Promise<SpoolEntry | null>;
  /** Throws ProtocolError when the file is damaged, and what the file system throws. */
  read(entry: SpoolEntry): Promise<SpooledSegment>;
  /** Takes a file that cannot be read out of the count, says so, and removes it when it is torn. Never rejects. */
  discard(entry: SpoolEntry, error: unknown): Promise<void>;
  /** The room is free at once, the file goes soon. Never rejects. */
  remove(entry: SpoolEntry): Promise<void>;
}

interface Share extends SpoolShare {
  bytes: number;
  dropOldest: () => boolean;
  /** Files being written. */
  writing: number;
}

/**
 * The folder where segments wait for storage, so that they outlive this process. All mounts together are bounded; when
 * the bound is reached the mount with the most bytes loses its oldest segment. Files are not flushed to the platter:
 * they outlive the process, and a host that loses its power loses what its kernel had not written.
 */
export class Spool {
  readonly #folder: string;
  readonly #log: Log;
  readonly #limits: SpoolLimits;
  readonly #shares = new Map<MountPath, Share>();
  #bytes = 0;
  #dropped = 0;
  #failing = false;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor({ folder, log, limits }: SpoolOptions) {
    this.#folder = folder;
    this.#log = log;
    this.#limits = { spoolBytes, spoolRetryMs, ...limits };
  }

  /** For `/health`. `dropped`: segments lost since the start because the spool was full. */
  get state() {
    const disk: "ok" | "failing" = this.#failing ? "failing" : "ok";
    return { disk, bytes: this.#bytes, limitBytes: this.#limits.spoolBytes, dropped: this.#dropped };
  }

  /**
   * A mount's part of the spool. `dropOldest` is called when the spool is full: it gives up the mount's oldest segment
   * that has a file, removes that, and says whether there was one.
   */
  share(mount: MountPath, dropOldest: () => boolean): SpoolShare {
    const known = this.#shares.get(mount);
    if (known) {
      known.dropOldest = dropOldest;
      return known;
    }
    const digest = mountDigest(mount);
    const share: Share = {
      bytes: 0,
      writing: 0,
      dropOldest,
      adopt: (entries) => {
        for (const { bytes } of entries) this.#count(share, bytes);
        this.#makeRoom();
      },
      write: (segment, at, insist = false) =>
        this.#write(share, spoolFileName(digest, at), segment, at, insist),
      read: async ({ name }) => decodeSpoolFile(await readFile(join(this.#folder, name))),
      discard: (entry, error) => {
        this.#count(share, -entry.bytes);
        return this.#discard(entry.name, error);
      },
      remove: (entry) => {
        this.#count(share, -entry.bytes);
        return this.#unlink(entry.name);
      },
    };
    this.#shares.set(mount, share);
    return share;
  }

  /** What an earlier process left, by mount, in order of play. Before anything is written. Never rejects. */
  async scan(): Promise<ReadonlyMap<MountPath, readonly SpoolEntry[]>> {
    const byDigest = new Map<string, SpoolEntry[]>();
    for (const name of (await this.#names()).toSorted()) {
      const parsed = parseSpoolFileName(name);
      const size = parsed && (await this.#sizeOf(name));
      if (!parsed || size === null) continue;
      const { digest, ...at } = parsed;
      const entries = byDigest.get(digest) ?? [];
      byDigest.set(digest, entries);
      entries.push({ ...at, name, bytes: countedBytes(size) });
    }
    const byMount = new Map<MountPath, readonly SpoolEntry[]>();
    for (const entries of byDigest.values()) {
      const mount = await this.#mountOf(entries);
      if (mount !== null) byMount.set(mount, entries);
    }
    const files = [...byMount.values()].flat();
    const bytes = files.reduce((sum, entry) => sum + entry.bytes, 0);
    if (files.length > 0) this.#log.info({ segments: files.length, bytes }, "segments wait in the spool");
    return byMount;
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") this.#fail(error);
      return [];
    }
  }

  async #sizeOf(name: string): Promise<number | null> {
    try {
      return (await stat(join(this.#folder, name))).size;
    } catch {
      return null;
    }
  }

  /** Told by the first file that is whole; the ones before it are discarded. */
  async #mountOf(entries: SpoolEntry[]): Promise<MountPath | null> {
    for (let entry = entries[0]; entry; entry = entries[0]) {
      try {
        const { key } = decodeSpoolFile(await readFile(join(this.#folder, entry.name)));
        return parseSegmentKey(key).mount;
      } catch (error) {
        entries.shift();
        await this.#discard(entry.name, error);
      }
    }
    return null;
  }

  /** A torn file is removed: nobody will ever read it. One of another version, or of a bad disk, stays. */
  async #discard(file: string, error: unknown): Promise<void> {
    this.#log.warn({ file, reason: reasonOf(error) }, "a file of the spool cannot be read");
    if (error instanceof ProtocolError && !(error instanceof SpoolVersionError)) await this.#unlink(file);
  }

  async #write(
    share: Share,
    name: string,
    segment: SpooledSegment,
    at: Position,
    insist: boolean,
  ): Promise<SpoolEntry | null> {
    if (this.#failing && !insist && performance.now() < this.#retryAtMs) return null;
    const file = encodeSpoolFile(segment);
    const bytes = countedBytes(file.length);
    this.#count(share, bytes);
    share.writing++;
    this.#makeRoom();
    const path = join(this.#folder, name);
    try {
      await writeFile(path, file, { mode: 0o600 }).catch(async (error: unknown) => {
        if (codeOf(error) !== "ENOENT") throw error;
        await this.#makeFolder();
        await writeFile(path, file, { mode: 0o600 });
      });
      if (this.#failing) this.#log.info({ bytes: this.#bytes }, "segments are kept on disk again");
      this.#failing = false;
      // Files written at the same time make room for each other only once they are there.
      if (this.#bytes > this.#limits.spoolBytes) setImmediate(() => this.#makeRoom());
      return { epoch: at.epoch, sequence: at.sequence, name, bytes };
    } catch (error) {
      this.#count(share, -bytes);
      this.#fail(error);
      // A disk that is full keeps the part that fitted.
      await unlink(path).catch(() => undefined);
      return null;
    } finally {
      share.writing--;
    }
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
  }

  #fail(error: unknown): void {
    const now = performance.now();
    this.#failing = true;
    this.#retryAtMs = now + this.#limits.spoolRetryMs;
    if (now - this.#loggedMs < spoolLogMs) return;
    this.#loggedMs = now;
    const fields = { folder: this.#folder, reason: reasonOf(error) };
    this.#log.error(fields, "segments cannot be kept on disk, they wait in memory");
  }

  #makeRoom(): void {
    const given = new Set<Share>();
    while (this.#bytes > this.#limits.spoolBytes) {
      const largest = [...this.#shares.values()]
        .filter((share) => !given.has(share))
        .reduce<Share | null>((most, share) => (most && most.bytes >= share.bytes ? most : share), null);
      if (largest === null) return;
      if (largest.dropOldest()) this.#dropped++;
      // What it has is being written and can be dropped in a moment: others are not to pay for it.
      else if (largest.writing > 0) return;
      else given.add(largest);
    }
  }

  #count(share: Share, bytes: number): void {
    share.bytes += bytes;
    this.#bytes += bytes;
  }

  async #unlink(name: string): Promise<void> {
    try {
      await unlink(join(this.#folder, name));
    } catch (error) {
      // It is put once more at the next start, and storage says that it has it.
      if (codeOf(error) !== "ENOENT") this.#fail(error);
    }
  }
}

const countedBytes = (size: number): number => Math.max(size, spoolFileBytes);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : null);
