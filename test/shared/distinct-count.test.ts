import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DistinctCount } from "../../shared/distinct-count.ts";

const salt = [0x1234_5678, 0x9abc_def0, 0x0fed_cba9, 0x8765_4321];
const counted = (names: readonly string[], own: readonly number[] = salt) => {
  const count = DistinctCount.empty(own);
  for (const name of names) count.add(name);
  return count;
};
const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}\nVLC/3.0.18`);

describe("a count of different names", () => {
  it.each([0, 1, 2, 10, 100, 1_000, 5_000, 12_000, 20_000, 100_000, 300_000])(
    "is within 5 %% for %d of them",
    (size) => {
      // Three standard errors.
      expect(Math.abs(counted(addresses(size)).count - size)).toBeLessThanOrEqual(Math.ceil(0.05 * size));
    },
  );

  it("is exact for a few, whatever their salt", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.ipV4(), { maxLength: 3 }),
        fc.array(fc.nat(0xffff_ffff), { minLength: 4, maxLength: 4 }),
        (names, own) => {
          // Two of three may share a register once in a thousand times.
          expect(counted([...names, ...names], own).count).toBeGreaterThanOrEqual(names.length - 1);
          expect(counted(names, own).count).toBeLessThanOrEqual(names.length);
        },
      ),
    );
  });

  it("goes on from what was stored, and begins anew from what cannot be read", () => {
    const names = addresses(500);
    const first = counted(names.slice(0, 300));
    const next = new DistinctCount(structuredClone(first.stored));
    for (const name of names) next.add(name);
    expect(next.count).toBe(counted(names).count);
    expect(new DistinctCount({ salt, registers: new Uint8Array(7) }).count).toBe(0);
  });

  it("tells nothing of another's with another salt", () => {
    const names = addresses(1_000);
    const other = counted(names, [1, 2, 3, 4]);
    expect(other.stored.registers).not.toEqual(counted(names).stored.registers);
  });
});
