import type { MountPath } from "../../shared/units.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";
import type { ArchivePage } from "./archive-object.ts";
import {
  archiveReadTimeoutMs,
  cachedPages,
  lostAfterMs,
  openPageAgeMs,
  pageMs,
  recentPageAgeMs,
  settledPageAgeMs,
} from "./limits.ts";

/** A page of the index: under way, or as it came. */
interface PageRead {
  readonly done: Promise<ArchivePage>;
  readonly sinceMs: number;
  outcome: ArchivePage | null;
}

/**
 * Pages of five minutes of all mounts' archives in this isolate. Each is asked for once, whoever wants it, and again when it may
 * have changed. Least recently used go first.
 */
export class IndexPages {
  readonly #reads = new Map<string, PageRead>();

  /** `number`: the page from `number * pageMs` on. `fresh`: it has turned out to be old. Throws when the archive cannot be asked. */
  async page(mount: MountPath, number: number, host: Host, fresh = false): Promise<ArchivePage> {
    const key = `${mount} ${number}`;
    const read = fresh ? undefined : this.#reads.get(key);
    if (read?.outcome && msSince(read.sinceMs) < ageOf(read.outcome, number)) {
      this.#keep(key, read);
      return read.outcome;
    }
    if (read && !read.outcome) {
      const leftMs = archiveReadTimeoutMs - msSince(read.sinceMs);
      const page = leftMs > 0 ? await settledWithin(read.done, leftMs) : undefined;
      // Its request may have ended, and with it the answer.
      if (page) return page;
    }
    return this.#read(mount, number, host, key);
  }

  async #read(mount: MountPath, number: number, host: Host, key: string): Promise<ArchivePage> {
    const archive = host.env.ARCHIVE.getByName(mount);
    const asked: Promise<ArchivePage> = archive.page(mount, number * pageMs, (number + 1) * pageMs);
    // Kept by the work itself: the listener who asked may go, and all who wait for the answer would wait in vain.
    const done = asked.then((page) => (read.outcome = page));
    const read: PageRead = { done, sinceMs: Date.now(), outcome: null };
    this.#keep(key, read);
    host.keepAlive(done.catch(() => undefined));
    try {
      const page = await settledWithin(done, archiveReadTimeoutMs);
      if (!page) throw new Error(`the archive of ${mount} does not answer`);
      return page;
    } catch (error) {
      if (this.#reads.get(key) === read) this.#reads.delete(key);
      throw error;
    }
  }

  #keep(key: string, read: PageRead): void {
    this.#reads.delete(key);
    this.#reads.set(key, read);
    for (const oldest of this.#reads.keys()) {
      if (this.#reads.size <= cachedPages) break;
      this.#reads.delete(oldest);
    }
  }
}

function ageOf({ isSettled }: ArchivePage, number: number): number {
  if (isSettled) return settledPageAgeMs;
  return Date.now() - (number + 1) * pageMs > lostAfterMs ? recentPageAgeMs : openPageAgeMs;
}
