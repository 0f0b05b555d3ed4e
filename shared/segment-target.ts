/**
 * How long segments should be while listeners have less in hand than they joined with.
 *
 * A listener joins a burst behind live. Whenever nothing new came for a while, that much of the burst is gone, and it
 * stays gone unless the source sends what it kept back. A segment is heard only when it is whole: one that lasts longer
 * than what listeners have in hand comes too late for them. So segments are short until the schedule is restored: the
 * first is no shorter than the next, because who heard the break gets silence enough to wait for one more like it.
 *
 * A source in real time never restores it, and short segments cost a multiple of the usual ones for all listeners. What
 * those who were there have in hand is the same for ever, so after a calm while segments are as long as that allows; after
 * a long one they have their usual length whatever it allows: the few who are still there hear one more pause.
 */

/** Shortest target, ms: each segment costs a PUT and an announcement. */
const shortestMs = 500;
/** What a segment needs from its last frame until listeners have it, with a busy machine at every step, ms. */
const deliveryMs = 600;
/** With this much in hand beyond a whole segment there is no hurry, ms. */
const roomyMs = 2_000;
/** Without another hiccup for this long segments are as long as is safe, ms. */
const calmMs = 10 * 60_000;
/** ...and for this long as long as they usually are, ms: hardly anybody listens for hours. */
const forgottenMs = 2 * 3_600_000;
/** A gap that is no longer than this is how audio arrives, ms. */
const jitterMs = 250;

/** Target of a segment, ms, for listeners who have `cushionMs` in hand. Half of that, as the one after it must be in time as well. */
export function segmentTargetMs(cushionMs: number, segmentMs: number): number {
  if (cushionMs >= segmentMs + roomyMs) return segmentMs;
  const targetMs = (cushionMs - deliveryMs) / 2;
  return Math.min(segmentMs, Math.max(shortestMs, targetMs));
}

/**
 * The longest target, ms, that is in time for listeners who have `cushionMs` in hand when each segment begins: no more of it
 * is left over than a line that jitters may take.
 */
export function longestTargetMs(cushionMs: number, segmentMs: number): number {
  const targetMs = cushionMs - deliveryMs - jitterMs;
  return Math.max(segmentTargetMs(cushionMs, segmentMs), Math.min(segmentMs, targetMs));
}

/** Since when listeners have had less in hand. */
interface Lag {
  /** By how much, ms. */
  readonly gapMs: number;
  readonly sinceMs: number;
  /** Audio that has come since, ms. */
  audioMs: number;
}

/** The target of one source's segments over time. `nowMs` is any clock that runs evenly. */
export class SegmentTarget {
  readonly #segmentMs: number;
  readonly #burstMs: number;
  #lag: Lag | null = null;

  /** `burstMs`: how far behind live listeners join. */
  constructor({ segmentMs, burstMs }: { readonly segmentMs: number; readonly burstMs: number }) {
    this.#segmentMs = segmentMs;
    this.#burstMs = burstMs;
  }

  /** Audio comes again after nothing for `gapMs`; it is told with `add` next. */
  resume(gapMs: number, nowMs: number): void {
    const lagMs = this.#lagMs(nowMs - gapMs) + gapMs;
    // Who has had nothing for a whole burst hears the break, and the splice at its end is padded to any segment.
    const unheard = lagMs > jitterMs && lagMs < this.#burstMs;
    this.#lag = unheard ? { gapMs: lagMs, sinceMs: nowMs, audioMs: 0 } : null;
  }

  /** Audio has come. */
  add(audioMs: number): void {
    if (this.#lag) this.#lag.audioMs += audioMs;
  }

  /** A segment has been closed. */
  cut(nowMs: number): void {
    if (this.#lagMs(nowMs) <= jitterMs || this.#calmMs(nowMs) >= forgottenMs) this.#lag = null;
  }

  /** Target of the open segment, ms. */
  ms(nowMs: number): number {
    if (!this.#lag) return this.#segmentMs;
    const cushionMs = this.#burstMs - this.#lagMs(nowMs);
    const targetOf = this.#calmMs(nowMs) >= calmMs ? longestTargetMs : segmentTargetMs;
    return targetOf(cushionMs, this.#segmentMs);
  }

  /** How long ago the last hiccup ended, ms. */
  #calmMs(nowMs: number): number {
    return this.#lag ? nowMs - this.#lag.sinceMs : 0;
  }

  /** How far behind its schedule the source is, ms: the gap less what it has sent faster than real time since. */
  #lagMs(nowMs: number): number {
    if (!this.#lag) return 0;
    const aheadMs = Math.max(0, this.#lag.audioMs - (nowMs - this.#lag.sinceMs));
    return Math.max(0, this.#lag.gapMs - aheadMs);
  }
}
