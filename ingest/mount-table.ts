import type { MountPath } from "../shared/units.ts";
import type { SegmentPublisher } from "./segment-publisher.ts";
import type { SourceSession } from "./source-session.ts";

/** A mount taken for a source that is about to come: filled with its session, or given back. */
export interface Reservation {
  readonly mount: MountPath;
  readonly publisher: SegmentPublisher;
  /** The source is on air. */
  fill(session: SourceSession): void;
  /** The mount is free at once; its publisher lives on until its queue is empty. Safe to repeat. */
  free(): void;
}

interface Entry {
  readonly publisher: SegmentPublisher;
  reservation: Reservation | null;
  session: SourceSession | null;
  /** Of the reservation; resolves when it is filled, or to null when it is given back first. */
  arrival: PromiseWithResolvers<SourceSession | null>;
}

/** Which mounts are held by sources of this host, each with the queue of its segments. */
export class MountTable {
  readonly #maxSources: () => number;
  readonly #createPublisher: (mount: MountPath) => SegmentPublisher;
  readonly #entries = new Map<MountPath, Entry>();

  constructor(maxSources: () => number, createPublisher: (mount: MountPath) => SegmentPublisher) {
    this.#maxSources = maxSources;
    this.#createPublisher = createPublisher;
  }

  isHeld(mount: MountPath): boolean {
    return this.#entries.get(mount)?.reservation != null;
  }

  /** The source of a mount as soon as it is on air; null when there is none and none is being let in. */
  arriving(mount: MountPath): Promise<SourceSession | null> {
    const entry = this.#entries.get(mount);
    return entry?.reservation ? entry.arrival.promise : Promise.resolve(null);
  }

  /** The source that is on air on a mount. */
  session(mount: MountPath): SourceSession | null {
    return this.#entries.get(mount)?.session ?? null;
  }

  /** Sources on air. */
  get sessions(): readonly SourceSession[] {
    return [...this.#entries.values()].flatMap(({ session }) => session ?? []);
  }

  get publishers(): ReadonlyMap<MountPath, SegmentPublisher> {
    return new Map([...this.#entries].map(([mount, { publisher }]) => [mount, publisher]));
  }

  reserve(mount: MountPath): Reservation | "mount-in-use" | "too-many-sources" {
    this.#forgetIdle();
    if (this.isHeld(mount)) return "mount-in-use";
    const held = [...this.#entries.values()].filter(({ reservation }) => reservation !== null).length;
    if (held >= this.#maxSources()) return "too-many-sources";
    const entry = this.#entry(mount);
    const arrival = (entry.arrival = Promise.withResolvers());
    const reservation: Reservation = {
      mount,
      publisher: entry.publisher,
      fill: (session) => {
        if (entry.reservation !== reservation) return;
        entry.session = session;
        arrival.resolve(session);
      },
      free: () => {
        if (entry.reservation !== reservation) return;
        entry.reservation = null;
        entry.session = null;
        arrival.resolve(null);
      },
    };
    entry.reservation = reservation;
    return reservation;
  }

  /** The queue of a mount that nobody holds, for segments that an earlier process left. It lives on until it is empty. */
  publisher(mount: MountPath): SegmentPublisher {
    return this.#entry(mount).publisher;
  }

  #entry(mount: MountPath): Entry {
    const known = this.#entries.get(mount);
    if (known) return known;
    const publisher = this.#createPublisher(mount);
    const entry = {
      publisher,
      reservation: null,
      session: null,
      arrival: Promise.withResolvers<SourceSession | null>(),
    };
    this.#entries.set(mount, entry);
    return entry;
  }

  #forgetIdle(): void {
    for (const [mount, { publisher, reservation }] of this.#entries) {
      if (reservation === null && publisher.queued.segments === 0) this.#entries.delete(mount);
    }
  }
}
