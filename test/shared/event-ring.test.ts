import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventRing, type RingEvent } from "../../shared/event-ring.ts";

const sequences = (events: readonly RingEvent<unknown>[] | null) => events?.map(({ sequence }) => sequence);

describe("a ring of events", () => {
  it("tells what came after an event, and nothing to who has all", () => {
    const ring = new EventRing<string>(10);
    expect(ring.after(0)).toEqual([]);
    for (const body of ["a", "b", "c"]) ring.push(body);
    expect(ring.after(1)?.map(({ body }) => body)).toEqual(["b", "c"]);
    expect(ring.after(3)).toEqual([]);
  });

  it("cannot tell what comes after an event that it never had, or after one from before the oldest", () => {
    const ring = new EventRing<number>(2);
    for (const body of [1, 2, 3]) ring.push(body);
    expect(ring.after(0)).toBeNull();
    expect(sequences(ring.after(1))).toEqual([2, 3]);
    expect(ring.after(4)).toBeNull();
  });

  it("keeps of each key the newest event, which takes nobody's place", () => {
    const ring = new EventRing<number>(2);
    ring.push(0);
    for (let body = 1; body <= 100; body++) ring.push(body, "count");
    expect(ring.after(0)?.map(({ body }) => body)).toEqual([0, 100]);
    ring.push(101);
    expect(ring.after(0)?.map(({ body }) => body)).toEqual([0, 100, 101]);
    ring.takeBack("count");
    expect(ring.after(0)?.map(({ body }) => body)).toEqual([0, 101]);
    expect(ring.after(101)?.map(({ body }) => body)).toEqual([101]);
  });

  it("is copied whole by one that is behind too far, and goes on from there", () => {
    const ring = new EventRing<number>(3);
    const copy = new EventRing<number>(3);
    copy.take(ring.partAfter(null));
    expect([copy.last, copy.after(0)]).toEqual([0, []]);
    for (let body = 1; body <= 9; body++) ring.push(body);
    copy.take(ring.partAfter(copy.last));
    expect(copy.after(5)).toBeNull();
    expect(sequences(copy.after(6))).toEqual([7, 8, 9]);
    ring.push(10);
    expect(sequences(ring.partAfter(copy.last).events)).toEqual([10]);
    copy.take(ring.partAfter(copy.last));
    expect(sequences(copy.after(7))).toEqual([8, 9, 10]);
  });

  /** A step of the world: something happens, a copy is brought up to date, a reader reads at one of the copies. */
  const step = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), key: fc.option(fc.constantFrom("x", "y", "z")) }),
    fc.record({ kind: fc.constant("take-back" as const), key: fc.constantFrom("x", "y", "z") }),
    fc.record({ kind: fc.constant("copy" as const), copy: fc.nat(2) }),
    fc.record({ kind: fc.constant("read" as const), copy: fc.nat(2), reader: fc.nat(3) }),
  );

  it("leaves no reader a gap, repeats nothing and keeps the order, whichever copies it reads", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 6 }), (steps, capacity) => {
        const ring = new EventRing<number>(capacity);
        const copies = [0, 1, 2].map(() => new EventRing<number>(capacity));
        const readers = [0, 1, 2, 3].map(() => ({ at: 0, since: 0, read: [] as number[] }));
        const keyless: number[] = [];
        for (const each of steps) {
          if (each.kind === "push") {
            ring.push(ring.last + 1, each.key);
            if (each.key === null) keyless.push(ring.last);
          } else if (each.kind === "take-back") {
            ring.takeBack(each.key);
          } else if (each.kind === "copy") {
            const copy = copies[each.copy];
            copy?.take(ring.partAfter(copy.last));
            expect(copy?.last).toBe(ring.last);
          } else {
            const reader = readers[each.reader];
            const copy = copies[each.copy];
            if (!reader || !copy || copy.last < reader.at) continue;
            const missed = copy.after(reader.at);
            if (missed === null) {
              // Only when something without a key is lost for it.
              expect(keyless.filter((sequence) => sequence > reader.at).length).toBeGreaterThan(capacity);
              Object.assign(reader, { at: copy.last, since: copy.last, read: [] });
              continue;
            }
            reader.read.push(...missed.map(({ sequence }) => sequence));
            reader.at = copy.last;
          }
          expect(ring.partAfter(null).events.length).toBeLessThanOrEqual(capacity + 3);
        }
        for (const { at, since, read } of readers) {
          expect(read).toEqual([...new Set(read)].toSorted((a, b) => a - b));
          const due = keyless.filter((sequence) => sequence > since && sequence <= at);
          expect(read.filter((sequence) => keyless.includes(sequence))).toEqual(due);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("tells the newest event of a key to each reader that was not taken back", () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.constantFrom("x", "y")), { maxLength: 60 }),
        fc.nat(60),
        (keys, from) => {
          const ring = new EventRing<number>(100);
          for (const key of keys) ring.push(0, key);
          const missed = ring.after(Math.min(from, ring.last)) ?? [];
          for (const key of ["x", "y"] as const) {
            const newest = keys.lastIndexOf(key) + 1;
            expect(missed.filter((event) => event.key === key).map(({ sequence }) => sequence)).toEqual(
              newest > Math.min(from, ring.last) ? [newest] : [],
            );
          }
        },
      ),
    );
  });
});
