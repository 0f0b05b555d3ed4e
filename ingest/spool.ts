import { parseSegmentKey } from "../shared/object-format.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { Position } from "../shared/segment.ts";
import type { MountPath } from "../shared/units.ts";
import { spoolBytes, spoolFileBytes, spoolRetryMs, spoolWaitMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import { DiskBusyError, type Files, nodeFiles, SpoolDisk } from "./spool-disk.ts";
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
  readonly files?: Files;
}

interface SpoolLimits {
  readonly spoolBytes: number;
  readonly spoolRetryMs: number;
  readonly spoolWaitMs: number;
}

/** One mount's files. */
export interface SpoolShare {
  readonly bytes: number;
  /** Counts what an earlier process left. */
  adopt(entries: readonly SpoolEntry[]): void;
  /**
   * Writes a segment's file; never rejects, and settles late when the disk hangs. Null when the disk does not take it:
   * it is asked again only after a while, unless `insist`. Room for the file may cost others theirs.
   */
  write(segment: SpooledSegment, at: Position, insist?: boolean): Promise<SpoolEntry | null>;
  /** Throws ProtocolError when the file is damaged, DiskBusyError, and what the file system throws. */
  read(entry: SpoolEntry): Promise<SpooledSegment>;
  /** Takes a file that cannot be read out of the count, says so, and removes it when it is torn. Never rejects. */
  discard(entry: SpoolEntry, error: unknown): Promise<void>;
  /** The room is free at once, the file goes soon. Never rejects. */
  remove(entry: SpoolEntry): Promise<void>;
}

interface Share extends SpoolShare {
  bytes: number;
  readonly dropOldest: () => boolean;
  /** Files being written. */
  writing: number;
}

/**
 * The folder where segments wait for storage, so that they outlive this process. All mounts together are bounded; when
 * the bound is reached the mount with the most bytes loses its oldest segment. Files are not flushed to the platter:
 * they outlive the process, and a host that loses its power loses what its kernel had not written.
 */
export class Spool {
  readonly #disk: SpoolDisk;
  readonly #log: Log;
  readonly #limits: SpoolLimits;
  /** Of mounts that have files. */
  readonly #shares = new Set<Share>();
  #bytes = 0;
  #dropped = 0;

  constructor({ folder, log, limits, files = nodeFiles }: SpoolOptions) {
    this.#log = log;
    this.#limits = { spoolBytes, spoolRetryMs, spoolWaitMs, ...limits };
    this.#disk = new SpoolDisk({ folder, files, log, limits: this.#limits });
  }

  /** For `/health`. `dropped`: segments lost since the start because the spool was full. */
  get state() {
    const disk: "ok" | "failing" = this.#disk.failing ? "failing" : "ok";
    return { disk, bytes: this.#bytes, limitBytes: this.#limits.spoolBytes, dropped: this.#dropped };
  }

  /** File operations are under way. */
  get isBusy(): boolean {
    return this.#disk.isBusy;
  }

  /**
   * A mount's part of the spool. `dropOldest` is called when the spool is full: it gives up the mount's oldest segment
   * that has a file, removes that, and says whether there was one.
   */
  share(mount: MountPath, dropOldest: () => boolean): SpoolShare {
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
      read: async ({ name }) => decodeSpoolFile(await this.#disk.read(name)),
      discard: (entry, error) => {
        this.#count(share, -entry.bytes);
        return this.#discard(entry.name, error);
      },
      remove: (entry) => {
        this.#count(share, -entry.bytes);
        return this.#disk.remove(entry.name);
      },
    };
    return share;
  }

  /** What an earlier process left, by mount, in order of play. Before anything is written. Never rejects. */
  async scan(): Promise<ReadonlyMap<MountPath, readonly SpoolEntry[]>> {
    const byDigest = new Map<string, SpoolEntry[]>();
    for (const { name, size } of await this.#list()) {
      const parsed = parseSpoolFileName(name);
      if (!parsed) continue;
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

  async #list(): Promise<readonly { readonly name: string; readonly size: number }[]> {
    try {
      return await this.#disk.list((name) => parseSpoolFileName(name) !== null);
    } catch (error) {
      this.#leave(error);
      return [];
    }
  }

  /** Told by the first file that is whole; the ones before it are discarded. */
  async #mountOf(entries: SpoolEntry[]): Promise<MountPath | null> {
    for (let entry = entries[0]; entry; entry = entries[0]) {
      try {
        const { key } = decodeSpoolFile(await this.#disk.read(entry.name));
        return parseSegmentKey(key).mount;
      } catch (error) {
        if (error instanceof DiskBusyError) return this.#leave(error);
        entries.shift();
        await this.#discard(entry.name, error);
      }
    }
    return null;
  }

  #leave(error: unknown): null {
    this.#log.warn({ reason: reasonOf(error) }, "what an earlier process left waits for the next start");
    return null;
  }

  /** A torn file is removed: nobody will ever read it. One of another version, or of a bad disk, stays. */
  async #discard(file: string, error: unknown): Promise<void> {
    this.#log.warn({ file, reason: reasonOf(error) }, "a file of the spool cannot be read");
    if (error instanceof ProtocolError && !(error instanceof SpoolVersionError))
      await this.#disk.remove(file);
  }

  async #write(
    share: Share,
    name: string,
    segment: SpooledSegment,
    at: Position,
    insist: boolean,
  ): Promise<SpoolEntry | null> {
    let bytes = 0;
    const encode = (): Buffer => {
      const file = encodeSpoolFile(segment);
      bytes = countedBytes(file.length);
      this.#count(share, bytes);
      share.writing++;
      this.#makeRoom();
      return file;
    };
    const taken = await this.#disk.write(name, encode, insist);
    if (bytes > 0) share.writing--;
    if (!taken) {
      this.#count(share, -bytes);
      return null;
    }
    // Files written at the same time make room for each other only once they are there.
    if (this.#bytes > this.#limits.spoolBytes) setImmediate(() => this.#makeRoom());
    return { epoch: at.epoch, sequence: at.sequence, name, bytes };
  }

  #makeRoom(): void {
    const given = new Set<Share>();
    while (this.#bytes > this.#limits.spoolBytes) {
      const largest = [...this.#shares]
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
    if (share.bytes > 0) this.#shares.add(share);
    else this.#shares.delete(share);
  }
}

const countedBytes = (size: number): number => Math.max(size, spoolFileBytes);
