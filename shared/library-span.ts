import type { LibraryEdition, LibraryTrack } from "./library.ts";
import { RotationOrder, seedOf } from "./library-rotation.ts";
import { type Epoch, epoch } from "./units.ts";

/**
 * A time in which one rotation of an edition plays, from its first round on. Times within are counted in *ticks*, of which
 * every sample of every rate that the edition has is a whole number, and so is a millisecond: nothing is ever rounded.
 * Numbers stay exact for 600 years where all is of one rate, and for 20 years whatever rates are mixed.
 *
 * After every N tracks a jingle comes, counted over the rounds' borders; jingles have rounds of their own. So the place of
 * track `t` is that of `t` tracks and `floor(t / N)` jingles, both known from whole rounds and a part of one.
 */
export interface SpanBounds {
  /** Wall clock of its first sample, whole ms since the Unix epoch. */
  readonly fromMs: number;
  /** When another plays; Infinity while none is known. */
  readonly untilMs: number;
}

/** A track or a jingle that plays. */
export interface LibraryPlay {
  readonly kind: "track" | "jingle";
  readonly track: LibraryTrack;
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  /** Its start, ms since the Unix epoch, rounded down: another for each play, and later ones are larger. */
  readonly epoch: Epoch;
  readonly span: LibrarySpan;
  /** From the span's beginning; it may be cut at the span's end. */
  readonly startTick: number;
  readonly endTick: number;
}

export class LibrarySpan {
  readonly bounds: SpanBounds;
  readonly ticksPerMs: number;
  readonly edition: LibraryEdition;
  readonly #tracks: TimedRotation;
  readonly #jingles: TimedRotation | null;
  readonly #everyTracks: number;

  /** Of the edition's rotation of that index; `seed` is another for each span of one edition. */
  constructor(edition: LibraryEdition, rotation: number, seed: number, bounds: SpanBounds) {
    const { tracks, jingles, rotations } = edition;
    this.bounds = bounds;
    this.edition = edition;
    const rates = tracks.map(({ sampleRate }) => sampleRate ?? edition.sampleRate);
    this.ticksPerMs = [...new Set(rates)].reduce(leastCommonMultiple, 1_000) / 1_000;
    const ticksOf = (index: number): number => {
      const track = tracks[index];
      return track ? track.samples * this.ticksPerSample(track) : 0;
    };
    const chosen = rotations[rotation];
    if (!chosen) throw new RangeError(`expected one of ${rotations.length} rotations, got ${rotation}`);
    const weights = chosen.tracks.map((index) => tracks[index]?.weight ?? 1);
    const order = new RotationOrder({ ...chosen, seed, weights });
    this.#tracks = new TimedRotation(order, chosen.tracks, ticksOf);
    this.#everyTracks = jingles?.everyTracks ?? Number.POSITIVE_INFINITY;
    this.#jingles = jingles
      ? new TimedRotation(
          new RotationOrder({
            order: jingles.order,
            memory: jingles.tracks.length,
            seed: seedOf(seed, 1),
            weights: jingles.tracks.map((index) => tracks[index]?.weight ?? 1),
          }),
          jingles.tracks,
          ticksOf,
        )
      : null;
  }

  ticksPerSample(track: LibraryTrack): number {
    return (this.ticksPerMs * 1_000) / (track.sampleRate ?? this.edition.sampleRate);
  }

  /** What plays at a tick of this span, 0 or later. */
  playAt(tick: number): LibraryPlay {
    const round = lastWhere(Math.floor(tick / this.#tracks.roundTicks), (candidate) => {
      return this.#trackStart(candidate * this.#tracks.length) <= tick;
    });
    const first = round * this.#tracks.length;
    const number =
      first + lastWhere(this.#tracks.length - 1, (index) => this.#trackStart(first + index) <= tick);
    const startTick = this.#trackStart(number);
    const index = this.#tracks.itemAt(number);
    const endTick = startTick + this.#tracks.ticksAt(number);
    if (tick < endTick || !this.#jingles) return this.#play("track", index, startTick, endTick);
    const jingle = this.#jinglesBefore(number + 1) - 1;
    const jingleIndex = this.#jingles.itemAt(jingle);
    return this.#play("jingle", jingleIndex, endTick, endTick + this.#jingles.ticksAt(jingle));
  }

  #trackStart(number: number): number {
    return this.#tracks.startOf(number) + (this.#jingles?.startOf(this.#jinglesBefore(number)) ?? 0);
  }

  #jinglesBefore(number: number): number {
    return Math.floor(number / this.#everyTracks);
  }

  #play(kind: LibraryPlay["kind"], index: number, startTick: number, endTick: number): LibraryPlay {
    const edition = this.edition;
    const track = edition.tracks[index];
    if (!track) throw new RangeError(`expected one of ${edition.tracks.length} tracks, got ${index}`);
    return {
      kind,
      track,
      sampleRate: track.sampleRate ?? edition.sampleRate,
      channels: track.channels ?? edition.channels,
      epoch: epoch(this.bounds.fromMs + Math.floor(startTick / this.ticksPerMs)),
      span: this,
      startTick,
      endTick,
    };
  }
}

/** An order with the times of its items. */
class TimedRotation {
  readonly length: number;
  readonly roundTicks: number;
  readonly #order: RotationOrder;
  /** What the order's items are. */
  readonly #items: readonly number[];
  readonly #ticksOf: (item: number) => number;
  /** The rounds that were asked for last. */
  readonly #rounds = new Map<number, { readonly items: readonly number[]; readonly starts: Float64Array }>();

  constructor(order: RotationOrder, items: readonly number[], ticksOf: (item: number) => number) {
    this.#order = order;
    this.#items = items;
    this.#ticksOf = ticksOf;
    this.length = order.length;
    this.roundTicks = this.#round(0).starts[order.length] ?? 0;
  }

  /** Where the play of this number begins among the others, ticks. */
  startOf(number: number): number {
    const round = Math.floor(number / this.length);
    const index = number - round * this.length;
    // The border of two rounds is where it is whatever their order.
    if (index === 0) return round * this.roundTicks;
    return round * this.roundTicks + (this.#round(round).starts[index] ?? 0);
  }

  itemAt(number: number): number {
    const round = Math.floor(number / this.length);
    return this.#round(round).items[number - round * this.length] ?? 0;
  }

  ticksAt(number: number): number {
    return this.#ticksOf(this.itemAt(number));
  }

  #round(round: number): { readonly items: readonly number[]; readonly starts: Float64Array } {
    const known = this.#rounds.get(round);
    if (known) return known;
    const items = this.#order.round(round).map((place) => this.#items[place] ?? 0);
    const starts = new Float64Array(items.length + 1);
    for (const [index, item] of items.entries()) {
      starts[index + 1] = (starts[index] ?? 0) + this.#ticksOf(item);
    }
    for (const oldest of this.#rounds.keys()) {
      if (this.#rounds.size < roundsKept) break;
      this.#rounds.delete(oldest);
    }
    const made = { items, starts };
    this.#rounds.set(round, made);
    return made;
  }
}

/** The one that plays, the ones beside it, and one to spare. */
const roundsKept = 4;

/** The largest number up to `most` that `holds`; it does for 0, and for none after one for which it does not. */
function lastWhere(most: number, holds: (candidate: number) => boolean): number {
  let [low, high] = [0, Math.max(0, most)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function leastCommonMultiple(a: number, b: number): number {
  let [divisor, rest] = [a, b];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return (a / divisor) * b;
}
