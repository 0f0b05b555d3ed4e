import { SeatHolder } from "../shared/seat-holder.ts";
import type { SeatReport } from "../shared/seats.ts";
import type { MountPath } from "../shared/units.ts";
import { directoryName, knownStation } from "./directory.ts";
import { mountSeatsEveryMs, stationSeatsEveryMs } from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { libraryOf } from "./station.ts";
import { SeatPool } from "./seat-pool.ts";

/** A listener's place on its mount and in the station. */
export interface Seat {
  /** The first call counts. `host` may be that of any request that still works. */
  leave(host: Host): void;
  /** The listener goes on on another mount, which may have more than its limit then: an administrator wants it so. */
  moveTo(mount: MountPath, host: Host): void;
}

export interface SeatLimits {
  /** Listeners of the mount; undefined is unlimited. */
  readonly max: number | undefined;
  /** Listeners of the station; undefined is unlimited. */
  readonly maxInAll: number | undefined;
}

/**
 * A place for one more listener, counted from then on: at once where there is no limit, else after a call of the mount's
 * object, or the directory's, that all who come at the same time share. "full": the limit is reached. "unknown": nobody
 * can say now.
 */
export function takeSeat(
  mount: MountPath,
  limits: SeatLimits,
  host: Host,
): Promise<Seat | "full" | "unknown"> {
  const taken = take(mount, limits, host);
  // A listener that goes meanwhile must not take the seat along.
  host.keepAlive(taken);
  return taken;
}

async function take(
  mount: MountPath,
  { max, maxInAll }: SeatLimits,
  host: Host,
): Promise<Seat | "full" | "unknown"> {
  let pool = poolOf(mount);
  const onMount = await pool.take(host, max);
  if (onMount !== "seat") return onMount;
  const inAll = await station.take(host, maxInAll);
  if (inAll !== "seat") {
    pool.leave(host);
    return inAll;
  }
  let at = mount;
  let taken = true;
  const leaveMount = (last: Host): void => {
    pool.leave(last);
    // The count goes along with the next question, which nobody asks when nobody is left.
    if (pool.seated === 0 && isTold(at, pool, last)) pool.renew(last, 0);
  };
  return {
    leave(last) {
      if (!taken) return;
      taken = false;
      leaveMount(last);
      station.leave(last);
    },
    moveTo(other, last) {
      if (!taken) return;
      leaveMount(last);
      at = other;
      pool = poolOf(at);
      pool.add(last);
    },
  };
}

/** Listeners of this isolate: of one mount, or of all. */
export const listenersHere = (mount?: MountPath): number =>
  mount === undefined ? station.seated : (pools.get(mount)?.seated ?? 0);

/**
 * What this isolate says of a mount's listeners, to go along with a question to the mount: not older than the question.
 * Whatever else it holds is kept alive by it too.
 */
export function seatReport(mount: MountPath, host: Host): SeatReport {
  const report = poolOf(mount).report();
  renewSeats(host);
  return report;
}

/** Keeps what this isolate holds alive; costs nothing while that is not due. */
export function renewSeats(host: Host): void {
  if (msSince(renewedMs) < stationSeatsEveryMs) return;
  renewedMs = Date.now();
  if (knownStation(host.env).maxListenersInAll !== undefined) station.renew(host, stationSeatsEveryMs);
  for (const [mount, pool] of pools) {
    // Of a mount whose listeners hear something else nobody may be asking.
    if (pool.seated > 0 && isTold(mount, pool, host)) pool.renew(host, mountSeatsEveryMs);
  }
}

/** Where a library plays the mount's object needs to know of listeners only for a limit. */
const isTold = (mount: MountPath, pool: SeatPool, { env }: Host): boolean =>
  pool.hasLimit || libraryOf(knownStation(env), mount) === undefined;

const pools = new Map<MountPath, SeatPool>();
let runtime: string | undefined;
let calls = 0;
let renewedMs = 0;

const station = new SeatPool(new SeatHolder(runtimeName, nextCall), (host) =>
  host.env.DIRECTORY.getByName(directoryName),
);

function poolOf(mount: MountPath): SeatPool {
  const known = pools.get(mount);
  if (known) return known;
  for (const [name, pool] of pools) {
    if (pool.isIdle) pools.delete(name);
  }
  const pool = new SeatPool(new SeatHolder(runtimeName, nextCall), (host) => {
    const object = host.env.MOUNT.getByName(mount);
    return {
      requestSeats: (request) => object.requestSeats(mount, request),
      reportSeats: (report) => object.reportSeats(mount, report),
    };
  });
  pools.set(mount, pool);
  return pool;
}

/** One count for all objects, so that a pool which was forgotten goes on where it was. */
function nextCall(): number {
  return ++calls;
}

/** Identity of this isolate; made on first use, for the global scope may not draw random numbers. */
function runtimeName(): string {
  runtime ??= crypto.randomUUID();
  return runtime;
}
