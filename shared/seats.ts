import type { Millis } from "./units.ts";

/**
 * Who sits where: listeners by runtime (isolate), never more of them than a maximum. A pure table; the object of a mount
 * keeps one, and the directory keeps one for the whole station.
 *
 * A runtime tells how many seats it holds, always the whole number, and may ask for more in the same call. Calls are
 * lost, come late, twice, or out of order, so each is numbered, and one that is not newer than the newest is ignored. A
 * runtime may report while it waits for an answer; what was granted in that answer counts on top of what it says it
 * holds, until it says that it has settled that call: it has counted the answer, or will never look at it.
 *
 * A call must not be under way for longer than `ttlMs`: a runtime that was silent for that long is forgotten, with the
 * numbers of its calls.
 */
export type SeatTable = Readonly<Record<string, RuntimeSeats>>;

interface RuntimeSeats {
  /** Number of its newest call. */
  readonly order: number;
  readonly held: number;
  /** Granted in the answer to call `grantOrder`, which the runtime has not settled as far as is known. */
  readonly granted: number;
  readonly grantOrder: number;
  readonly seenMs: Millis;
}

/** What a runtime says of itself. */
export interface SeatReport {
  readonly runtime: string;
  /** Rises with every call of the runtime. */
  readonly order: number;
  /** Seats it holds, with all that it was granted in calls up to `settled`. */
  readonly held: number;
  /** The answers to calls up to this number are counted in `held`, or will be ignored. */
  readonly settled: number;
}

/** ...and what it wants. At most one stands unsettled at a time. */
export interface SeatRequest extends SeatReport {
  readonly more: number;
  /** Seats there are, as the runtime knows the settings. */
  readonly max: number;
}

interface SeatLimits {
  /** Silence after which a runtime's seats are free, ms. */
  readonly ttlMs: number;
  /** Runtimes kept; one more is told that there is no seat. */
  readonly runtimes: number;
}

/** Null: a newer call of the same runtime came first, and this one counts for nothing; ask again. */
export type Granted = number | null;

export const noSeats: SeatTable = {};

/** As many of the seats asked for as are free. */
export function requestSeats(
  table: SeatTable,
  request: SeatRequest,
  now: Millis,
  limits: SeatLimits,
): { readonly table: SeatTable; readonly granted: Granted } {
  const reported = reportSeats(table, request, now, limits);
  const own = reported[request.runtime];
  if (reported === table) return { table, granted: null };
  if (!own) return { table: reported, granted: 0 };
  const free = Math.max(0, request.max - seatsTaken(reported, now, limits));
  const granted = Math.min(request.more, free);
  if (granted === 0) return { table: reported, granted };
  const seated = { ...own, granted: granted, grantOrder: request.order };
  return { table: { ...reported, [request.runtime]: seated }, granted };
}

/** The same table when the report is not newer than what is known. */
export const reportSeats = (
  table: SeatTable,
  report: SeatReport,
  now: Millis,
  limits: SeatLimits,
): SeatTable => reportAllSeats(table, [report], now, limits);

/** Reports of many runtimes, in any order: not more work than one. The same table when none is newer than what is known. */
export function reportAllSeats(
  table: SeatTable,
  reports: readonly SeatReport[],
  now: Millis,
  limits: SeatLimits,
): SeatTable {
  const fresh = reports.filter(({ runtime, order }) => order > (table[runtime]?.order ?? -1));
  if (fresh.length === 0) return table;
  const speaking = new Set(fresh.map(({ runtime }) => runtime));
  // Those that hold nothing are kept as well, for the number of their newest call.
  const next: Record<string, RuntimeSeats> = {};
  let runtimes = 0;
  for (const [name, seats] of Object.entries(table)) {
    if (!speaking.has(name) && now - seats.seenMs > limits.ttlMs) continue;
    next[name] = seats;
    runtimes++;
  }
  for (const { runtime, order, held, settled } of fresh) {
    const known = next[runtime];
    if (known ? order <= known.order : runtimes >= limits.runtimes) continue;
    const unsettled = known && known.grantOrder > settled;
    if (!known) runtimes++;
    next[runtime] = {
      order,
      held,
      granted: unsettled ? known.granted : 0,
      grantOrder: unsettled ? known.grantOrder : 0,
      seenMs: now,
    };
  }
  return next;
}

/** Runtimes that have listeners and were heard of lately. */
export const runtimesSeated = (table: SeatTable, now: Millis, { ttlMs }: SeatLimits): number =>
  Object.values(table).filter(({ held, seenMs }) => held > 0 && now - seenMs <= ttlMs).length;

/** Seats that are not free: of all runtimes that were heard of lately, or of all but one. */
export function seatsTaken(table: SeatTable, now: Millis, { ttlMs }: SeatLimits, but?: string): number {
  let taken = 0;
  for (const [name, { held, granted, seenMs }] of Object.entries(table)) {
    if (name !== but && now - seenMs <= ttlMs) taken += held + granted;
  }
  return taken;
}
