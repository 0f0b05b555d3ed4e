import { describe, expect, it } from "vitest";
import { mountPath } from "../../shared/mount-path.ts";
import { millis } from "../../shared/units.ts";
import { MountOrders } from "../../worker/mount-orders.ts";

function storage() {
  const kept = new Map<string, unknown>();
  return {
    kv: {
      get: (key: string) => kept.get(key),
      put: (key: string, value: number) => void kept.set(key, value),
    },
  };
}

describe("a mount's orders", () => {
  it("are not repeated by an object that was started anew, whose own count as newer", () => {
    const kept = storage();
    const first = new MountOrders(kept);
    first.order({ kind: "kill", listener: 7 }, millis(0));
    const next = new MountOrders(kept);
    expect(next.forListeners(millis(0))).toEqual([]);
    next.order({ kind: "move", listener: null, to: mountPath("/b.mp3") }, millis(5));
    expect(next.forListeners(millis(5))).toEqual([
      { order: { sequence: 2, kind: "move", listener: null, to: "/b.mp3" }, atMs: 5 },
    ]);
    expect(next.forListeners(millis(60_005))).toEqual([]);
  });

  it("for the source are told until they are done, the newest title only, and not to another source", () => {
    const orders = new MountOrders(storage());
    expect(orders.forSource(1, undefined)).toEqual([]);
    orders.setTitle({ text: "one" }, 1);
    orders.setTitle({ text: "two" }, 1);
    const two = { sequence: 2, kind: "title", title: { text: "two" } };
    expect(orders.forSource(1, undefined)).toEqual([two]);
    expect(orders.forSource(1, 1)).toEqual([two]);
    expect(orders.forSource(1, 2)).toEqual([]);
    expect(orders.forSource(1, undefined)).toEqual([]);
    orders.setTitle({ text: "three" }, 1);
    expect(orders.forSource(2, undefined)).toEqual([]);
    expect(orders.forSource(1, undefined)).toEqual([]);
  });
});
