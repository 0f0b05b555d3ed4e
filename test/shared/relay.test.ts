import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { askingRate, planRelays, relayOf, type RelayPlan } from "../../shared/relay.ts";
import { millis } from "../../shared/units.ts";

const limits = { mountCalls: 500, relayCalls: 250, relays: 64, shrinkMs: 60_000 };
const none: RelayPlan = { relays: 0, fewerSinceMs: null };
const plan = (from: RelayPlan, rate: number, atMs: number) => planRelays(from, rate, millis(atMs), limits);

describe("the number of relays", () => {
  it.each([
    [0, 0],
    [500, 0],
    [501, 4],
    [1_000, 4],
    [1_001, 8],
    [1_000_000, 64],
  ])("for %d questions a second is %d", (rate, relays) => {
    expect(plan(none, rate, 0).relays).toBe(relays);
  });

  it("falls only when fewer have been enough for a minute without a break", () => {
    const eight = plan(none, 1_500, 0);
    let now = plan(eight, 200, 1_000);
    now = plan(now, 200, 60_999);
    expect(now.relays).toBe(8);
    expect(plan(now, 200, 61_000)).toEqual(none);
    now = plan(now, 1_100, 61_000);
    now = plan(now, 200, 62_000);
    expect(plan(now, 200, 121_999).relays).toBe(8);
    expect(plan(now, 200, 122_000)).toEqual(none);
  });

  it("does not go to and fro around a boundary, however long", () => {
    for (const boundary of [500, 1_000, 2_000, 4_000]) {
      let now = plan(none, boundary + 1, 0);
      const { relays } = now;
      for (let atMs = 0; atMs < 600_000; atMs += 1_000)
        now = plan(now, boundary + (atMs % 3_000 ? -5 : 5), atMs);
      expect(now.relays).toBe(relays);
    }
  });

  it("is always enough for what is asked, up to its limit", () => {
    const rates = fc.array(fc.record({ rate: fc.integer({ min: 0, max: 16_000 }), ms: fc.nat(30_000) }));
    fc.assert(
      fc.property(rates, (steps) => {
        let now = none;
        let atMs = 0;
        for (const { rate, ms } of steps) {
          now = plan(now, rate, (atMs += ms));
          if (now.relays === 0) expect(rate).toBeLessThanOrEqual(limits.mountCalls);
          else expect(rate / now.relays).toBeLessThanOrEqual(limits.relayCalls);
        }
      }),
    );
  });
});

describe("a runtime's questions", () => {
  it.each([
    [2_000, 1_000],
    [1_000, 2_000],
    [5_000, 400],
    // Held in vain once.
    [8_000, 500],
  ])("of 2,000 with segments of %d ms are %d a second", (segmentMs, rate) => {
    expect(askingRate(2_000, segmentMs, 5_000)).toBe(rate);
  });

  it("go to every relay about equally often", () => {
    for (const relays of [2, 4, 8, 64]) {
      const counts = Array.from({ length: relays }, () => 0);
      for (let runtime = 0; runtime < 500 * relays; runtime++) {
        const at = relayOf(uuid(runtime), relays);
        counts[at] = (counts[at] ?? 0) + 1;
      }
      expect(Math.min(...counts), `${relays} relays`).toBeGreaterThan(400);
      expect(Math.max(...counts), `${relays} relays`).toBeLessThan(600);
    }
  });

  it("go to the same relay as before or to a new one when there are twice as many", () => {
    for (let runtime = 0; runtime < 1_000; runtime++) {
      expect([0, 4]).toContain(relayOf(uuid(runtime), 8) - relayOf(uuid(runtime), 4));
    }
  });
});

/** Names like those of `crypto.randomUUID`, always the same. */
function uuid(number: number): string {
  const word = (salt: number): string =>
    (Math.imul(number + 1, 0x9e3779b1 ^ (salt * 0x85ebca6b)) >>> 0).toString(16).padStart(8, "0");
  return `${word(1)}-${word(2).slice(4)}-4${word(3).slice(5)}-a${word(4).slice(5)}-${word(5)}${word(6).slice(4)}`;
}
