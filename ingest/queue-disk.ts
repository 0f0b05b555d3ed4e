import { Backoff } from "./backoff.ts";
import type { PublishQueue, QueuedSegment } from "./publish-queue.ts";
import { DiskBusyError } from "./spool-disk.ts";
import type { SpooledSegment } from "./spool-file.ts";
import type { SpoolEntry, SpoolShare } from "./spool.ts";

interface DiskLimits {
  readonly queueSegments: number;
  readonly queueBytes: number;
  readonly queueHeldBytes: number;
  readonly spoolDelayMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

/** Which segments of a queue are on disk, which in memory alone, and whose bodies are in memory as well. */
export class QueueDisk {
  readonly #share: SpoolShare | null;
  readonly #limits: DiskLimits;
  /** In memory alone, oldest first. */
  readonly #unspooled = new Set<QueuedSegment>();
  #unspooledBytes = 0;
  /** On disk, and their bodies in memory. */
  readonly #held = new Set<QueuedSegment>();
  #heldBytes = 0;
  /** One that storage is given a moment to take before it is written. */
  #deferred: { readonly item: QueuedSegment; readonly timer: NodeJS.Timeout } | null = null;
  /** One that was refused before and is being written. */
  #offered: QueuedSegment | null = null;
  readonly #reading: Backoff;
  /** File operations under way. */
  readonly #pending = new Set<Promise<unknown>>();

  constructor(share: SpoolShare | null, limits: DiskLimits) {
    this.#share = share;
    this.#limits = limits;
    this.#reading = new Backoff(limits);
  }

  /** More is in memory alone than may be. */
  get overflows(): boolean {
    const { queueSegments, queueBytes } = this.#limits;
    return this.#unspooled.size > queueSegments || this.#unspooledBytes > queueBytes;
  }

  adopt(entries: readonly SpoolEntry[]): void {
    this.#share?.adopt(entries);
  }

  /** `defer`: storage is likely to take it in a moment, and only when it does not the segment is written. */
  add(item: QueuedSegment, defer = false): void {
    this.#unspooled.add(item);
    this.#unspooledBytes += item.bytes;
    this.hurry();
    if (!defer) this.#write(item);
    else if (this.#share) {
      const timer = setTimeout(() => this.hurry(), this.#limits.spoolDelayMs);
      this.#deferred = { item, timer };
    }
  }

  /** Writes at once what waits to be written. */
  hurry(): void {
    const item = this.#undefer();
    if (item) this.#write(item);
  }

  #undefer(): QueuedSegment | undefined {
    const deferred = this.#deferred;
    if (!deferred) return undefined;
    this.#deferred = null;
    clearTimeout(deferred.timer);
    return deferred.item;
  }

  /** The oldest that has a file; null when that is the newest of all. What is being written has none yet. */
  oldest(queue: PublishQueue): QueuedSegment | null {
    const newest = queue.live.at(-1) ?? queue.backlog.at(-1);
    for (const item of queue.all()) {
      if (item.entry !== null) return item === newest ? null : item;
    }
    return null;
  }

  /** The oldest that is in memory alone; null when that is the newest of all. */
  oldestInMemory(queue: PublishQueue): QueuedSegment | null {
    const [oldest] = this.#unspooled;
    return oldest === undefined || queue.length < 2 ? null : oldest;
  }

  /** Before this a segment cannot be had: its body is in its file alone, and the disk did not answer. */
  readAtMs({ content }: QueuedSegment): number {
    return content === null ? this.#reading.retryAtMs : Number.NEGATIVE_INFINITY;
  }

  /**
   * Reads the file of one that has its body nowhere else. Null when the disk does not answer: `readAtMs` says when to
   * ask again. Rejects when it cannot be read.
   */
  async read({ entry }: QueuedSegment): Promise<SpooledSegment | null> {
    if (!entry || !this.#share) throw new Error("the segment has no file");
    try {
      const content = await this.#share.read(entry);
      this.#reading.succeed();
      return content;
    } catch (error) {
      if (!(error instanceof DiskBusyError)) throw error;
      this.#reading.fail(performance.now());
      return null;
    }
  }

  /** The file could not be read. It stays when another process may be able to. */
  discard(item: QueuedSegment, error: unknown): void {
    const { entry } = item;
    this.#forget(item);
    if (entry && this.#share) this.#track(this.#share.discard(entry, error));
  }

  /** Asks the disk once more for the oldest that it refused; one at a time, and the spool says whether it is asked. */
  offerAgain(): void {
    if (this.#offered) return;
    for (const item of this.#unspooled) {
      if (item.writing !== null || item === this.#deferred?.item) continue;
      this.#offered = item;
      return this.#write(item);
    }
  }

  /** The segment needs no file any more: it is stored, or given up. */
  release(item: QueuedSegment): void {
    const { entry } = item;
    this.#forget(item);
    if (entry && this.#share) this.#track(this.#share.remove(entry));
  }

  #forget(item: QueuedSegment): void {
    if (this.#deferred?.item === item) this.#undefer();
    if (this.#unspooled.delete(item)) this.#unspooledBytes -= item.bytes;
    if (this.#held.delete(item)) this.#heldBytes -= item.bytes;
    item.content = null;
    item.entry = null;
  }

  /** Resolves when the disk has been asked for everything that is in memory alone, and files are as they should be. */
  async settle(): Promise<void> {
    this.#undefer();
    for (const item of this.#unspooled) if (item.writing === null) this.#write(item, true);
    // A file that was still being written when its segment was stored is removed afterwards.
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #write(item: QueuedSegment, insist = false): void {
    if (!this.#share || item.content === null) return;
    const writing = this.#share.write(item.content, item.at, insist).then((entry) => {
      item.writing = null;
      if (this.#offered === item) this.#offered = null;
      if (entry === null) return;
      this.#written(item, entry);
      // The disk takes files: now also those that it refused before.
      this.offerAgain();
    });
    item.writing = writing;
    this.#track(writing);
  }

  #written(item: QueuedSegment, entry: SpoolEntry): void {
    if (!this.#unspooled.delete(item)) {
      if (this.#share) this.#track(this.#share.remove(entry));
      return;
    }
    this.#unspooledBytes -= item.bytes;
    item.entry = entry;
    if (this.#heldBytes + item.bytes > this.#limits.queueHeldBytes) item.content = null;
    else {
      this.#held.add(item);
      this.#heldBytes += item.bytes;
    }
  }

  #track(work: Promise<unknown>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }
}
