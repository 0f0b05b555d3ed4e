import { setTimeout as sleep } from "node:timers/promises";
import type { Announcement, HoldReply } from "../shared/edge-api.ts";
import { encodeSegmentMetadata, segmentKey } from "../shared/object-format.ts";
import type { Position, Segment, SegmentRef } from "../shared/segment.ts";
import { type MountPath, sampleCount } from "../shared/units.ts";
import { Backoff } from "./backoff.ts";
import type { HoldResult } from "./edge-client.ts";
import { spoolRetryMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import { giveUp, PublishQueue, type QueuedSegment } from "./publish-queue.ts";
import { defaultLimits, type PublisherLimits } from "./publisher-limits.ts";
import { QueueDisk } from "./queue-disk.ts";
import type { Spool, SpoolEntry } from "./spool.ts";
import { refOf, type SpooledSegment } from "./spool-file.ts";

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
   * that it may or may not be there: putting it again is safe. `retryAfterMs` of the error: the wait that was asked for.
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
  /** The newest order of the mount's that was carried out; undefined when there was none. */
  readonly ordersDone?: number | undefined;
  /** The mount knows of the segment, and says this. */
  announced(reply: HoldReply): void;
  /** A newer epoch has the mount, or the source was sent away: it has to go. May come more than once. */
  fenced(reason: string): void;
}

export interface PublisherOptions {
  readonly mount: MountPath;
  readonly extension: string;
  readonly contentType: string;
  readonly store: SegmentStore;
  readonly announcer: Announcer;
  /** Without one, what waits is kept in memory alone. */
  readonly spool?: Spool;
  readonly log: Log;
  readonly limits?: Partial<PublisherLimits>;
}

/** What becomes of segments that are not published when the process ends. */
export interface Leftovers {
  /** On disk, for the next start. */
  readonly spooled: number;
  readonly lost: number;
}

/**
 * Publishes the segments of one mount: each is put and announced, one at a time and in order, each tried until it
 * succeeds. What storage does not take at once is in the spool until it does. When storage or edge were away for so long that what waits is of no
 * use to listeners, its newest end goes first and the rest is only stored, in order, whenever nothing live waits.
 * What waits is bounded; beyond that the oldest segments are dropped and counted. Segments of an epoch that was fenced
 * are still stored, for the archive, but not announced.
 */
export class SegmentPublisher {
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  readonly #queue: PublishQueue;
  readonly #disk: QueueDisk;
  readonly #storage: Backoff;
  readonly #edge: Backoff;
  readonly #stopped = new AbortController();
  /** Of those who wait for live to be published. */
  #liveDone = Promise.withResolvers<void>();
  #running: Promise<void> | null = null;
  #dropped = 0;
  /** Live was late, and has not been heard again since. */
  #late = false;
  /** The segment that was announced last. */
  #announced: Position | null = null;
  #fencedEpoch = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#queue = new PublishQueue(this.#limits);
    this.#storage = new Backoff(this.#limits);
    this.#edge = new Backoff(this.#limits);
    const share = options.spool?.share(options.mount, () => this.#drop(this.#disk.oldest(this.#queue)));
    this.#disk = new QueueDisk(share ?? null, this.#limits);
  }

  /** Segments that are not published yet, the one in work included. */
  get queued(): { readonly segments: number; readonly bytes: number } {
    return { segments: this.#queue.length, bytes: this.#queue.bytes };
  }

  /** Of those queued: segments that are only to be stored, behind live. */
  get backlog(): number {
    return this.#queue.backlog.length;
  }

  /** Segments lost so far because too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What the last attempts failed at; null while all goes well. */
  get failing(): "storage" | "edge" | null {
    if (this.#storage.failures > 0) return "storage";
    return this.#edge.failures > 0 ? "edge" : null;
  }

  push(segment: Segment, publication: Publication): void {
    if (this.#stopped.signal.aborted) return;
    const { mount, extension, contentType } = this.#options;
    const key = segmentKey(mount, segment, extension);
    const object = { body: segment.body, contentType, metadata: encodeSegmentMetadata(segment) };
    const isAlone = this.#queue.length === 0;
    const item = this.#queue.push(segment, { key, object }, publication, performance.now());
    // A disk that failed is asked again, or nobody would know that it is well.
    const diskIsWell = this.#options.spool?.state.disk !== "failing";
    this.#disk.add(item, isAlone && this.failing === null && diskIsWell);
    this.#dropOverflow();
    this.#running ??= this.#run();
  }

  /** Takes what an earlier process left in the spool, in order of play; before the first `push`. */
  restore(entries: readonly SpoolEntry[]): void {
    for (const entry of entries) this.#queue.restore(entry);
    this.#disk.adopt(entries);
    this.#running ??= this.#run();
  }

  /** Resolves when everything live is published, or after `patienceMs`. */
  drained(patienceMs: number): Promise<void> {
    if (this.#queue.live.length === 0) return Promise.resolve();
    return atMost(patienceMs, Promise.race([this.#liveDone.promise, this.#running]));
  }

  /** Resolves when nothing waits any more, or after `patienceMs`. */
  finished(patienceMs: number): Promise<void> {
    return atMost(patienceMs, this.#running ?? Promise.resolve());
  }

  /** Gives up what waits, once the disk has it. Resolves within `spoolWaitMs`. */
  async stop(): Promise<Leftovers> {
    this.#stopped.abort();
    for (const item of this.#queue.all()) giveUp(item);
    const waiting = [...this.#queue.all()].filter(({ stored }) => stored === null);
    await atMost(this.#limits.spoolWaitMs, this.#disk.settle());
    const spooled = waiting.filter(({ entry }) => entry !== null).length;
    return { spooled, lost: waiting.length - spooled };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#resumeLive();
      if (this.#queue.live.length === 0) {
        this.#liveDone.resolve();
        this.#liveDone = Promise.withResolvers();
      }
      if (this.#queue.length === 0) break;
      this.#disk.offerAgain();
      const now = performance.now();
      // Live first; while it waits for the edge to answer again, storage need not be idle.
      const first = [this.#queue.live[0], this.#firstOfBacklog(now)].filter((item) => item !== undefined);
      const item = first.find((each) => this.#retryAtMs(each) <= now);
      if (item) await (item.stored ? this.#announce(item) : this.#put(item));
      else {
        const untilMs = Math.min(...first.map((each) => this.#retryAtMs(each)));
        const waitMs = Math.min(Math.max(1, untilMs - now), spoolRetryMs);
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
    // In the same turn as the last look at the queue: a segment pushed later starts a run of its own.
    this.#running = null;
  }

  #retryAtMs(item: QueuedSegment): number {
    if (item.stored) return this.#edge.retryAtMs;
    return Math.max(this.#storage.retryAtMs, this.#disk.readAtMs(item));
  }

  /** While the disk does not answer, what is in memory need not wait for what is not. */
  #firstOfBacklog(now: number): QueuedSegment | undefined {
    const { backlog } = this.#queue;
    const [first] = backlog;
    if (!first || this.#disk.readAtMs(first) <= now) return first;
    return backlog.find(({ content }) => content !== null) ?? first;
  }

  async #put(item: QueuedSegment): Promise<void> {
    const limits = this.#limits;
    if (item.entry === null && item.writing) await atMost(limits.spoolWaitMs, item.writing);
    if (item.givenUp) return;
    const content = item.content ?? (await this.#read(item));
    if (content === null || item.givenUp) return;
    try {
      const { key, object } = content;
      // "exists" is our own earlier attempt whose answer was lost: nobody else writes under this epoch.
      await attempt(item, (signal) => this.#options.store.put(key, object, signal), limits.putTimeoutMs);
    } catch (error) {
      if (item.givenUp) return;
      this.#failed("storage", this.#storage, item.at, error);
      this.#disk.hurry();
      return;
    }
    if (item.givenUp) return;
    this.#succeeded("storage", this.#storage, item.at);
    item.stored = item.ref ?? refOf(content);
    this.#disk.release(item);
    if (item === this.#queue.live[0]) return;
    this.#queue.remove(item);
    if (this.#queue.backlog.length === 0) this.#options.log.info("everything that waited is stored");
  }

  /**
   * From the item's file. Null when it cannot be read, and then the segment is lost; or when the disk does not answer,
   * and then it is tried later, behind what is live.
   */
  async #read(item: QueuedSegment): Promise<SpooledSegment | null> {
    try {
      const content = await this.#disk.read(item);
      if (content === null) this.#queue.postpone(item);
      return content;
    } catch (error) {
      if (item.givenUp) return null;
      this.#dropped++;
      this.#queue.remove(item);
      this.#disk.discard(item, error);
      return null;
    }
  }

  async #announce(item: QueuedSegment): Promise<void> {
    const { mount, announcer, log } = this.#options;
    if (!item.stored || item.at.epoch <= this.#fencedEpoch) return this.#queue.remove(item);
    const ordersDone = item.publication?.ordersDone;
    const announcement: Announcement = {
      mount,
      segment: this.#titled(item, item.stored),
      ...(ordersDone !== undefined && { ordersDone }),
    };
    let result: HoldResult;
    try {
      result = await attempt(item, (signal) => announcer.announce(announcement, signal));
    } catch (error) {
      if (!item.givenUp) this.#failed("edge", this.#edge, item.at, error);
      return;
    }
    if (item.givenUp) return;
    this.#succeeded("edge", this.#edge, item.at);
    this.#late = false;
    this.#announced = item.at;
    this.#queue.remove(item);
    if (result.kind === "ok") item.publication?.announced(result.reply);
    if (result.kind === "refused") log.error({ ...item.at }, "the edge cannot read an announcement");
    if (result.kind === "fenced") {
      this.#fencedEpoch = item.at.epoch;
      item.publication?.fenced(result.reason);
    }
  }

  #succeeded(what: "storage" | "edge", backoff: Backoff, at: Position): void {
    const { failures } = backoff;
    backoff.succeed();
    if (failures > 0) this.#options.log.info({ what, failures, ...at }, "publishing again");
  }

  #failed(what: "storage" | "edge", backoff: Backoff, at: Position, error: unknown): void {
    const { failures } = backoff;
    backoff.fail(performance.now(), retryAfterOf(error));
    if (failures % 10 !== 0) return;
    const fields = { what, reason: reasonOf(error), waiting: this.#queue.length, ...at };
    this.#options.log.warn(fields, failures === 0 ? "cannot publish, trying again" : "still cannot publish");
  }

  /** The edge does not know of titles in segments it was never told of: what comes after them says what is in force. */
  #titled({ at, titleBefore }: QueuedSegment, ref: SegmentRef): SegmentRef {
    const last = this.#announced;
    const follows = last?.epoch === at.epoch && last.sequence + 1 === at.sequence;
    if (follows || titleBefore === null || ref.titles[0]?.atSample === 0) return ref;
    return { ...ref, titles: [{ ...titleBefore, atSample: sampleCount(0) }, ...ref.titles] };
  }

  #resumeLive(): void {
    const isLate = this.#queue.isLate(performance.now());
    // While it goes on failing the live end moves on, so that what is put first after it is not late either.
    if (!isLate && !(this.#late && this.failing)) return;
    const late = this.#queue.resumeLive();
    if (isLate && !this.#late) {
      const fields = { segments: late.length, ...late[0]?.at };
      this.#options.log.warn(fields, "too late for listeners: stored later, behind what is live");
    }
    this.#late = true;
  }

  #dropOverflow(): void {
    const before = this.#dropped;
    while (this.#disk.overflows) if (!this.#drop(this.#disk.oldestInMemory(this.#queue))) break;
    if (this.#dropped === before) return;
    this.#options.log.error(
      { dropped: this.#dropped - before, droppedInAll: this.#dropped, ...this.queued },
      "too many segments wait for storage, the oldest are lost",
    );
  }

  #drop(item: QueuedSegment | null): boolean {
    if (item === null) return false;
    giveUp(item);
    this.#disk.release(item);
    this.#queue.remove(item);
    this.#dropped++;
    return true;
  }
}

/** Runs a request for a segment, which ends with it. Timers and signals by hand: `AbortSignal.any` and `.timeout` cost a tenth of a PUT. */
async function attempt<T>(
  item: QueuedSegment,
  request: (signal: AbortSignal) => Promise<T>,
  timeoutMs?: number,
): Promise<T> {
  const controller = new AbortController();
  item.attempt = controller;
  const late = () => controller.abort(new DOMException("no answer in time", "TimeoutError"));
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  try {
    return await request(controller.signal);
  } finally {
    clearTimeout(timer);
    item.attempt = null;
  }
}

function atMost(patienceMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, patienceMs);
    work.then(() => resolve(), reject).finally(() => clearTimeout(timer));
  });
}

const retryAfterOf = (error: unknown): number =>
  error instanceof Error && "retryAfterMs" in error && typeof error.retryAfterMs === "number"
    ? error.retryAfterMs
    : 0;
