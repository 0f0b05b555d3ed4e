import type { ListenerOrder } from "./orders.ts";
import type { Millis } from "./units.ts";

/** An order and when it was given, as the clock of whoever keeps it has it. */
export interface TimedOrder {
  readonly order: ListenerOrder;
  readonly atMs: Millis;
}

/** An order on its way, and how long ago it was given, ms: two clocks are never compared. */
export interface AgedOrder {
  readonly order: ListenerOrder;
  readonly ageMs: number;
}

interface OrderLimits {
  /** How long orders are handed out, ms: whoever listens asks more often. */
  readonly keptMs: number;
  /** Orders kept; the oldest goes first. */
  readonly orders: number;
}

/** Orders that are handed out, in order of their numbers. */
const orderLimits: OrderLimits = { keptMs: 60_000, orders: 1_000 };

/** With more orders behind it, each once, and without those that are too old. */
export function keepOrders(
  kept: readonly TimedOrder[],
  more: readonly TimedOrder[],
  now: Millis,
  { keptMs, orders }: OrderLimits = orderLimits,
): readonly TimedOrder[] {
  const newest = newestOrder(kept);
  const all = [...kept, ...more.filter(({ order }) => order.sequence > newest)];
  return all.filter(({ atMs }) => now - atMs < keptMs).slice(-orders);
}

/** Number of the newest order; 0 when there is none. */
export const newestOrder = (kept: readonly { readonly order: ListenerOrder }[]): number =>
  kept.at(-1)?.order.sequence ?? 0;

/** Those that one who has all up to `after` has not. The keeper has dropped what is too old. */
export const ordersAfter = (kept: readonly TimedOrder[], after: number, now: Millis): readonly AgedOrder[] =>
  kept
    .filter(({ order }) => order.sequence > after)
    .map(({ order, atMs }) => ({ order, ageMs: Math.max(0, now - atMs) }));

/** As they come from elsewhere. */
export const timedOrders = (orders: readonly AgedOrder[], now: Millis): readonly TimedOrder[] =>
  orders.map(({ order, ageMs }) => ({ order, atMs: (now - ageMs) as Millis }));
