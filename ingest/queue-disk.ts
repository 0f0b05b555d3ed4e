import type { PublishQueue, QueuedSegment } from "./publish-queue.ts";
import type { SpooledSegment } from "./spool-file.ts";
import type { SpoolEntry, SpoolShare } from "./spool.ts";

interface DiskLimits {
  readonly queueSegments: number;
  readonly queueBytes: number;
  readonly queueHeldBytes: number;
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
  /** File operations under way. */
  readonly #pending = new Set<Promise<unknown>>();

  constructor(share: SpoolShare | null, limits: DiskLimits) {
    this.#share = share;
    this.#limits = limits;
  }

  /** More is in memory alone than may be. */
  get overflows(): boolean {
    const { queueSegments, queueBytes } = this.#limits;
    return this.#unspooled.size > queueSegments || this.#unspooledBytes > queueBytes;
  }

  adopt(entries: readonly SpoolEntry[]): void {
    this.#share?.adopt(entries);
  }

  add(item: QueuedSegment): void {
    this.#unspooled.add(item);
    this.#unspooledBytes += item.bytes;
    this.#write(item);
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

  /** Reads the file of one that has its body nowhere else. Rejects when it cannot be read. */
  read({ entry }: QueuedSegment): Promise<SpooledSegment> {
    if (!entry || !this.#share) return Promise.reject(new Error("the segment has no file"));
    return this.#share.read(entry);
  }

  /** The file could not be read. It stays when another process may be able to. */
  async discard(item: QueuedSegment, error: unknown): Promise<void> {
    const { entry } = item;
    this.#forget(item);
    if (entry) await this.#share?.discard(entry, error);
  }

  /** The segment needs no file any more: it is stored, or given up. */
  release(item: QueuedSegment): void {
    const { entry } = item;
    this.#forget(item);
    if (entry && this.#share) this.#track(this.#share.remove(entry));
  }

  #forget(item: QueuedSegment): void {
    if (this.#unspooled.delete(item)) this.#unspooledBytes -= item.bytes;
    if (this.#held.delete(item)) this.#heldBytes -= item.bytes;
    item.content = null;
    item.entry = null;
  }

  /** Resolves when the disk has been asked for everything that is in memory alone, and files are as they should be. */
  async settle(): Promise<void> {
    for (const item of this.#unspooled) if (item.writing === null) this.#write(item, true);
    await Promise.all(this.#pending);
  }

  #write(item: QueuedSegment, insist = false): void {
    if (!this.#share || item.content === null) return;
    const writing = this.#share.write(item.content, item.at, insist).then((entry) => {
      item.writing = null;
      if (entry) this.#written(item, entry);
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
    // The disk takes files: now also those that it refused before, one at a time.
    for (const other of this.#unspooled) {
      if (other.writing !== null) continue;
      this.#write(other);
      break;
    }
  }

  #track(work: Promise<unknown>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }
}
