/**
 * Events in the order they happened, the last of them kept for readers that come back: each is told what it has missed,
 * or that this cannot be told any more.
 *
 * Every event has a sequence, which rises by one. An event with a key replaces the one before it of the same key: of a
 * count only the newest is news. A reader is told every event without a key, none twice, all in order.
 */
export interface RingEvent<Body> {
  readonly sequence: number;
  readonly key: string | null;
  readonly body: Body;
}

/** What one ring tells another, which keeps the same events elsewhere. */
export interface RingPart<Body> {
  /** Nothing is missing between this sequence and `events`. */
  readonly after: number;
  readonly events: readonly RingEvent<Body>[];
  /** The newest sequence there was; its event may have been taken back. */
  readonly last: number;
}

export class EventRing<Body> {
  readonly #capacity: number;
  /** In order; those without a key are `capacity` at most, those with one as many as there are keys. */
  #events: RingEvent<Body>[] = [];
  #keyless = 0;
  #last = 0;
  /** Events up to this are gone. */
  #gone = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Sequence of the newest event, 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Something has happened. */
  push(body: Body, key: string | null = null): void {
    this.#add({ sequence: this.#last + 1, key, body });
  }

  /** The event of this key is of no interest any more. */
  takeBack(key: string): void {
    const at = this.#events.findIndex((event) => event.key === key);
    if (at >= 0) this.#events.splice(at, 1);
  }

  /** What has happened after an event; null when that cannot be told: some of it is gone, or the sequence is none of ours. */
  after(sequence: number): readonly RingEvent<Body>[] | null {
    if (sequence < this.#gone || sequence > this.#last) return null;
    if (sequence === this.#last) return [];
    return this.#events.slice(this.#events.findLastIndex((event) => event.sequence <= sequence) + 1);
  }

  /** For a copy of this ring that has the events up to `sequence`; all there is for one that has none or too old ones. */
  partAfter(sequence: number | null): RingPart<Body> {
    const missed = sequence === null ? null : this.after(sequence);
    if (sequence !== null && missed) return { after: sequence, events: missed, last: this.#last };
    return { after: this.#gone, events: this.#events.slice(), last: this.#last };
  }

  /** What the ring tells that this one copies. A part that does not go on where this one ends replaces everything. */
  take({ after, events, last }: RingPart<Body>): void {
    if (after !== this.#last) {
      this.#events = [];
      this.#keyless = 0;
      this.#gone = after;
    }
    for (const event of events) this.#add(event);
    this.#last = last;
  }

  #add(event: RingEvent<Body>): void {
    if (event.key === null) this.#keyless++;
    else this.takeBack(event.key);
    this.#events.push(event);
    this.#last = event.sequence;
    if (this.#keyless <= this.#capacity) return;
    // Nobody who lacks this one is told of those before it.
    const oldest = this.#events.findIndex(({ key }) => key === null);
    this.#gone = this.#events[oldest]?.sequence ?? this.#gone;
    this.#events.splice(0, oldest + 1);
    this.#keyless--;
  }
}
