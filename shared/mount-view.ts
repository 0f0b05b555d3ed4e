import {
  currentTitle,
  type MountPhase,
  type MountState,
  type MountView,
  patienceMs,
  phaseOf,
  type Title,
} from "./mount-state.ts";
import { keepOrders, newestOrder, ordersAfter, timedOrders, type TimedOrder } from "./order-book.ts";
import { comparePosition, type Position, type SegmentRef } from "./segment.ts";
import type { SourceInfo } from "./source/source-info.ts";
import { type Millis, type MountPath, millis } from "./units.ts";

/**
 * What there is to tell of a mount, as the one who tells it knows it: the mount's own object, or a relay that asked it.
 * Times are the teller's.
 */
export interface MountFacts {
  readonly phase: MountPhase;
  readonly epoch: number;
  readonly source: SourceInfo | null;
  /** In order of play. */
  readonly window: readonly SegmentRef[];
  /** Title in force at the window's first sample. */
  readonly titleBefore: Title | null;
  /** When the newest segment was announced. */
  readonly edgeMs: Millis;
  /** Since when the source has brought nothing. */
  readonly silentSinceMs: Millis;
  readonly patienceMs: number;
  /** Relays that those who ask should go through, in each region; 0: none. */
  readonly relays: number;
  /** For listeners, in order. */
  readonly orders: readonly TimedOrder[];
}

/** What the mount itself knows. */
export const factsOf = (
  state: MountState,
  now: Millis,
  relays: number,
  orders: readonly TimedOrder[] = [],
): MountFacts => ({
  phase: phaseOf(state, now),
  epoch: state.epoch,
  source: state.holder?.source ?? null,
  window: state.window,
  titleBefore: state.titleBefore,
  edgeMs: state.edgeMs,
  silentSinceMs: millis(Math.max(state.edgeMs, state.holder?.sinceMs ?? 0)),
  patienceMs: state.holder ? patienceMs(state.holder.policy) : 0,
  relays,
  orders,
});

/** What an asker has. */
interface Known {
  /** The newest segment; null for none. */
  readonly after: Position | null;
  readonly phase: MountPhase;
  /** The newest order; an asker of an earlier release knows of none. */
  readonly orders?: number;
}

/** Whether there is something that an asker does not have. What a mount that is off has left is not for listeners. */
export function hasNews(
  { phase, window, orders }: Pick<MountFacts, "phase" | "window" | "orders">,
  known: Known,
): boolean {
  if (phase !== known.phase) return true;
  if (newestOrder(orders) > (known.orders ?? Number.POSITIVE_INFINITY)) return true;
  const newest = window.at(-1);
  if (phase === "off" || newest === undefined) return false;
  return known.after === null || comparePosition(newest, known.after) > 0;
}

/** The answer to one who has everything up to `after`, and all orders up to `orders`. */
export function viewOf(
  mount: MountPath,
  facts: MountFacts,
  { after, orders }: Omit<Known, "phase">,
  now: Millis,
): MountView {
  const { window } = facts;
  const first = after ? window.findIndex((segment) => comparePosition(segment, after) > 0) : 0;
  const from = first < 0 ? window.length : first;
  return {
    mount,
    phase: facts.phase,
    epoch: facts.epoch,
    source: facts.source,
    segments: window.slice(from),
    continues: from > 0,
    oldest: window[0] ? { epoch: window[0].epoch, sequence: window[0].sequence } : null,
    titleBefore: currentTitle({ window: window.slice(0, from), titleBefore: facts.titleBefore }),
    edgeAgeMs: now - facts.edgeMs,
    silentMs: now - facts.silentSinceMs,
    patienceMs: facts.patienceMs,
    relays: facts.relays,
    orders: orders === undefined ? [] : ordersAfter(facts.orders, orders, now),
  };
}

/**
 * A window with newer segments behind it. What the mount cannot serve any more, before `oldest`, is out of this one too; the
 * title it left behind stays in force.
 */
export function extended(
  { window, titleBefore }: Pick<MountFacts, "window" | "titleBefore">,
  segments: readonly SegmentRef[],
  oldest: Position | null,
): Pick<MountFacts, "window" | "titleBefore"> {
  const all = [...window, ...segments];
  const first = oldest ? all.findIndex((segment) => comparePosition(segment, oldest) >= 0) : -1;
  const from = first < 0 ? all.length : first;
  return {
    window: all.slice(from),
    titleBefore: currentTitle({ window: all.slice(0, from), titleBefore }),
  };
}

/**
 * What a relay knows after an answer to its own question, which named the newest segment of `known`. Null when the mount
 * has gone back to an earlier state: the whole of it has to be asked for.
 */
export function learn(known: MountFacts | null, view: MountView, now: Millis): MountFacts | null {
  if (known && view.epoch < known.epoch) return null;
  const kept = known && view.continues ? known : { window: [], titleBefore: view.titleBefore };
  return {
    phase: view.phase,
    epoch: view.epoch,
    source: view.source,
    ...extended(kept, view.segments, view.oldest),
    edgeMs: millis(now - view.edgeAgeMs),
    silentSinceMs: millis(now - view.silentMs),
    patienceMs: view.patienceMs,
    relays: view.relays,
    orders: keepOrders(known?.orders ?? [], timedOrders(view.orders ?? [], now), now),
  };
}
