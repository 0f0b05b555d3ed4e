import type { Frame } from "../../shared/codec/codec.ts";
import { type Log, reasonOf } from "../log.ts";
import { codeOf, type DumpDisk, type DumpFile } from "./dump-disk.ts";
import { type DumpPath, numbered, pathOf } from "../../shared/dump-path.ts";
import { type DumpPiece, DumpQueue, type DumpRotation, endOfSpan } from "./dump-queue.ts";
import { dumpBufferBytes, dumpNames, dumpRetryMs, dumpSyncMs, dumpWriteMs } from "./limits.ts";

export interface DumpWriterOptions {
  readonly rotation: DumpRotation;
  /** Where the file goes whose first frame came then. */
  readonly path: (startMs: number) => DumpPath;
  readonly disk: DumpDisk;
  /** Takes its turn among all that want something of the disk. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Paths of all dumps that are being written. */
  readonly held: Set<string>;
  readonly log: Pick<Log, "info" | "warn">;
  readonly limits?: Partial<typeof usualLimits>;
}

const usualLimits = {
  room: dumpBufferBytes,
  writeMs: dumpWriteMs,
  syncMs: dumpSyncMs,
  retryMs: dumpRetryMs,
};

/** The file that is being written. */
interface Written {
  readonly file: number;
  readonly path: DumpPath;
  /** Whole frames in it. What is after them is part of a write that failed. */
  bytes: number;
}

/**
 * The dump of one source: the frames that it is given, as they are, in one file or in several. Nobody waits for it: what the disk does
 * not take in time is left out, counted and logged.
 */
export class DumpWriter {
  readonly #options: DumpWriterOptions;
  readonly #limits: typeof usualLimits;
  readonly #queue: DumpQueue;
  readonly closed: Promise<void>;
  #written: Written | null = null;
  #handle: DumpFile | null = null;
  #syncedMs = 0;
  #isSynced = true;
  #isFailing = false;
  #loggedFrames = 0;
  #isLosing = false;
  #isEnded = false;
  #wake = Promise.withResolvers<void>();

  /** Begins when `before` has settled: with the end of the dump that has the same file. */
  constructor(options: DumpWriterOptions, before: Promise<unknown> = Promise.resolve()) {
    this.#options = options;
    this.#limits = { ...usualLimits, ...options.limits };
    this.#queue = new DumpQueue(options.rotation, this.#limits.room);
    this.closed = this.#run(before);
  }

  /** The bytes may be used again after the call. */
  push(frames: readonly Pick<Frame, "bytes">[], nowMs: number): void {
    if (this.#isEnded) return;
    const { frames: lostBefore } = this.#queue.lost;
    const wasEmpty = this.#queue.isEmpty;
    this.#queue.push(frames, nowMs);
    if (this.#queue.lost.frames > lostBefore && !this.#isLosing) {
      this.#isLosing = true;
      this.#options.log.warn("the disk is too slow for the dump: frames are left out of it");
    }
    if (wasEmpty) this.#wake.resolve();
  }

  /** Nothing follows. Resolves when what came is written and the file is closed, or cannot be; never while the disk hangs. */
  end(): Promise<void> {
    this.#isEnded = true;
    this.#wake.resolve();
    return this.closed;
  }

  async #run(before: Promise<unknown>): Promise<void> {
    await before;
    for (;;) {
      const piece = this.#queue.take();
      if (piece) {
        await this.#write(piece);
        this.#queue.done();
        this.#reportLoss();
        await this.#syncIfDue();
        if (!this.#isEnded) await this.#pause(this.#limits.writeMs);
      } else if (this.#isEnded) break;
      else await this.#idle();
    }
    await this.#close();
  }

  /** Until something comes; what is written is synced meanwhile. */
  async #idle(): Promise<void> {
    if (!this.#isSynced) {
      const leftMs = this.#syncedMs + this.#limits.syncMs - performance.now();
      if (leftMs > 0) return this.#waitForWork(leftMs);
      return this.#syncIfDue();
    }
    return this.#waitForWork(null);
  }

  async #waitForWork(ms: number | null): Promise<void> {
    if (!this.#queue.isEmpty || this.#isEnded) return;
    this.#wake = Promise.withResolvers<void>();
    const timer = ms === null ? undefined : setTimeout(this.#wake.resolve, ms).unref();
    await this.#wake.promise;
    clearTimeout(timer);
  }

  /** For so long, but not past the end. */
  async #pause(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0 && !this.#isEnded; leftMs = untilMs - performance.now()) {
      this.#wake = Promise.withResolvers<void>();
      const timer = setTimeout(this.#wake.resolve, leftMs).unref();
      await this.#wake.promise;
      clearTimeout(timer);
    }
  }

  async #write(piece: DumpPiece): Promise<void> {
    for (;;) {
      try {
        await this.#append(piece);
        if (this.#isFailing) this.#options.log.info({ path: this.#shownPath }, "the dump is written again");
        this.#isFailing = false;
        return;
      } catch (error) {
        const reason = reasonOf(error);
        if (!this.#isFailing) {
          this.#options.log.warn(
            { path: this.#shownPath, reason },
            "the dump cannot be written, it is tried again",
          );
        }
        this.#isFailing = true;
        await this.#drop();
        if (this.#isEnded) {
          const bytes = piece.bytes.length;
          this.#options.log.warn({ reason, bytes }, "the end of a dump is lost");
          return;
        }
        await this.#pause(this.#limits.retryMs);
      }
    }
  }

  async #append(piece: DumpPiece): Promise<void> {
    const { inTurn } = this.#options;
    if (this.#written?.file !== piece.file) {
      await this.#close();
      await inTurn(() => this.#begin(piece));
    }
    const handle = this.#handle ?? (await inTurn(() => this.#reopen()));
    const written = this.#written;
    if (!written) return;
    await inTurn(() => handle.write(piece.bytes));
    written.bytes += piece.bytes.length;
    this.#isSynced = false;
  }

  /** Of the names for the file the first that is to be had; one that a dump ended in goes on. */
  async #begin({ file, startMs }: DumpPiece): Promise<void> {
    const { path: pathAt, rotation, held, disk } = this.#options;
    const path = pathAt(startMs);
    const rotates = rotation.bytes > 0 || rotation.ms > 0;
    const isHeld = (number: number): boolean => held.has(pathOf(numbered(path, number)));
    let number = 1;
    let fresh = rotates;
    if (rotates) {
      // The last of those that are there: the files' names are in the order of what they have.
      let last = null;
      for (; number <= dumpNames; number++) {
        const found = await disk.look(numbered(path, number));
        if (!found && !isHeld(number)) break;
        last = found;
      }
      const isOpen =
        last !== null &&
        file === 0 &&
        (rotation.bytes === 0 || last.bytes < rotation.bytes) &&
        endOfSpan(last.writtenMs, rotation) === endOfSpan(startMs, rotation);
      if (isOpen && !isHeld(number - 1)) {
        fresh = false;
        number--;
      }
    } else while (isHeld(number)) number++;
    for (; number <= dumpNames; number++) {
      if (isHeld(number)) continue;
      const chosen = numbered(path, number);
      try {
        await this.#open({ file, path: chosen }, fresh);
        return;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
    throw new Error(`there are too many files named as ${pathOf(path)}`);
  }

  async #open({ file, path }: Pick<Written, "file" | "path">, fresh: boolean): Promise<void> {
    const { disk, held, log } = this.#options;
    const name = pathOf(path);
    held.add(name);
    try {
      this.#handle = await disk.open(path, fresh);
    } catch (error) {
      held.delete(name);
      throw error;
    }
    const bytes = this.#handle.bytes ?? 0;
    this.#written = { file, path, bytes };
    this.#queue.found(file, bytes);
    this.#syncedMs = performance.now();
    log.info({ path: name, bytes }, bytes > 0 ? "dump goes on in a file" : "dump begins a file");
  }

  /** After a failure: what it left of a frame goes. */
  async #reopen(): Promise<DumpFile> {
    if (!this.#written) throw new Error("no file was begun");
    const handle = await this.#options.disk.open(this.#written.path, false);
    if (handle.bytes !== null && handle.bytes > this.#written.bytes) await handle.cut(this.#written.bytes);
    this.#written.bytes = Math.min(this.#written.bytes, handle.bytes ?? 0);
    this.#handle = handle;
    return handle;
  }

  async #syncIfDue(): Promise<void> {
    const now = performance.now();
    if (this.#isSynced || !this.#handle || now - this.#syncedMs < this.#limits.syncMs) return;
    this.#syncedMs = now;
    this.#isSynced = true;
    await this.#sync(this.#handle);
  }

  async #sync(handle: DumpFile): Promise<void> {
    try {
      await this.#options.inTurn(() => handle.sync());
    } catch (error) {
      this.#options.log.warn(
        { path: this.#shownPath, reason: reasonOf(error) },
        "a dump could not be brought to the disk",
      );
    }
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    if (handle && !this.#isSynced) await this.#sync(handle);
    await this.#drop();
    if (this.#written) this.#options.held.delete(pathOf(this.#written.path));
    this.#written = null;
    this.#isSynced = true;
    this.#reportLoss();
  }

  async #drop(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    if (!handle) return;
    // What is in the file is there, whatever closing it says.
    await this.#options.inTurn(() => handle.close()).catch(() => undefined);
  }

  #reportLoss(): void {
    const { frames, bytes } = this.#queue.lost;
    if (!this.#isLosing) return;
    this.#isLosing = false;
    this.#options.log.warn(
      { path: this.#shownPath, frames: frames - this.#loggedFrames, bytesInAll: bytes },
      "frames are missing in the dump",
    );
    this.#loggedFrames = frames;
  }

  get #shownPath(): string | undefined {
    return this.#written ? pathOf(this.#written.path) : undefined;
  }
}
