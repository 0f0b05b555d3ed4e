import type { StoredFile } from "../shared/edge-station.ts";
import type { SegmentRef } from "../shared/segment.ts";
import { fileIndexKey, fileIndexSchema, fileSegments } from "../shared/stored-file.ts";
import { isolateAsked } from "./isolate-counts.ts";
import { fileIndexesKept, fileIndexRetryMs, segmentReadTimeoutMs } from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";

/** The segments of a stored file; null when storage does not have it, undefined when it cannot say. */
export type FileSegments = readonly SegmentRef[] | null | undefined;

/** A read of one file's index: under way, or what came of it. */
interface IndexRead {
  readonly done: Promise<FileSegments>;
  /** When it began, while it is under way; then when it ended. */
  sinceMs: number;
  outcome: { readonly segments: FileSegments } | null;
}

/**
 * What the stored files consist of: each index is read once in this isolate, whoever wants it, and kept until
 * `fileIndexesKept` others have been wanted since. One that could not be had is asked for again after `fileIndexRetryMs`.
 */
export class FileIndexes {
  readonly #reads = new Map<string, IndexRead>();

  /**
   * Answers within `segmentReadTimeoutMs`. The read belongs to the request of whoever began it and may end with it; the
   * others begin another when it is overdue.
   */
  async segments({ id, title }: StoredFile, host: Host): Promise<FileSegments> {
    const read = this.#reads.get(id);
    if (read?.outcome) {
      // A file's content never changes.
      if (read.outcome.segments || msSince(read.sinceMs) < fileIndexRetryMs) {
        this.#keep(id, read);
        return read.outcome.segments;
      }
    } else if (read) {
      const leftMs = segmentReadTimeoutMs - msSince(read.sinceMs);
      if (leftMs > 0) return settledWithin(read.done, leftMs);
    }
    const fresh: IndexRead = { done: readIndex({ id, title }, host), sinceMs: Date.now(), outcome: null };
    this.#keep(id, fresh);
    host.keepAlive(
      fresh.done.then((segments) => {
        fresh.outcome = { segments };
        fresh.sinceMs = Date.now();
        // Another may have been begun meanwhile, for this one was slow.
        if (segments) this.#keep(id, fresh);
      }),
    );
    return settledWithin(fresh.done, segmentReadTimeoutMs);
  }

  /** The one wanted last comes last. */
  #keep(id: string, read: IndexRead): void {
    this.#reads.delete(id);
    this.#reads.set(id, read);
    for (const oldest of this.#reads.keys()) {
      if (this.#reads.size <= fileIndexesKept) break;
      this.#reads.delete(oldest);
    }
  }
}

async function readIndex({ id, title }: StoredFile, { env }: Host): Promise<FileSegments> {
  isolateAsked.bucketReads++;
  try {
    const object = await env.SEGMENTS.get(fileIndexKey(id));
    if (object) return fileSegments(fileIndexSchema.parse(await object.json()));
    console.warn("stored file is missing", title);
    return null;
  } catch (error) {
    console.warn("stored file cannot be read", title, String(error));
    return undefined;
  }
}

/** This isolate's. */
export const fileIndexes = new FileIndexes();
