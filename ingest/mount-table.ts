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

/** A source's claim to a mount: it is being let in until there is a session. */
interface Place {
  /** Names the source's login. */
  readonly credential: string;
  session: SourceSession | null;
  /** Resolves when the reservation is filled, or to null when it is given back first. */
  readonly arrival: PromiseWithResolvers<SourceSession | null>;
}

interface Entry {
  readonly publisher: SegmentPublisher;
  held: Place | null;
  /** Of one that is being let in while another is on air: its mount is taken over when this one is granted. */
  next: Place | null;
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
    return this.#entries.get(mount)?.held != null;
  }

  /** The login of the source that is being let in to a mount; null when there is none. */
  entering(mount: MountPath): string | null {
    return entering(this.#entries.get(mount))?.credential ?? null;
  }

  /**
   * The source of a mount as soon as it is on air, the one that takes it over where there is one; null when there is
   * none and none is let in.
   */
  async arriving(mount: MountPath): Promise<SourceSession | null> {
    const arrived = await entering(this.#entries.get(mount))?.arrival.promise;
    return arrived ?? this.session(mount);
  }

  /** The source that is on air on a mount. */
  session(mount: MountPath): SourceSession | null {
    return this.#entries.get(mount)?.held?.session ?? null;
  }

  /** Sources on air. */
  get sessions(): readonly SourceSession[] {
    return [...this.#entries.values()].flatMap(({ held }) => held?.session ?? []);
  }

  get publishers(): ReadonlyMap<MountPath, SegmentPublisher> {
    return new Map([...this.#entries].map(([mount, { publisher }]) => [mount, publisher]));
  }

  /**
   * A mount for a source of this login. One that has a source on air can be reserved beside it, once: that source stays
   * on air until the reservation is filled, and when it ends before, the mount is the reservation's.
   */
  reserve(mount: MountPath, credential: string): Reservation | "mount-in-use" | "too-many-sources" {
    this.#forgetIdle();
    if (this.entering(mount) !== null) return "mount-in-use";
    const heldMounts = [...this.#entries.values()].filter(({ held }) => held !== null).length;
    if (!this.isHeld(mount) && heldMounts >= this.#maxSources()) return "too-many-sources";
    const entry = this.#entry(mount);
    const reservation: Reservation = {
      mount,
      publisher: entry.publisher,
      fill: (session) => {
        if (entry.next === place) [entry.held, entry.next] = [place, null];
        if (entry.held !== place) return;
        place.session = session;
        place.arrival.resolve(session);
      },
      free: () => {
        if (entry.held === place) [entry.held, entry.next] = [entry.next, null];
        else if (entry.next === place) entry.next = null;
        place.arrival.resolve(null);
      },
    };
    const place: Place = { credential, session: null, arrival: Promise.withResolvers() };
    if (entry.held === null) entry.held = place;
    else entry.next = place;
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
    const entry: Entry = { publisher, held: null, next: null };
    this.#entries.set(mount, entry);
    return entry;
  }

  #forgetIdle(): void {
    for (const [mount, { publisher, held }] of this.#entries) {
      if (held === null && publisher.queued.segments === 0) this.#entries.delete(mount);
    }
  }
}

function entering(entry: Entry | undefined): Place | null {
  const latest = entry?.next ?? entry?.held;
  return latest?.session === null ? latest : null;
}
