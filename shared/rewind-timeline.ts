import type { MountPhase, Title } from "./mount-state.ts";
import type { JoinPoint } from "./playhead.ts";
import { comparePosition, durationMs, type SegmentRef } from "./segment.ts";

/**
 * When the segments of a broadcast that is over, or goes on, are heard again. Pure: the time is an argument, in ms of any clock
 * for what is rewound, of the wall clock for what is delayed.
 *
 * A segment is *due* when its first frame is to be heard, and *offered* some time (`leadMs`) before that: what listeners have in hand.
 *
 * - What is rewound goes on without its pauses: a segment is due where the one before it ends, or later when it came too late.
 * - What is delayed stays in step with the clock: a segment is due so long after it began. One that overlaps what is before
 *   it (a source that runs ahead, a clock that was put back) is due 10 s before all that has been played at the earliest.
 */
export type Shift = { readonly kind: "rewind" } | { readonly kind: "delay"; readonly delayMs: number };

interface Entry<Segment extends SegmentRef> {
  readonly segment: Segment;
  /** As it is offered: what begins a broadcast begins without the last one's title. */
  readonly shown: SegmentRef;
  readonly dueMs: number;
}

/** A pause longer than this is one between broadcasts, or for the fallback: the grace of a new station. */
export const pauseMs = 15_000;
/** How far a delayed segment may begin before those before it have been played. */
const overlapMs = 10_000;
/** What has been heard is offered for so long to those who are slow: as mounts do. */
const keepMs = 60_000;

export class ShiftedTimeline<Segment extends SegmentRef> {
  readonly #shift: Shift;
  readonly #leadMs: number;
  /** In order of play: those that are offered, then those that will be. */
  #entries: Entry<Segment>[] = [];
  #offered = 0;
  #offeredAtMs = 0;
  /** When all that is known has been played, one after another. */
  #playedMs = Number.NEGATIVE_INFINITY;
  #window: readonly SegmentRef[] = [];
  /** Title in force at the first sample of the window. */
  titleBefore: Title | null = null;

  constructor(shift: Shift, leadMs: number) {
    this.#shift = shift;
    this.#leadMs = leadMs;
  }

  /** The last that is known; null when none is. */
  get last(): Segment | null {
    return this.#entries.at(-1)?.segment ?? null;
  }

  /** When what is known will have been heard; -Infinity when nothing is. */
  get knownUntilMs(): number {
    const last = this.#entries.at(-1);
    return last ? endMs(last) : Number.NEGATIVE_INFINITY;
  }

  /** The next in order of play; one that is not after the last is no news. `offsetMs` of the very first: where it is begun. */
  push(segment: Segment, nowMs: number, offsetMs = 0): void {
    const before = this.#entries.at(-1);
    if (before && comparePosition(segment, before.segment) <= 0) return;
    const isNew = before !== undefined && beginsAnew(before.segment, segment);
    const dueMs = this.#dueMs(segment, nowMs, offsetMs);
    this.#entries.push({ segment, shown: isNew ? withoutTitleBefore(segment) : segment, dueMs });
    this.#playedMs = Math.max(this.#playedMs, dueMs) + durationMs(segment);
  }

  #dueMs({ startMs }: SegmentRef, nowMs: number, offsetMs: number): number {
    const before = this.#entries.at(-1);
    if (this.#shift.kind === "rewind") return before ? Math.max(endMs(before), nowMs) : nowMs - offsetMs;
    const dueMs = startMs + this.#shift.delayMs;
    return before ? Math.max(dueMs, this.#playedMs - overlapMs) : dueMs;
  }

  /** What is offered, in order of play; the same array until that is something else. */
  window(nowMs: number): readonly SegmentRef[] {
    const before = this.#offered;
    for (;;) {
      const next = this.#entries[this.#offered];
      if (!next || next.dueMs - this.#leadMs > nowMs) break;
      this.#offered++;
      this.#offeredAtMs = Math.max(next.dueMs - this.#leadMs, this.#offeredAtMs);
    }
    const dropped = this.#drop(nowMs);
    if (this.#offered + dropped !== before || dropped > 0) {
      this.#window = this.#entries.slice(0, this.#offered).map(({ shown }) => shown);
    }
    return this.#window;
  }

  /** The last one offered stays: what comes after it goes on from it. */
  #drop(nowMs: number): number {
    let count = 0;
    for (const entry of this.#entries.slice(0, Math.max(0, this.#offered - 1))) {
      if (endMs(entry) > nowMs - keepMs) break;
      count++;
      const title = entry.shown.titles.at(-1);
      if (title) this.titleBefore = title;
    }
    this.#entries.splice(0, count);
    this.#offered -= count;
    return count;
  }

  /** In how many ms the next that is known is offered; null when none is. */
  nextInMs(nowMs: number): number | null {
    const next = this.#entries[this.#offered];
    return next ? Math.max(0, next.dueMs - this.#leadMs - nowMs) : null;
  }

  /** As a stage tells it: the next is offered when the newest is as old as it is long. */
  edgeAgeMs(nowMs: number): number {
    const newest = this.#entries[this.#offered - 1];
    const nextInMs = this.nextInMs(nowMs);
    if (newest && nextInMs !== null) return Math.max(0, durationMs(newest.segment) - nextInMs);
    return Math.max(0, nowMs - this.#offeredAtMs);
  }

  /** What was rewound is live as long as anything is left of it; what is delayed pauses as its source did. */
  phase(nowMs: number): MountPhase {
    this.window(nowMs);
    const last = this.#entries[this.#offered - 1];
    const next = this.#entries[this.#offered];
    if (this.#shift.kind === "rewind" || (last && nowMs < endMs(last))) return "live";
    const fromMs = last ? endMs(last) : nowMs;
    return (next ? next.dueMs : nowMs) - fromMs <= pauseMs && (last ?? next) ? "waiting" : "off";
  }

  /** What is to be heard now, or else next; null when that is not known. */
  placeAt(nowMs: number): JoinPoint | null {
    const current = this.#entries.findLast((entry) => entry.dueMs <= nowMs && nowMs < endMs(entry));
    if (current) return { segment: current.shown, offsetMs: nowMs - current.dueMs };
    const next = this.#entries.find(({ dueMs }) => dueMs > nowMs);
    return next ? { segment: next.shown, offsetMs: 0 } : null;
  }

  /** In how many ms a segment of the window is to be heard: negative when that is past; null when it is not known. */
  dueInMs(segment: SegmentRef, nowMs: number): number | null {
    const entry = this.#find(segment);
    return entry ? entry.dueMs - nowMs : null;
  }

  /** A segment of the window as it was pushed. */
  original(segment: SegmentRef): Segment | null {
    return this.#find(segment)?.segment ?? null;
  }

  #find(segment: SegmentRef): Entry<Segment> | undefined {
    return this.#entries.findLast((entry) => comparePosition(entry.segment, segment) === 0);
  }
}

const endMs = ({ segment, dueMs }: Entry<SegmentRef>): number => dueMs + durationMs(segment);

const beginsAnew = (before: SegmentRef, { epoch, startMs }: SegmentRef): boolean =>
  epoch !== before.epoch && startMs - (before.startMs + durationMs(before)) > pauseMs;

/** Of what begins a broadcast. */
function withoutTitleBefore(segment: SegmentRef): SegmentRef {
  const first = segment.titles[0];
  if (first?.atSample === 0) return segment;
  const none = { atSample: 0 as SegmentRef["samples"], text: "" };
  return { ...segment, titles: [none, ...segment.titles] };
}
