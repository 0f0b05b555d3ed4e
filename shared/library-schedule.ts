import type { LibraryEdition } from "./library.ts";
import type { LibraryPlay, LibrarySpan } from "./library-span.ts";
import { spanOf } from "./library-times.ts";
import type { Title } from "./mount-state.ts";
import type { SegmentRef } from "./segment.ts";
import type { Millis } from "./units.ts";

/**
 * What a library plays at a moment of the wall clock: its editions one after the other, each from its `fromMs` on. Pure, and
 * exact to the sample: whoever has the same editions gets the same.
 *
 * A span of time that ends in the midst of a play (another edition, another part of the day) ends it with the segment of
 * which at least half lies before the end: the next begins on time, and nobody is more than half a segment ahead or behind.
 */
export interface ScheduledEdition {
  readonly fromMs: number;
  readonly edition: LibraryEdition;
}

/** The segments of a play as a mount would have them. */
export type PlaySegments = (play: LibraryPlay) => readonly SegmentRef[] | null;

export interface LibraryWindow {
  /** In order; those that have played. */
  readonly window: readonly SegmentRef[];
  /** Title in force at the window's first sample. */
  readonly titleBefore: Title | null;
  /** When the newest of them ended, ms since the Unix epoch, not rounded. */
  readonly edgeAtMs: number;
  /** When the next one ends, as far as that is known; else when the play does. */
  readonly nextAtMs: number;
}

/** Plays looked at for one window: of a minute, pieces of two seconds. */
const maxPlays = 32;

export class LibrarySchedule {
  readonly #editions: readonly ScheduledEdition[];
  /** Those used last. */
  #spans: readonly LibrarySpan[] = [];

  /** By `fromMs`, each later than the one before. */
  constructor(editions: readonly ScheduledEdition[]) {
    this.#editions = editions;
  }

  /** Null before the first edition. */
  playAt(now: number): LibraryPlay | null {
    const span = this.#spanAt(now);
    return span && span.playAt(Math.floor((now - span.bounds.fromMs) * span.ticksPerMs));
  }

  /** What less than a millisecond is left for does not come. */
  after({ span, endTick }: LibraryPlay): LibraryPlay | null {
    const { fromMs, untilMs } = span.bounds;
    const isLast = endTick > (untilMs - 1 - fromMs) * span.ticksPerMs;
    return isLast ? this.playAt(untilMs) : span.playAt(endTick);
  }

  before({ span, startTick }: LibraryPlay): LibraryPlay | null {
    return startTick > 0 ? span.playAt(startTick - 1) : this.playAt(span.bounds.fromMs - 1);
  }

  /** The first whole ms at or after `ms` at which a play is over: another edition that begins then cuts nothing off. */
  borderFrom(ms: number): number {
    const play = this.playAt(ms);
    return play ? Math.max(ms, Math.ceil(endMs(play))) : ms;
  }

  /** The plays that are heard from `fromMs` to `toMs`, in order, the last `maxPlays` of them. */
  plays(fromMs: number, toMs: number): LibraryPlay[] {
    const found: LibraryPlay[] = [];
    for (let play = this.playAt(toMs); play && found.length < maxPlays; play = this.before(play)) {
      found.push(play);
      if (startMs(play) <= fromMs) break;
    }
    return found.toReversed();
  }

  /**
   * The segments that have played by `now` and reach back for at least `windowMs`. Plays of which `segmentsOf` knows nothing
   * are missing.
   */
  window(now: Millis, windowMs: number, segmentsOf: PlaySegments): LibraryWindow {
    const window: SegmentRef[] = [];
    let titleBefore: Title | null = null;
    let edgeAtMs = Number.NEGATIVE_INFINITY;
    let nextAtMs = Number.POSITIVE_INFINITY;
    const plays = this.plays(now - windowMs, now);
    for (const play of plays) {
      let title = play.track.title;
      for (const segment of segmentsOf(play) ?? []) {
        // Of what stands in for it.
        title = segment.titles[0]?.text ?? title;
        const heardAtMs = heardMs(play, segment);
        if (heardAtMs === null) break;
        if (heardAtMs > now) {
          nextAtMs = heardAtMs;
          break;
        }
        if (heardAtMs < now - windowMs) continue;
        titleBefore ??= { text: title };
        edgeAtMs = heardAtMs;
        window.push(segment);
      }
    }
    const current = plays.at(-1);
    if (nextAtMs === Number.POSITIVE_INFINITY && current) nextAtMs = endMs(current);
    return { window, titleBefore, edgeAtMs, nextAtMs };
  }

  #spanAt(now: number): LibrarySpan | null {
    const known = this.#spans.find(({ bounds }) => bounds.fromMs <= now && now < bounds.untilMs);
    if (known) return known;
    const index = this.#editions.findLastIndex(({ fromMs }) => fromMs <= now);
    const found = this.#editions[index];
    if (!found) return null;
    const untilMs = this.#editions[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    const span = spanOf(found.edition, { fromMs: found.fromMs, untilMs }, now);
    this.#spans = [span, ...this.#spans].slice(0, spansKept);
    return span;
  }
}

/** The one that plays and the ones beside it. */
const spansKept = 3;

/** When a play begins, ms since the Unix epoch, not rounded. */
export const startMs = ({ span, startTick }: LibraryPlay): number =>
  span.bounds.fromMs + startTick / span.ticksPerMs;

/** When a play ends, ms since the Unix epoch, not rounded. */
export const endMs = ({ span, endTick }: LibraryPlay): number =>
  Math.min(span.bounds.untilMs, span.bounds.fromMs + endTick / span.ticksPerMs);

/** When a segment of a play has been heard; null when it is not, for another span has begun. */
function heardMs({ span, track, startTick }: LibraryPlay, segment: SegmentRef): number | null {
  const { fromMs, untilMs } = span.bounds;
  const ticksPerSample = span.ticksPerSample(track);
  const from = startTick + segment.firstSample * ticksPerSample;
  const ticks = segment.samples * ticksPerSample;
  const until = (untilMs - fromMs) * span.ticksPerMs;
  if (2 * from + ticks > 2 * until) return null;
  return Math.min(untilMs, fromMs + (from + ticks) / span.ticksPerMs);
}
