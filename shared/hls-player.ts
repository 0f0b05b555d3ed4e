import { type HlsTimeline, lastOf } from "./hls-timeline.ts";
import type { Title } from "./mount-state.ts";
import {
  type Decision,
  isThere,
  lowMs,
  Playout,
  type PlayDecision,
  type StageRule,
  type StageView,
} from "./playout.ts";
import { comparePosition, durationMs, type SegmentRef } from "./segment.ts";

/** A place to listen to, as the HLS listeners of a mount need to know it. */
export interface HlsStage extends StageView {
  readonly name: string;
  readonly titleBefore: Title | null;
}

/** What comes next for all of them. */
export type HlsDecision =
  /** Segments of the mount from before this began, oldest first. */
  | { readonly kind: "begin"; readonly stage: number; readonly segments: readonly SegmentRef[] }
  | PlayDecision
  | Exclude<Decision, PlayDecision | { readonly kind: "intro" }>;

/**
 * Plays a mount for all its HLS listeners at once, as one listener (`playout.ts`) who is at the live edge and has two target durations
 * in hand whatever happened before: what players have loaded lasts about as long, and they look for more all the time. A
 * segment that comes later than that is preceded by silence, so that playlists always grow: Apple's players give up one that stays
 * as it is, and the others stall.
 */
export class HlsPlayer {
  readonly #playout: Playout;
  readonly #patienceMs: number;
  readonly #silenceMs: number;
  #hasBegun = false;

  constructor(
    { rules, first }: { readonly rules: readonly StageRule[]; readonly first: number },
    targetSeconds: number,
    nowMs: number,
  ) {
    this.#silenceMs = targetSeconds * 1000;
    this.#patienceMs = (targetSeconds * 1000) / 2 + lowMs;
    this.#playout = new Playout(rules, first, { behindMs: 0, leastBytes: 0, intro: [] }, nowMs);
    this.#playout.sentSilence(this.#silenceMs, nowMs);
  }

  /** The stage it is on. */
  get stage(): number {
    return this.#playout.stage;
  }

  /** The mount's rules have changed. */
  moveTo(rules: readonly StageRule[], first: number): void {
    this.#playout.moveTo(rules, first);
  }

  /** As `Playout.next`. The first time: what the mount has already, at most `windowMs` of it and nothing that `timeline` has. */
  next(nowMs: number, stages: readonly HlsStage[], timeline: HlsTimeline, windowMs: number): HlsDecision {
    const decision = this.#playout.next(nowMs, stages);
    const stage = stages[this.#playout.stage];
    if (!this.#hasBegun && stage && isThere(stage)) {
      this.#hasBegun = true;
      const last = lastOf(timeline, stage.name);
      const fresh = stage.window.filter((segment) => !last || comparePosition(segment, last) > 0);
      const segments = newest(fresh, windowMs);
      if (segments.length > 0) return { kind: "begin", stage: this.#playout.stage, segments };
    }
    if (decision.kind === "silence") return { kind: "silence", ms: this.#silenceMs };
    return decision.kind === "intro" ? { kind: "wait", ms: 0 } : decision;
  }

  /** The segment is in the timeline. */
  sent(decision: PlayDecision, nowMs: number): void {
    const untilMs = durationMs(decision.segment) + this.#patienceMs;
    // However late it came: what others had in hand before them is not theirs.
    const held = this.#playout.inHandMs(nowMs);
    this.#playout.sent(decision, untilMs - held, decision.segment.bytes, nowMs);
  }

  sentSilence(audioMs: number, nowMs: number): void {
    this.#playout.sentSilence(audioMs, nowMs);
  }

  missed(decision: PlayDecision): void {
    this.#playout.missed(decision);
  }
}

/** The last segments, of so much audio at most. */
function newest(segments: readonly SegmentRef[], windowMs: number): readonly SegmentRef[] {
  let ms = 0;
  const from = segments.findLastIndex((segment) => (ms += durationMs(segment)) > windowMs);
  return segments.slice(from + 1);
}

/** The title in force at the first sample of a segment of a stage's window. */
export function titleAtStart(
  { window, titleBefore }: Pick<HlsStage, "window" | "titleBefore">,
  segment: SegmentRef,
): Title | null {
  const first = segment.titles[0];
  // Tools change titles a moment after the audio: what begins within the segment's first second is meant for all of it.
  if (first && first.atSample <= segment.sampleRate) return plain(first);
  for (const other of window.toReversed()) {
    if (comparePosition(other, segment) >= 0) continue;
    const last = other.titles.at(-1);
    if (last) return plain(last);
  }
  return titleBefore;
}

const plain = ({ text, url }: Title): Title => (url === undefined ? { text } : { text, url });
