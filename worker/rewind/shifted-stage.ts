import type { MountPhase, Title } from "../../shared/mount-state.ts";
import type { JoinPoint } from "../../shared/playhead.ts";
import { type Shift, ShiftedTimeline } from "../../shared/rewind-timeline.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import type { Host, MountFeed } from "../mount-feed.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import { settledWithin } from "../settled-within.ts";
import type { Stage } from "../stage.ts";
import {
  firstLookMs,
  knownAheadMs,
  knownLeastMs,
  longestLookAgainMs,
  lookAgainMs,
  lookTimeoutMs,
} from "./limits.ts";
import type { Past, PastPlace } from "./past.ts";
import { RewindBell } from "./rewind-bell.ts";

/** What stands behind a shifted mount. */
export interface ShiftedFrom {
  readonly feed: MountFeed;
  readonly past: Past;
  /** Audio that listeners have in hand, ms. */
  readonly leadMs: number;
  /** Milliseconds of a clock that is never set; of what is delayed, since the Unix epoch. */
  readonly now: () => number;
}

/**
 * A mount as it was: its archive as a window that moves with the time. What comes next is looked up for some ten seconds at once, by
 * whichever listener's request finds that little is left; nobody else waits for that.
 *
 * What was rewound is one listener's own and begins when it is first looked at. It becomes the mount itself when all has been
 * offered that there is: the position is the same there and here, so that the next live segment follows.
 */
export class ShiftedStage implements Stage {
  readonly name: string;
  readonly bell = new RewindBell();
  readonly silentMs = 0;
  readonly patienceMs = 0;
  readonly #from: ShiftedFrom;
  readonly #shift: Shift;
  readonly #timeline: ShiftedTimeline<SegmentRef>;
  /** Where what was rewound began; null before. */
  #begunMs: number | null = null;
  #isLive = false;
  #attendedMs: number;
  #look: { readonly done: Promise<void>; readonly sinceMs: number } | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #foundNothing = false;

  constructor(shift: Shift, from: ShiftedFrom) {
    this.#shift = shift;
    this.#from = from;
    this.#timeline = new ShiftedTimeline(shift, from.leadMs);
    this.name = `${from.feed.mount} as it was`;
    this.#attendedMs = from.now();
  }

  /** One that begins at a place. `title`: what was in force there. */
  static rewound(place: PastPlace, title: Title | null, from: ShiftedFrom): ShiftedStage {
    const stage = new ShiftedStage({ kind: "rewind" }, from);
    stage.#timeline.push(place.segment, 0, place.offsetMs);
    stage.#timeline.titleBefore = title;
    return stage;
  }

  /** For how long nobody has attended to it, ms. */
  get idleMs(): number {
    return this.#from.now() - this.#attendedMs;
  }

  get phase(): MountPhase {
    return this.#isLive ? this.#from.feed.phase : this.#timeline.phase(this.#now());
  }

  get isCertain(): boolean {
    return this.#isLive ? this.#from.feed.isCertain : !this.#foundNothing;
  }

  get window(): readonly SegmentRef[] {
    if (this.#isLive) return this.#from.feed.window;
    this.#begunMs ??= this.#from.now();
    return this.#timeline.window(this.#now());
  }

  get edgeAgeMs(): number {
    return this.#isLive ? this.#from.feed.edgeAgeMs : this.#timeline.edgeAgeMs(this.#now());
  }

  get titleBefore(): Title | null {
    return this.#isLive ? this.#from.feed.titleBefore : this.#timeline.titleBefore;
  }

  dueInMs(segment: SegmentRef): number | null {
    return this.#shift.kind === "delay" ? this.#timeline.dueInMs(segment, this.#now()) : null;
  }

  /** Where somebody who comes now begins; null: as soon as there is something. */
  get place(): JoinPoint | null {
    return this.#timeline.placeAt(this.#now());
  }

  async refresh(host: Host): Promise<void> {
    this.#attendedMs = this.#from.now();
    if (this.#isLive) return this.#from.feed.refresh(host);
    await settledWithin(this.#lookAhead(host), firstLookMs);
  }

  attend(host: Host): number {
    this.#attendedMs = this.#from.now();
    // Also for the mount's own sake: seats are told and orders come with its news.
    this.#from.feed.attend(host);
    if (this.#isLive) return Number.POSITIVE_INFINITY;
    void this.#lookAhead(host);
    const nextInMs = this.#timeline.nextInMs(this.#now());
    return Math.max(1, Math.ceil(nextInMs ?? this.#lookAgainMs));
  }

  segment(ref: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null> {
    this.attend(host);
    const original = this.#timeline.original(ref);
    return original ? this.#from.past.load(original, host) : this.#from.feed.segment(ref, host);
  }

  /** The timeline's: of what was rewound from its beginning. */
  #now(): number {
    const now = this.#from.now();
    return this.#shift.kind === "delay" ? now : now - (this.#begunMs ?? now);
  }

  get #lookAgainMs(): number {
    const spareMs = this.#shift.kind === "delay" ? (this.#shift.delayMs - this.#from.leadMs) / 4 : 0;
    return Math.min(longestLookAgainMs, Math.max(lookAgainMs, spareMs));
  }

  /** One look at a time, and none while enough is known. */
  #lookAhead(host: Host): Promise<void> {
    this.#takeRecent();
    const now = this.#from.now();
    const look = this.#look;
    if (look && now - look.sinceMs < lookTimeoutMs) return look.done;
    const aheadMs = this.#timeline.knownUntilMs - this.#from.leadMs - this.#now();
    const isDue = this.#foundNothing ? now - this.#lookedMs >= this.#lookAgainMs : aheadMs < knownLeastMs;
    if (!isDue) return Promise.resolve();
    const done = this.#lookOnce(host).finally(() => {
      if (this.#look?.done === done) this.#look = null;
      this.#lookedMs = this.#from.now();
    });
    this.#look = { done, sinceMs: now };
    host.keepAlive(done.then(() => this.bell.ring()));
    return done;
  }

  async #lookOnce(host: Host): Promise<void> {
    const { past, leadMs, feed } = this.#from;
    const untilMs = leadMs + knownAheadMs;
    try {
      if (this.#shift.kind === "delay") await this.#seek(this.#shift.delayMs, host);
      for (let last = this.#timeline.last; last; last = this.#timeline.last) {
        if (this.#timeline.knownUntilMs > this.#now() + untilMs) break;
        const next = await past.after(last, host);
        if (!next) break;
        this.#push(next);
        if (this.#timeline.last === last) throw new Error("the archive goes round in circles");
      }
      const isKnown = this.#timeline.knownUntilMs > this.#now() + untilMs;
      if (!isKnown) this.#meetLive();
      this.#foundNothing = !isKnown;
    } catch (error) {
      console.warn("the past of a mount cannot be had", feed.mount, String(error));
      this.#foundNothing = true;
    }
  }

  /** To what is to be heard now, when nothing is known or what is known is over. */
  async #seek(delayMs: number, host: Host): Promise<void> {
    const { past, feed, leadMs } = this.#from;
    if (this.#timeline.knownUntilMs > this.#now() - leadMs) return;
    await feed.refresh(host);
    const place = await past.placeAt(this.#now() - delayMs, host);
    if (!place) return;
    const isFirst = this.#timeline.last === null;
    this.#push(place.segment);
    if (isFirst) this.#timeline.titleBefore = await past.titleBefore(place.segment, host).catch(() => null);
  }

  /** What the live window has needs no look. */
  #takeRecent(): void {
    for (let last = this.#timeline.last; last; last = this.#timeline.last) {
      const next = this.#from.past.recentAfter(last);
      if (!next || this.#timeline.knownUntilMs > this.#now() + this.#from.leadMs + knownAheadMs) return;
      this.#push(next);
    }
  }

  #push(segment: SegmentRef): void {
    this.#timeline.push(segment, this.#now());
  }

  /** Nothing follows in the archive, nor in the live window. */
  #meetLive(): void {
    const { past, feed } = this.#from;
    const { last } = this.#timeline;
    if (!last || this.#timeline.nextInMs(this.#now()) !== null) return;
    const isPlayed = this.#timeline.knownUntilMs <= this.#now() + 1_000;
    const later = past.laterThan(last);
    // What is between is on its way to the archive, or lost.
    if (later) return isPlayed ? this.#push(later) : undefined;
    if (this.#shift.kind === "delay") return;
    // What is told to the archive at the end of a broadcast is there before its last second has been heard.
    if (feed.phase === "off" && !(isPlayed && feed.isCertain)) return;
    this.#isLive = true;
    this.bell.follow(feed.bell);
  }
}
