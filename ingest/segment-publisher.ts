import { setTimeout as sleep } from "node:timers/promises";
import type { Announcement } from "../shared/edge-api.ts";
import { encodeSegmentMetadata, segmentKey } from "../shared/object-format.ts";
import type { Segment, SegmentRef } from "../shared/segment.ts";
import type { MountPath } from "../shared/units.ts";
import type { HoldResult } from "./edge-client.ts";
import { putTimeoutMs, queueBytes, queueSegments, retryFirstMs, retryMaxMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";

/** A segment as it is stored. Metadata names come without any prefix, values are ASCII. */
export interface SegmentObject {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where segments are kept. */
export interface SegmentStore {
  /**
   * Stores an object unless the key is taken ("exists"), and resolves when it can be read by anyone. A rejection means
   * that it may or may not be there: putting it again is safe.
   */
  put(key: string, object: SegmentObject, signal: AbortSignal): Promise<"stored" | "exists">;
}

/** Whom segments are announced to. */
interface Announcer {
  /** Safe to repeat. A rejection means that the announcement may or may not have been heard. */
  announce(announcement: Announcement, signal: AbortSignal): Promise<HoldResult>;
}

/** The source that a segment comes from, as far as its publication concerns it. */
export interface Publication {
  /** The mount knows of the segment. */
  announced(): void;
  /** A newer epoch has the mount: the source has to go. May come more than once. */
  fenced(): void;
}

export interface PublisherOptions {
  readonly mount: MountPath;
  readonly extension: string;
  readonly contentType: string;
  readonly store: SegmentStore;
  readonly announcer: Announcer;
  readonly log: Log;
  readonly limits?: Partial<PublisherLimits>;
}

export interface PublisherLimits {
  readonly queueSegments: number;
  readonly queueBytes: number;
  readonly putTimeoutMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

const defaultLimits: PublisherLimits = {
  queueSegments,
  queueBytes,
  putTimeoutMs,
  retryFirstMs,
  retryMaxMs,
};

interface Item {
  readonly segment: Segment;
  readonly publication: Publication;
  /** Aborted when the item is dropped or the process ends. */
  readonly abort: AbortController;
}

/**
 * Publishes the segments of one mount strictly in order: put, then announce, one at a time, each tried until it
 * succeeds. What waits is bounded; when storage stays away for longer the oldest segments are dropped and counted.
 * Segments of an epoch that was fenced are still stored, for the archive, but not announced.
 */
export class SegmentPublisher {
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  readonly #queue: Item[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  #running: Promise<void> | null = null;
  #failing: "storage" | "edge" | null = null;
  #fencedEpoch = 0;
  #stopped = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  /** Segments that are not announced yet, the one in work included. */
  get queued(): { readonly segments: number; readonly bytes: number } {
    return { segments: this.#queue.length, bytes: this.#queuedBytes };
  }

  /** Segments lost to a full queue so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What the last attempt failed at; null while all goes well. */
  get failing(): "storage" | "edge" | null {
    return this.#failing;
  }

  push(segment: Segment, publication: Publication): void {
    if (this.#stopped) return;
    this.#queue.push({ segment, publication, abort: new AbortController() });
    this.#queuedBytes += segment.bytes;
    this.#dropOverflow();
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits any more, or after `patienceMs`. */
  async drained(patienceMs: number): Promise<void> {
    const patience = new AbortController();
    const timeout = sleep(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([this.#running, timeout]);
    patience.abort();
  }

  /** Gives up what waits; the number of segments lost by it. */
  stop(): number {
    this.#stopped = true;
    const lost = this.#queue.length;
    for (const { abort } of this.#queue) abort.abort();
    return lost;
  }

  async #run(): Promise<void> {
    for (let item = this.#queue[0]; item; item = this.#queue[0]) {
      await this.#publish(item);
      // Dropping may have taken it off already.
      if (this.#queue[0] === item) this.#takeOldest();
    }
    // In the same turn as the last look at the queue: a segment pushed later starts a run of its own.
    this.#running = null;
  }

  async #publish({ segment, publication, abort: { signal } }: Item): Promise<void> {
    const { mount, store, announcer, extension, contentType } = this.#options;
    const { body, reservoir: _, ...ref } = segment;
    const object = { body, contentType, metadata: encodeSegmentMetadata(segment) };
    const key = segmentKey(mount, segment, extension);
    // "exists" is our own earlier attempt whose answer was lost: nobody else writes under this epoch.
    const put = () =>
      store.put(key, object, AbortSignal.any([signal, AbortSignal.timeout(this.#limits.putTimeoutMs)]));
    if ((await this.#persist("storage", ref, signal, put)) === undefined) return;
    if (segment.epoch <= this.#fencedEpoch) return;
    const announce = () => announcer.announce({ mount, segment: ref }, signal);
    const result = await this.#persist("edge", ref, signal, announce);
    if (result === "ok") publication.announced();
    if (result === "refused")
      this.#options.log.error(positionOf(ref), "the edge cannot read an announcement");
    if (result === "fenced") {
      this.#fencedEpoch = segment.epoch;
      publication.fenced();
    }
  }

  /** Tries until it succeeds; undefined when the item was given up. */
  async #persist<T>(
    what: "storage" | "edge",
    ref: SegmentRef,
    signal: AbortSignal,
    attempt: () => Promise<T>,
  ): Promise<T | undefined> {
    const { log } = this.#options;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const result = await attempt();
        if (this.#failing === what) {
          this.#failing = null;
          log.info({ what, failures, ...positionOf(ref) }, "publishing again");
        }
        return result;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#failing = what;
        const delayMs = this.#retryDelayMs(failures);
        if (failures % 10 === 0) {
          const fields = { what, reason: reasonOf(error), waiting: this.#queue.length, ...positionOf(ref) };
          log.warn(fields, failures === 0 ? "cannot publish, trying again" : "still cannot publish");
        }
        await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  #retryDelayMs(failures: number): number {
    const { retryFirstMs: first, retryMaxMs: max } = this.#limits;
    return Math.min(max, first * 2 ** Math.min(failures, 20)) * (0.5 + Math.random() / 2);
  }

  #dropOverflow(): void {
    let dropped = 0;
    while (
      this.#queue.length > 1 &&
      (this.#queue.length > this.#limits.queueSegments || this.#queuedBytes > this.#limits.queueBytes)
    ) {
      this.#takeOldest()?.abort.abort();
      dropped++;
    }
    if (dropped === 0) return;
    this.#dropped += dropped;
    this.#options.log.error(
      { dropped, droppedInAll: this.#dropped, ...this.queued },
      "too many segments wait for storage, the oldest are lost",
    );
  }

  #takeOldest(): Item | undefined {
    const item = this.#queue.shift();
    if (item) this.#queuedBytes -= item.segment.bytes;
    return item;
  }
}

const positionOf = ({ epoch, sequence }: SegmentRef) => ({ epoch, sequence });
