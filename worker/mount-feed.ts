import type { MountPhase, MountView, Title } from "../shared/mount-state.ts";
import { clock } from "./isolate-clock.ts";
import { newestOrder } from "../shared/order-book.ts";
import { extended } from "../shared/mount-view.ts";
import { segmentKey } from "../shared/object-format.ts";
import { comparePosition, type SegmentRef } from "../shared/segment.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import type { MountPath } from "../shared/units.ts";
import { knownStation } from "./directory.ts";
import type { Env } from "./env.ts";
import { absentMountMs, mountCallHoldMs, mountCallRetryMs, mountCallTimeoutMs } from "./limits.ts";
import { mountOf } from "./mount-relay.ts";
import { isolateAsked } from "./isolate-counts.ts";
import { mountsToAttend, obeyOrders, renewRosters } from "./roster/sessions.ts";
import { listenersHere, seatReport } from "./seat-desk.ts";
import { type LoadedSegment, type ReadObject, SegmentCache } from "./segment-cache.ts";
import type { Home } from "./stage.ts";
import { libraryOf } from "./station.ts";
import { Bell } from "./sleepers.ts";
import { settledWithin } from "./settled-within.ts";

/** What one listener's request lends to the feed while the feed works on its behalf. */
export interface Host {
  readonly env: Env;
  /** `ctx.waitUntil`: lets shared work outlive the listener that began it, up to the platform's 30 s. */
  readonly keepAlive: (work: Promise<unknown>) => void;
  /** As the listener named the worker. */
  readonly hostname: string;
}

/**
 * One mount as this isolate's listeners see it. However many they are, one question at a time stands at the mount's
 * object and is answered when there is a newer segment; that segment is read once, then all are woken.
 *
 * The question belongs to the request of whichever listener found none standing. Requests end at any moment, so the
 * others wait for its promise only in a race with a timer, and take over when it is overdue.
 */
export class MountFeed implements Home {
  readonly mount: MountPath;
  phase: MountPhase = "off";
  source: SourceInfo | null = null;
  /** In order of play. Replaced, never changed in place. */
  window: readonly SegmentRef[] = [];
  /** Title in force at the window's first sample. */
  titleBefore: Title | null = null;
  /** How long listeners stay with a source that brings nothing, ms. */
  patienceMs = 0;
  readonly bell = new Bell();
  readonly #keys = new WeakMap<SegmentRef, string>();
  #epoch = 0;
  /** The newest order that was carried out. */
  #orders = 0;
  #edgeAtMs = 0;
  #silentSinceMs = 0;
  #answeredMs = 0;
  #question: { readonly done: Promise<void>; readonly sinceMs: number; readonly isHeld: boolean } | null =
    null;

  constructor(mount: MountPath) {
    this.mount = mount;
  }

  get name(): string {
    return this.mount;
  }

  get isOff(): boolean {
    return this.phase === "off";
  }

  /** Whether the phase is the mount's own word, and not what is left when it could not be asked. */
  get isCertain(): boolean {
    return clock.now() - this.#answeredMs < mountCallTimeoutMs;
  }

  /** How long ago the newest segment was announced, ms. */
  get edgeAgeMs(): number {
    return clock.now() - this.#edgeAtMs;
  }

  /** For how long the source has brought nothing, ms. */
  get silentMs(): number {
    return clock.now() - this.#silentSinceMs;
  }

  /** Nobody listens here and nothing was learnt lately: the feed can be forgotten. */
  get isIdle(): boolean {
    const asking = this.#question !== null && clock.now() - this.#question.sinceMs < mountCallTimeoutMs;
    return listenersHere(this.mount) === 0 && !asking && clock.now() - this.#answeredMs > absentMountMs;
  }

  /** The next `refresh` asks. */
  forget(): void {
    this.#answeredMs = 0;
  }

  /** Brings the feed up to date: free of cost while a question stands, for then nothing newer exists. */
  async refresh(host: Host): Promise<void> {
    const question = this.#question;
    const leftMs = question ? question.sinceMs + mountCallTimeoutMs - clock.now() : 0;
    if (question && leftMs > 0) {
      const stale = clock.now() - this.#answeredMs > mountCallTimeoutMs;
      // One that is held is answered when anything changes: until then what is known holds.
      if (stale || (this.isOff && !question.isHeld)) await settledWithin(question.done, leftMs);
      return;
    }
    if (this.phase === "off" && clock.now() - this.#answeredMs < absentMountMs) return;
    await this.#ask(host, 0);
  }

  attend(host: Host): number {
    const question = this.#question;
    const stands = question !== null && question.sinceMs + mountCallTimeoutMs > clock.now();
    if (!stands) void this.#ask(host, mountCallHoldMs);
    return Number.POSITIVE_INFINITY;
  }

  /** The segment's bytes, shared; null when storage does not have them. */
  segment(ref: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null> {
    // Slow listeners are never up to date and wait for nothing: where there are no others the window would stay as it is,
    // and the mount would hear of nobody.
    this.attend(host);
    // A key is long to work out and asked for by every listener.
    let key = this.#keys.get(ref);
    if (key === undefined) {
      key = segmentKey(this.mount, ref);
      this.#keys.set(ref, key);
    }
    return loadSegment(key, ref, host);
  }

  async #ask(host: Host, waitMs: number): Promise<void> {
    const sinceMs = clock.now();
    // Cleared by the work itself: this request may end before it comes back here, and a question that is answered but
    // still stands would have the others wait for nothing, again and again.
    const done = this.#askOnce(host, waitMs).finally(() => {
      if (this.#question?.done === done) this.#question = null;
    });
    this.#question = { done, sinceMs, isHeld: waitMs > 0 };
    host.keepAlive(done.then(() => this.bell.ring()));
    await done;
  }

  async #askOnce(host: Host, waitMs: number): Promise<void> {
    const newest = this.window.at(-1) ?? null;
    isolateAsked.mountCalls++;
    renewRosters(host);
    // Also of mounts whose listeners hear another, orders are to be heard of.
    for (const mount of mountsToAttend()) {
      // Where a library plays there are none.
      const hasObject = libraryOf(knownStation(host.env), mount) === undefined;
      if (mount !== this.mount && hasObject) feedOf(mount).attend(host);
    }
    try {
      const view = await mountOf(host, this.mount).view({
        mount: this.mount,
        seats: seatReport(this.mount, host),
        after: newest && { epoch: newest.epoch, sequence: newest.sequence },
        phase: this.phase,
        waitMs,
        orders: this.#orders,
      });
      const orders = view.orders ?? [];
      this.#orders = Math.max(this.#orders, newestOrder(orders));
      obeyOrders(this.mount, orders, host);
      // Whoever is woken finds the bytes there: one read, then no waiting.
      const fresh = waitMs > 0 ? view.segments.at(-1) : undefined;
      if (fresh) await this.segment(fresh, host);
      this.#take(view);
    } catch (error) {
      console.warn("mount call failed", this.mount, String(error));
      await scheduler.wait(mountCallRetryMs);
    }
  }

  #take(view: MountView): void {
    this.#answeredMs = clock.now();
    this.phase = view.phase;
    this.source = view.source;
    this.patienceMs = view.patienceMs;
    this.#silentSinceMs = clock.now() - view.silentMs;
    const restarted = view.epoch < this.#epoch;
    // Orders are numbered anew too.
    if (restarted) this.#orders = 0;
    this.#epoch = view.epoch;
    // A broadcast that began anew may have no segment yet.
    const begunAnew = !view.continues && (view.segments.length > 0 || view.oldest === null);
    if (view.phase === "off" || restarted || begunAnew) {
      this.window = [];
      this.titleBefore = null;
      if (view.phase === "off") return;
    }
    const newest = this.window.at(-1);
    const fresh = view.segments.filter((segment) => !newest || comparePosition(segment, newest) > 0);
    if (this.window.length === 0) this.titleBefore = view.titleBefore;
    if (fresh.length === 0) return;
    this.#edgeAtMs = clock.now() - view.edgeAgeMs;
    const { window, titleBefore } = extended(this, fresh, view.oldest);
    this.window = window;
    this.titleBefore = titleBefore;
  }
}

/** The bytes of a segment, shared by this isolate's listeners; null when storage does not have them. */
export function loadSegment(
  key: string,
  ref: SegmentRef,
  host: Host,
  read?: ReadObject,
): LoadedSegment | Promise<LoadedSegment | null> {
  return cache.peek(key) ?? cache.load(key, ref, host, read);
}

/** When it is in this isolate's memory. */
export const segmentInMemory = (key: string): LoadedSegment | undefined => cache.peek(key);

const feeds = new Map<MountPath, MountFeed>();
const cache = new SegmentCache();

/** This isolate's feed of a mount. */
export function feedOf(mount: MountPath): MountFeed {
  const known = feeds.get(mount);
  if (known) return known;
  for (const [name, feed] of feeds) {
    if (feed.isIdle) feeds.delete(name);
  }
  const feed = new MountFeed(mount);
  feeds.set(mount, feed);
  return feed;
}

/** A claim went through this isolate: that the mount was absent a moment ago says nothing any more. */
export function forgetAbsence(mount: MountPath): void {
  feeds.get(mount)?.forget();
}

/** Listeners of this isolate and what was asked for them, for /health. */
export const isolateCounts = (): typeof isolateAsked & { readonly listeners: number } => ({
  ...isolateAsked,
  listeners: listenersHere(),
});
