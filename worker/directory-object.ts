import { DurableObject } from "cloudflare:workers";
import type { EdgeSecrets } from "../shared/edge-secrets.ts";
import type { EdgeStation } from "../shared/edge-station.ts";
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
import { type Millis, type MountPath, millis } from "../shared/units.ts";
import { BeatingClock } from "./beating-clock.ts";
import type { Env } from "./env.ts";
import { KnownMounts } from "./known-mounts.ts";
import { stationSeatsRecallMs } from "./limits.ts";
import { SeatMemory } from "./seat-memory.ts";
import { mountLimits } from "./station.ts";

/** What an isolate learns from the directory in one call. */
export interface DirectoryListing {
  /** Since when the directory has been up, ms since the Unix epoch. */
  readonly startedMs: number;
  /** Mounts on air, by path. */
  readonly mounts: readonly MountStatus[];
  /** Mounts that had a source, the last 1,000 of them. No others have an object, so nobody makes one by asking for it. */
  readonly known: readonly MountPath[];
  /** The station's settings as an ingest host told them; null when none has. */
  readonly station: EdgeStation | null;
  /** Who may do what, told along with the settings; never to be shown. */
  readonly secrets: EdgeSecrets | null;
}

/**
 * The station's mounts and settings. Which mounts have had a source is stored, and so are the settings; what is on
 * air is not, for the mounts tell it again within seconds, and an entry that is not repeated expires.
 */
export class DirectoryObject extends DurableObject<Env> {
  readonly #startedMs = Date.now();
  /** Beats while mounts and runtimes speak: nothing expires because the machine's clock was set. */
  readonly #clock = new BeatingClock((work) => this.ctx.waitUntil(work));
  readonly #known: KnownMounts;
  readonly #mounts = new Map<MountPath, { readonly status: MountStatus; readonly untilMs: number }>();
  #seats: SeatTable = noSeats;
  readonly #memory: SeatMemory;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#memory = new SeatMemory(ctx.storage, stationSeatsRecallMs);
    const stored = [...ctx.storage.kv.list<number | true>({ prefix: knownPrefix })];
    this.#known = new KnownMounts(
      // `true` is what was stored before times were.
      stored.map(([key, atMs]) => [key.slice(knownPrefix.length) as MountPath, Number(atMs)]),
    );
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
    if (secrets) this.ctx.storage.kv.put(secretsKey, { format: 1, secrets } satisfies StoredSecrets);
  }

  /** `status` null takes the mount off the air. `validMs` from now. */
  update(mount: MountPath, status: MountStatus | null, validMs: number): void {
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

  list(): DirectoryListing {
    const now = this.#now();
    for (const [mount, { untilMs }] of this.#mounts) {
      if (untilMs < now) this.#mounts.delete(mount);
    }
    const mounts = [...this.#mounts.values()].map(({ status }) => status);
    return {
      startedMs: this.#startedMs,
      mounts: mounts.toSorted((a, b) => (a.mount < b.mount ? -1 : 1)),
      known: this.#known.list,
      station: this.ctx.storage.kv.get<StoredStation>(stationKey)?.station ?? null,
      secrets: this.ctx.storage.kv.get<StoredSecrets>(secretsKey)?.secrets ?? null,
    };
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
const secretsKey = "secrets";

interface StoredStation {
  readonly format: 1;
  readonly station: EdgeStation;
}

interface StoredSecrets {
  readonly format: 1;
  readonly secrets: EdgeSecrets;
}
