import { type JoinPoint, joinPoint, stepAfter } from "./playhead.ts";
import type { MountPhase } from "./mount-state.ts";
import { comparePosition, durationMs, type Position, type SegmentRef } from "./segment.ts";

/**
 * What one listener hears next: the mount it asked for, silence while that mount waits for its source, then what the
 * mount falls back to, and back. Pure: the time and what each stage has to offer are arguments.
 *
 * A listener has a list of stages, the best first, and is on one of them. What it was sent and has not played yet is
 * what it has *in hand*; as long as that lasts, nothing that goes wrong is heard.
 *
 * - The next segment of its stage plays as soon as it is there.
 * - When there is none and what is in hand runs low, silence follows, in real time.
 * - When its stage is gone for good, the best stage that has something plays; when none has, the stream ends.
 * - When a better stage comes back, it plays from its first new segment on.
 *
 * Every change of place is a splice. A splice is padded with silence so that what is in hand afterwards lasts until the
 * stage's next segment: silence in a place that is a break anyway, not in the midst of what follows. Only the very
 * first join is never padded: there the player's own delay helps.
 *
 * Invariants: the position in a stage never goes back (unless that stage itself began anew); there is always a next
 * thing to do; silence comes only when less than `lowMs` is in hand, or as padding of a splice.
 */

/** What a place to listen to (a mount, a file in a loop) offers at this moment. */
export interface StageView {
  readonly phase: MountPhase;
  /** In order of play. */
  readonly window: readonly SegmentRef[];
  /** How long ago the newest segment came, ms. */
  readonly edgeAgeMs: number;
  /** For how long its source has brought nothing, ms: since the newest segment, or since it connected if that is later. */
  readonly silentMs: number;
  /** How long listeners stay with a source that brings nothing, ms. Infinity: it is silence itself. */
  readonly patienceMs: number;
  /** In how many ms a segment of the window is to be heard, where the clock says that; null: as soon as possible. */
  readonly dueInMs?: (segment: SegmentRef) => number | null;
}

/** How a listener came to have a stage. */
export interface StageRule {
  /** Whether those who have left this stage for a worse one go back when it returns. */
  readonly returns: boolean;
  /** Whether it must first be seen off the air: it does not take listeners who chose another while it was there. */
  readonly mustReturn: boolean;
}

export interface PlayoutWish {
  /** How far behind live to be, ms. */
  readonly behindMs: number;
  /** At least this many bytes at once when joining. */
  readonly leastBytes: number;
  /** Played first, from its beginning. */
  readonly intro: readonly SegmentRef[];
  /** Where to begin on the first stage, once it offers that; absent: as far behind live as wished. */
  readonly from?: JoinPoint | null | undefined;
}

export type Decision =
  | PlayDecision
  /** Send a segment of the intro. */
  | { readonly kind: "intro"; readonly segment: SegmentRef }
  /** Send this much silence, ms. */
  | { readonly kind: "silence"; readonly ms: number }
  /** Nothing to send until a stage has news, or this many ms have passed. */
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "end" };

export interface PlayDecision {
  readonly kind: "play";
  /** Index of the stage. */
  readonly stage: number;
  readonly segment: SegmentRef;
  /** Where in the segment to begin, ms. */
  readonly offsetMs: number;
  /** Its first frame goes on where the last one sent ended. */
  readonly continues: boolean;
  /** Silence to send before it, ms. */
  readonly padMs: number;
}

/** Less than this in hand is low: a late timer and a busy machine must still be in time. */
export const lowMs = 250;
/** What one piece of silence lasts. */
const silenceMs = 500;
/** After a splice this much more is in hand than the wait for the next segment should take. */
const marginMs = 600;
/** Segments that tell how long one usually is: the first after a hiccup are short. */
const usualSegments = 10;
/** How long a listener that has got nothing yet goes without silence: a stage's next segment is nearly always sooner. */
const firstWaitMs = 2_500;
/** Who has fallen this much further behind live than wished, after silence, skips to where it wants to be. */
const behindTooFarMs = 10_000;
/** No player starts before it has got its first bytes and this much time has passed: it lasts that much longer. */
const playerStartMs = 500;
/** A longer time between two decisions is a clock that was set: nobody waits this long for anything. */
const longestStepMs = 90_000;

export class Playout {
  #rules: readonly StageRule[];
  readonly #wish: PlayoutWish;
  /** Last segment heard of each stage; undefined before it was joined. */
  #positions: (Position | null | undefined)[];
  #armed: boolean[];
  #stage: number;
  /** When what was sent will have been played. */
  #heldUntilMs: number;
  #sentAnything = false;
  #sentBytes = 0;
  #skips = 0;
  #introsSent = 0;
  #from: { readonly stage: number; readonly point: JoinPoint } | null;
  #atMs: number;
  /** The next frame does not continue what was sent. */
  #broken = true;
  /** Silence has come since the last segment. */
  #wasSilent = false;

  /** `first` is the stage to begin on; those before it have `mustReturn`. */
  constructor(rules: readonly StageRule[], first: number, wish: PlayoutWish, nowMs: number) {
    this.#rules = rules;
    this.#wish = wish;
    this.#positions = rules.map(() => undefined);
    this.#armed = rules.map(({ mustReturn }) => !mustReturn);
    this.#stage = first;
    this.#from = wish.from ? { stage: first, point: wish.from } : null;
    this.#atMs = nowMs;
    this.#heldUntilMs = nowMs + firstWaitMs + lowMs;
  }

  /** The stage the listener is on. */
  get stage(): number {
    return this.#stage;
  }

  /** Bytes sent, silence not counted. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** How often the listener fell out of a window and joined anew. */
  get skips(): number {
    return this.#skips;
  }

  /** The listener gets other stages, as in the constructor. What is in hand plays on, what comes next is spliced to it. */
  moveTo(rules: readonly StageRule[], first: number): void {
    this.#rules = rules;
    this.#positions = rules.map(() => undefined);
    this.#armed = rules.map(({ mustReturn }) => !mustReturn);
    this.#stage = first;
    this.#from = null;
    this.#broken = true;
    this.skipIntro();
  }

  /** Audio sent that is not played yet, ms. */
  inHandMs(nowMs: number): number {
    return Math.max(0, this.#heldUntilMs - nowMs);
  }

  /** What to do now. The decision holds only at `nowMs`; what comes of it is told with `sent` or `missed`. */
  next(nowMs: number, stages: readonly StageView[]): Decision {
    this.#advance(nowMs);
    for (const [index, stage] of stages.entries()) {
      if (stage.phase !== "live") this.#armed[index] = true;
    }
    const intro = this.#wish.intro[this.#introsSent];
    if (intro) return this.#introduce(intro, nowMs);
    const chosen = this.#choose(stages);
    if (chosen === null) return { kind: "end" };
    if (chosen !== this.#stage) {
      this.#stage = chosen;
      this.#broken = true;
    }
    const stage = stages[chosen];
    return (stage && this.#playFrom(stage, nowMs)) ?? this.#bridge(nowMs);
  }

  /** A segment has been sent, from `offsetMs` on, with its padding: `audioMs` of audio in all. */
  sent({ stage, segment }: PlayDecision, audioMs: number, bytes: number, nowMs: number): void {
    this.#positions[stage] = segment;
    this.#broken = false;
    this.#wasSilent = false;
    this.#sentBytes += bytes;
    this.#hold(audioMs, nowMs);
  }

  /** Silence has been sent. */
  sentSilence(audioMs: number, nowMs: number): void {
    this.#broken = true;
    this.#wasSilent = true;
    this.#hold(audioMs, nowMs);
  }

  /** A segment of the intro has been sent. */
  sentIntro(audioMs: number, bytes: number, nowMs: number): void {
    this.#introsSent++;
    this.#sentBytes += bytes;
    this.#hold(audioMs, nowMs);
  }

  /** The rest of the intro cannot be had. */
  skipIntro(): void {
    this.#introsSent = this.#wish.intro.length;
  }

  /** A segment could not be had: what follows it does not continue. */
  missed({ stage, segment }: PlayDecision): void {
    this.#positions[stage] = segment;
    this.#broken = true;
  }

  #hold(audioMs: number, nowMs: number): void {
    const fromMs = this.#sentAnything ? Math.max(nowMs, this.#heldUntilMs) : nowMs + playerStartMs;
    this.#heldUntilMs = fromMs + audioMs;
    this.#sentAnything = true;
  }

  /** In real time, as far ahead as a burst: the stream itself is joined as soon as the intro has been sent. */
  #introduce(segment: SegmentRef, nowMs: number): Decision {
    const { behindMs, leastBytes } = this.#wish;
    const aheadMs = this.#sentAnything ? this.inHandMs(nowMs) - Math.max(behindMs, lowMs + silenceMs) : 0;
    const enough = aheadMs > 0 && this.#sentBytes >= leastBytes;
    return enough ? { kind: "wait", ms: aheadMs } : { kind: "intro", segment };
  }

  /** A clock that is set, forwards or back, changes nothing of what is in hand. */
  #advance(nowMs: number): void {
    const stepMs = nowMs - this.#atMs;
    if (stepMs < 0 || stepMs > longestStepMs) this.#heldUntilMs += stepMs;
    this.#atMs = nowMs;
  }

  /** The stage to be on; null when there is none left. */
  #choose(stages: readonly StageView[]): number | null {
    const current = stages[this.#stage];
    const stays = current !== undefined && isThere(current);
    const better = stages.findIndex(
      (stage, index) =>
        index < this.#stage &&
        this.#armed[index] === true &&
        (this.#rules[index]?.returns === true || !stays) &&
        isOnAir(stage) &&
        this.#hasNews(index, stage),
    );
    if (better >= 0) return better;
    if (stays) return this.#stage;
    // What plays is best; then a source that is connected and has brought nothing yet, or nothing for long; then one
    // that has gone and may come back. All are better than an end.
    return (
      this.#find(stages, (stage) => isOnAir(stage) && hasSomething(stage)) ??
      this.#find(stages, isOnAir) ??
      (current?.phase === "live" ? this.#stage : null) ??
      this.#find(stages, (stage) => stage.phase !== "off")
    );
  }

  /** The best other stage that is `good`. */
  #find(stages: readonly StageView[], good: (stage: StageView) => boolean): number | null {
    const found = stages.findIndex(
      (stage, index) => index !== this.#stage && this.#armed[index] === true && good(stage),
    );
    return found < 0 ? null : found;
  }

  #hasNews(index: number, { window }: StageView): boolean {
    const position = this.#positions[index];
    return window.length > 0 && (position === undefined || stepAfter(window, position).kind !== "wait");
  }

  #playFrom(stage: StageView, nowMs: number): PlayDecision | null {
    const position = this.#positions[this.#stage];
    if (position === undefined) return this.#begin(stage, nowMs);
    const step = stepAfter(stage.window, position);
    if (step.kind === "wait") return null;
    if (step.kind === "lagged") {
      this.#skips++;
      return this.#join(stage, null, nowMs);
    }
    const { segment } = step;
    if (this.#wasSilent && audioFrom(stage.window, segment) > this.#wish.behindMs + behindTooFarMs) {
      return this.#join(stage, segment, nowMs);
    }
    const continues = step.kind === "follow" && !this.#broken;
    return this.#play(stage, segment, 0, continues, nowMs);
  }

  /** Where the listener wants to begin, or when the stage does not offer that any more as always. */
  #begin(stage: StageView, nowMs: number): PlayDecision | null {
    const from = this.#from;
    if (from?.stage !== this.#stage) return this.#join(stage, null, nowMs);
    const { segment, offsetMs } = from.point;
    if (stage.window.some((other) => comparePosition(other, segment) === 0)) {
      return this.#play(stage, segment, offsetMs, false, nowMs);
    }
    const oldest = stage.window[0];
    return oldest && comparePosition(oldest, segment) > 0 ? this.#join(stage, null, nowMs) : null;
  }

  /** The place as far behind live as wished once what is in hand has played; never before `least`. */
  #join(stage: StageView, least: SegmentRef | null, nowMs: number): PlayDecision | null {
    const { behindMs, leastBytes } = this.#wish;
    const inHandMs = this.#sentAnything ? this.inHandMs(nowMs) : 0;
    const newest = stage.window.at(-1);
    // Less than a segment behind live is too little to last until the next one.
    const leastMs = behindMs > 0 && newest ? durationMs(newest) : 0;
    const point = joinPoint(stage.window, {
      edgeAgeMs: stage.edgeAgeMs,
      behindMs: Math.max(0, Math.max(behindMs, leastMs) - inHandMs),
      leastBytes: Math.max(0, leastBytes - this.#sentBytes),
    });
    this.#broken = true;
    if (!point) {
      // Live itself is wanted: the next segment that comes.
      this.#positions[this.#stage] = stage.window.at(-1) ?? null;
      return null;
    }
    if (least && comparePosition(point.segment, least) < 0) return this.#play(stage, least, 0, false, nowMs);
    return this.#play(stage, point.segment, point.offsetMs, false, nowMs);
  }

  #play(
    stage: StageView,
    segment: SegmentRef,
    offsetMs: number,
    continues: boolean,
    nowMs: number,
  ): PlayDecision {
    const padMs = continues ? 0 : this.#padMs(stage, segment, offsetMs, nowMs);
    return { kind: "play", stage: this.#stage, segment, offsetMs, continues, padMs };
  }

  #padMs(stage: StageView, segment: SegmentRef, offsetMs: number, nowMs: number): number {
    const dueInMs = stage.dueInMs?.(segment) ?? null;
    const inHandMs = this.#sentAnything ? this.inHandMs(nowMs) : 0;
    if (dueInMs !== null) return Math.max(0, dueInMs + offsetMs - inHandMs);
    if (!this.#sentAnything) return 0;
    const newest = stage.window.at(-1) ?? segment;
    const nextInMs = Math.max(0, durationMs(newest) - stage.edgeAgeMs);
    const lastsMs = inHandMs + audioFrom(stage.window, segment) - offsetMs;
    if (lastsMs >= nextInMs + marginMs) return 0;
    // Silence it is, then: as much as lasts when segments have their usual length again.
    const usualMs = Math.max(nextInMs, ...stage.window.slice(-usualSegments).map(durationMs));
    return usualMs + marginMs - lastsMs;
  }

  /** Nothing to play: silence when what is in hand runs low. */
  #bridge(nowMs: number): Decision {
    const leftMs = this.#heldUntilMs - lowMs - nowMs;
    return leftMs > 0 ? { kind: "wait", ms: leftMs } : { kind: "silence", ms: silenceMs };
  }
}

/** Silence has no segments. */
const hasSomething = ({ window, patienceMs }: StageView): boolean =>
  window.length > 0 || patienceMs === Number.POSITIVE_INFINITY;

/** Its source is there and brings something, or did a moment ago. */
const isOnAir = ({ phase, silentMs, patienceMs }: StageView): boolean =>
  phase === "live" && silentMs <= patienceMs;

/** Whether listeners who are there stay: it is on air, or waits for its source. */
export const isThere = (stage: StageView): boolean => stage.phase === "waiting" || isOnAir(stage);

/** Audio of the window from a segment on, ms. */
function audioFrom(window: readonly SegmentRef[], segment: SegmentRef): number {
  let ms = 0;
  for (const other of window.toReversed()) {
    if (comparePosition(other, segment) < 0) break;
    ms += durationMs(other);
  }
  return ms;
}
