import { DurableObject } from "cloudflare:workers";
import type { EdgeSecrets } from "../shared/edge-secrets.ts";
import type { EdgeStation } from "../shared/edge-station.ts";
import { EventRing } from "../shared/event-ring.ts";
import type { MountStatus } from "../shared/mount-status.ts";
import {
  type Granted,
  noSeats,
  reportSeats,
  requestSeats,
  type SeatReport,
  type SeatRequest,
  seatsTaken,
  type SeatTable,
} from "../shared/seats.ts";
import {
  type EventFeed,
  type EventId,
  keysOf,
  type StationEvent,
  statusEvents,
} from "../shared/station-events.ts";
import { type Millis, type MountPath, millis } from "../shared/units.ts";
import { BeatingClock } from "./beating-clock.ts";
import type { Env } from "./env.ts";
import { KnownMounts } from "./known-mounts.ts";
import { longestLeaseMs, republishMs, ringEvents, stationSeatsRecallMs } from "./limits.ts";
import { SeatMemory } from "./seat-memory.ts";
import { StoredSecrets } from "./stored-secrets.ts";
import { mountLimits } from "./station.ts";

/** What an isolate has already, so that it is told only what is new. */
export interface DirectoryQuestion {
  /** `settingsVersion` of the settings it has, and `secretsVersion` of the secrets. */
  readonly settings?: string;
  readonly secrets?: string;
  /** The newest event it has; null when it has none and wants them; absent when it does not want any. */
  readonly events?: EventId | null;
}

/** What an isolate learns from the directory in one call. */
export interface DirectoryReply {
  /** Since when the directory has been up, ms since the Unix epoch. */
  readonly startedMs: number;
  /** Mounts on air, by path. */
  readonly mounts: readonly MountStatus[];
  /** Mounts that had a source, the last 1,000 of them. No others have an object, so nobody makes one by asking for it. */
  readonly known: readonly MountPath[];
  /** Another for other settings. */
  readonly settingsVersion: string;
  /** Absent when the asker has them. */
  readonly settings?: DirectorySettings;
  /** Another for other secrets, and for those alone: they may be megabytes. */
  readonly secretsVersion: string;
  /** Who may do what, never to be shown; null when no ingest host has told it. Absent when the asker has it. */
  readonly secrets?: EdgeSecrets | null;
  readonly events?: EventFeed;
}

/** What an ingest host and administrators have told. */
export interface DirectorySettings {
  /** null when no ingest host has told any. */
  readonly station: EdgeStation | null;
  /** What administrators have mounts fall back to, before what the settings say. */
  readonly fallbacks: FallbackOverrides;
}
export type FallbackOverrides = Readonly<Record<string, MountPath>>;

/**
 * The station's mounts and settings, and what happens there. Which mounts have had a source is stored, and so are the
 * settings. What is on air the mounts repeat within seconds, and an entry that is not repeated expires; so that a
 * directory that was started anew does not have the station off the air meanwhile, its last word is stored too.
 */
export class DirectoryObject extends DurableObject<Env> {
  readonly #startedMs = Date.now();
  /** Beats while mounts and runtimes speak: nothing expires because the machine's clock was set. */
  readonly #clock = new BeatingClock((work) => this.ctx.waitUntil(work));
  readonly #known: KnownMounts;
  readonly #mounts = new Map<MountPath, { readonly status: MountStatus; readonly untilMs: number }>();
  readonly #events = new EventRing<StationEvent>(ringEvents);
  /** Of the events: how often the directory has been started. */
  readonly #epoch: number;
  #settingsChanges = 0;
  #seats: SeatTable = noSeats;
  readonly #memory: SeatMemory;
  readonly #secrets: StoredSecrets;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#secrets = new StoredSecrets(ctx.storage.kv);
    this.#memory = new SeatMemory(ctx.storage, stationSeatsRecallMs);
    const stored = [...ctx.storage.kv.list<number | true>({ prefix: knownPrefix })];
    this.#known = new KnownMounts(
      // `true` is what was stored before times were.
      stored.map(([key, atMs]) => [key.slice(knownPrefix.length) as MountPath, Number(atMs)]),
    );
    this.#epoch = (ctx.storage.kv.get<number>(startsKey) ?? 0) + 1;
    ctx.storage.kv.put(startsKey, this.#epoch);
    const untilMs = this.#clock.now() + longestLeaseMs + republishMs;
    for (const [, { status }] of ctx.storage.kv.list<StoredStatus>({ prefix: onAirPrefix })) {
      this.#mounts.set(status.mount, { status, untilMs });
    }
  }

  /** A source has the mount. Resolves when that is stored. */
  remember(mount: MountPath): void {
    this.ctx.storage.kv.put(knownPrefix + mount, Date.now());
    this.#hear(mount);
  }

  #hear(mount: MountPath): void {
    for (const forgotten of this.#known.hear(mount, (each) => this.#mounts.has(each))) {
      this.ctx.storage.kv.delete(knownPrefix + forgotten);
    }
  }

  /** The settings from now on. Without `secrets`, as from an earlier release, those that were told stay. */
  keepStation(station: EdgeStation, secrets?: EdgeSecrets): void {
    this.ctx.storage.kv.put(stationKey, { format: 1, station } satisfies StoredStation);
    // A value of their own: an earlier release reads the settings as it wrote them.
    if (secrets) this.#secrets.keep(secrets);
    this.#settingsChanges++;
  }

  /** What administrators have mounts fall back to from now on: all of it. */
  keepFallbacks(fallbacks: FallbackOverrides): void {
    this.ctx.storage.kv.put(fallbacksKey, fallbacks);
    this.#settingsChanges++;
  }

  /** `status` null takes the mount off the air. `validMs` from now. */
  update(mount: MountPath, status: MountStatus | null, validMs: number): void {
    this.#tell(mount, status);
    if (!status) {
      this.#mounts.delete(mount);
      return;
    }
    this.#clock.beat();
    this.#mounts.set(mount, { status, untilMs: this.#clock.now() + validMs });
    if (this.#known.has(mount)) this.#hear(mount);
    else this.remember(mount);
  }

  /** As many of the station's seats as are free. */
  async requestSeats(request: SeatRequest): Promise<Granted> {
    await this.#memory.recalled();
    this.#clock.beat();
    const { table, granted } = requestSeats(this.#seats, request, this.#now(), seatLimits);
    this.#seats = table;
    this.#memory.keep(this.#seatsTaken() > 0);
    return granted;
  }

  /** What a runtime holds of the station's seats, told at least every `reportTtlMs`. */
  reportSeats(report: SeatReport): void {
    this.#clock.beat();
    this.#seats = reportSeats(this.#seats, report, this.#now(), seatLimits);
    if (this.#seatsTaken() === 0) this.#memory.keep(false);
  }

  list(question: DirectoryQuestion = {}): DirectoryReply {
    const now = this.#now();
    for (const [mount, { untilMs }] of this.#mounts) {
      if (untilMs >= now) continue;
      this.#tell(mount, null);
      this.#mounts.delete(mount);
    }
    const mounts = [...this.#mounts.values()].map(({ status }) => status);
    const settingsVersion = `${this.#epoch}-${this.#settingsChanges}`;
    const secretsVersion = this.#secrets.version;
    return {
      startedMs: this.#startedMs,
      mounts: mounts.toSorted((a, b) => (a.mount < b.mount ? -1 : 1)),
      known: this.#known.list,
      settingsVersion,
      ...(question.settings !== settingsVersion && { settings: this.#settings() }),
      secretsVersion,
      ...(question.secrets !== secretsVersion && { secrets: this.#secrets.read() }),
      ...(question.events !== undefined && { events: this.#eventsAfter(question.events) }),
    };
  }

  #settings(): DirectorySettings {
    const { kv } = this.ctx.storage;
    return {
      station: kv.get<StoredStation>(stationKey)?.station ?? null,
      fallbacks: kv.get<FallbackOverrides>(fallbacksKey) ?? {},
    };
  }

  #eventsAfter(id: EventId | null): EventFeed {
    const after = id?.epoch === this.#epoch ? id.sequence : null;
    return { epoch: this.#epoch, ...this.#events.partAfter(after) };
  }

  /** Of a mount, before its entry changes. */
  #tell(mount: MountPath, status: MountStatus | null): void {
    const events = statusEvents(this.#mounts.get(mount)?.status, status);
    for (const { event, key } of events) this.#events.push(event, key);
    if (!status) {
      for (const key of keysOf(mount)) this.#events.takeBack(key);
      if (events.length > 0) this.ctx.storage.kv.delete(onAirPrefix + mount);
    } else if (events.some(({ key }) => key === null)) {
      // Not for each listener: what is stored costs, and within seconds the mount says the rest.
      this.ctx.storage.kv.put(onAirPrefix + mount, { format: 1, status } satisfies StoredStatus);
    }
  }

  #seatsTaken(): number {
    return seatsTaken(this.#seats, this.#now(), seatLimits);
  }

  #now(): Millis {
    return millis(this.#clock.now());
  }
}

const seatLimits = { ttlMs: mountLimits.reportTtlMs, runtimes: mountLimits.reporters };

const knownPrefix = "known ";
const stationKey = "station";
const fallbacksKey = "fallbacks";
const startsKey = "starts";
const onAirPrefix = "on air ";

interface StoredStatus {
  readonly format: 1;
  readonly status: MountStatus;
}

interface StoredStation {
  readonly format: 1;
  readonly station: EdgeStation;
}
