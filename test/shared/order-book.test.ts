import { describe, expect, it } from "vitest";
import { keepOrders, newestOrder, ordersAfter, timedOrders } from "../../shared/order-book.ts";
import { millis } from "../../shared/units.ts";

const orderAt = (sequence: number, atMs: number) => ({
  order: { sequence, kind: "kill", listener: sequence } as const,
  atMs: millis(atMs),
});

describe("orders", () => {
  it("are kept for a minute, each once, a thousand at most", () => {
    const kept = keepOrders(
      [orderAt(1, 0), orderAt(2, 30_000)],
      [orderAt(2, 30_000), orderAt(3, 59_000)],
      millis(60_000),
    );
    expect(kept.map(({ order }) => order.sequence)).toEqual([2, 3]);
    const many = Array.from({ length: 1_500 }, (_, index) => orderAt(index + 1, 0));
    expect(keepOrders([], many, millis(0)).map(({ order }) => order.sequence)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index + 501),
    );
  });

  it("are told with their age to who does not have them, and mean the same elsewhere", () => {
    const kept = [orderAt(1, 1_000), orderAt(2, 2_000)];
    const told = ordersAfter(kept, 1, millis(2_500));
    expect(told).toEqual([{ order: orderAt(2, 0).order, ageMs: 500 }]);
    expect(timedOrders(told, millis(900_500))).toEqual([orderAt(2, 900_000)]);
    expect(ordersAfter(kept, newestOrder(kept), millis(2_500))).toEqual([]);
    expect(newestOrder([])).toBe(0);
  });
});
