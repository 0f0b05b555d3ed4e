import type { Millis } from "./units.ts";

/**
 * When a mount's object has more askers than it can answer, relays ask for them: each holds one question at the mount
 * and answers hundreds of runtimes (isolates) from what it learnt. How many there are is the mount's word, which goes
 * along with every answer; which one a runtime asks follows from its name.
 *
 * The number follows from how many runtimes listen, whichever way their questions come: it does not fall because relays
 * have taken the questions over. It is a power of two, so that most runtimes keep their relay when it changes, and it
 * falls only when fewer have been enough for a while.
 */
export interface RelayPlan {
  /** In each region; 0: everybody asks the mount. */
  readonly relays: number;
  /** Since when fewer would do; null while they would not. */
  readonly fewerSinceMs: Millis | null;
}

export interface RelayLimits {
  /** Questions a second that a mount answers by itself. */
  readonly mountCalls: number;
  /** Questions a second for one relay. */
  readonly relayCalls: number;
  /** Relays of a region. */
  readonly relays: number;
  /** How long fewer relays must have been enough, ms. */
  readonly shrinkMs: number;
}

/** `callsPerSecond`: what would be asked of the mount if there were no relays. The same plan when nothing changes. */
export function planRelays(
  plan: RelayPlan,
  callsPerSecond: number,
  now: Millis,
  limits: RelayLimits,
): RelayPlan {
  const least = relaysNeeded(callsPerSecond, limits);
  // Twice what is needed is kept, so that a number near a boundary does not go to and fro.
  const most = relaysNeeded(2 * callsPerSecond, limits);
  if (plan.relays < least) return { relays: least, fewerSinceMs: null };
  if (plan.relays <= most) return plan.fewerSinceMs === null ? plan : { ...plan, fewerSinceMs: null };
  if (plan.fewerSinceMs === null) return { ...plan, fewerSinceMs: now };
  return now - plan.fewerSinceMs < limits.shrinkMs ? plan : { relays: most, fewerSinceMs: null };
}

function relaysNeeded(callsPerSecond: number, { mountCalls, relayCalls, relays }: RelayLimits): number {
  if (callsPerSecond <= mountCalls) return 0;
  return Math.min(relays, 2 ** Math.max(0, Math.ceil(Math.log2(callsPerSecond / relayCalls))));
}

/** Questions a second of so many runtimes: one for each segment, and one whenever a question was held for `holdMs`. */
export const askingRate = (runtimes: number, segmentMs: number, holdMs: number): number =>
  (runtimes * 1000 * Math.ceil(segmentMs / holdMs)) / segmentMs;

/** Which of so many relays a runtime asks: 0 to `relays` - 1, evenly over random names. */
export const relayOf = (runtime: string, relays: number): number => hash(runtime) % relays;

/** FNV-1a of the name's UTF-16 units, 32 bits. */
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    value = Math.imul(value ^ name.charCodeAt(index), 0x01000193) >>> 0;
  }
  // The lowest bits of FNV-1a are weak, and they are the ones that a power of two takes.
  return (value ^ (value >>> 16)) >>> 0;
}
