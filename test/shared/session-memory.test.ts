import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asksForProbe, SessionMemory, type SessionStay } from "../../shared/session-memory.ts";

const limits = { resumeMs: 10_000, probeMs: 2_000, noticeMs: 6_000, ended: 3 };

/** A memory whose sessions are named a, b, c as they begin. */
function memoryOf() {
  const memory = new SessionMemory<string>(limits);
  let made = 0;
  const open = (key: string | null, atMs: number, probe = false): SessionStay<string> =>
    memory.open(key, probe, atMs, () => String.fromCharCode(97 + made++));
  return { memory, open };
}

describe("sessions", () => {
  it("are gone on with by who comes back within ten seconds of their end, and by nobody later", () => {
    const { memory, open } = memoryOf();
    const first = open("key", 0);
    expect(memory.close(first, 60_000, false)).toEqual({ kind: "ended" });
    const second = open("key", 70_000);
    expect([second.kept, second.resumes]).toEqual(["a", true]);
    memory.close(second, 80_000, false);
    const third = open("key", 90_001);
    expect([third.kept, third.resumes]).toEqual(["b", false]);
    expect(memory.takeGone(90_001)).toEqual(["a"]);
    expect(memory.takeGone(90_001)).toEqual([]);
  });

  it("are not gone on with by another key, without an address, and after an administrator's word never", () => {
    const { memory, open } = memoryOf();
    memory.close(open("key", 0), 20_000, false);
    expect(open("other", 20_001).resumes).toBe(false);
    memory.close(open(null, 20_000), 30_000, false);
    expect(open(null, 30_001).resumes).toBe(false);
    const { memory: strict, open: come } = memoryOf();
    strict.close(come("key", 0), 20_000, true);
    expect(come("key", 20_001).resumes).toBe(false);
    expect(strict.takeGone(20_001)).toEqual(["a"]);
  });

  it("are two while two of one key listen, and each ends by itself", () => {
    const { memory, open } = memoryOf();
    const [one, two] = [open("key", 0), open("key", 100)];
    expect([one.kept, two.kept]).toEqual(["a", "b"]);
    expect(memory.close(one, 60_000, false)).toEqual({ kind: "ended" });
    expect(memory.close(two, 60_000, false)).toEqual({ kind: "ended" });
    expect(memory.lingering).toBe(2);
  });

  it("are gone on with by who came back before their end was noticed", () => {
    const { memory, open } = memoryOf();
    const lost = open("key", 0);
    const back = open("key", 600_000);
    expect(back.kept).toBe("b");
    expect(memory.close(lost, 606_000, false)).toEqual({ kind: "continued", by: back, instead: "b" });
    expect([back.kept, back.resumes]).toEqual(["a", true]);
    // Its end is the session's, once.
    expect(memory.close(back, 700_000, false)).toEqual({ kind: "ended" });
    expect(memory.takeGone(710_001)).toEqual(["a"]);
  });

  it("are none where a probe ends before it counts, and one where it stays", () => {
    const { memory, open } = memoryOf();
    const probe = open("key", 0, true);
    expect(memory.counts(probe, 7_999)).toBe(false);
    expect(memory.close(probe, 7_999, false)).toEqual({ kind: "probe" });
    expect(memory.lingering).toBe(0);
    const stays = open("key", 10_000, true);
    expect(memory.counts(stays, 18_000)).toBe(true);
    expect(memory.close(stays, 18_000, false)).toEqual({ kind: "ended" });
    // A player that reconnects with a probe is the same listener.
    expect(memory.counts(open("key", 19_000, true), 19_000)).toBe(true);
  });

  it("are forgotten beyond the most that are kept, the one that ended first first", () => {
    const { memory, open } = memoryOf();
    for (const key of ["1", "2", "3", "4"]) memory.close(open(key, 0), 20_000, false);
    expect(memory.takeGone(20_000)).toEqual(["a"]);
    expect(open("1", 20_000).resumes).toBe(false);
    expect(open("2", 20_000).resumes).toBe(true);
  });

  it("never belong to two open connections at a time, and each ends once, whatever happens", () => {
    const step = fc.record({
      act: fc.constantFrom("open", "close", "kill"),
      key: fc.constantFrom("x", "y", null),
      probe: fc.boolean(),
      ms: fc.constantFrom(0, 500, 3_000, 11_000),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new SessionMemory<number>(limits);
        const open: SessionStay<number>[] = [];
        const gone: number[] = [];
        const none = new Set<number>();
        let now = 0;
        let made = 0;
        for (const { act, key, probe, ms, pick } of steps) {
          now += ms;
          const stay = open[pick % Math.max(1, open.length)];
          if (act === "open") open.push(memory.open(key, probe, now, () => made++));
          else if (stay) {
            open.splice(open.indexOf(stay), 1);
            const closed = memory.close(stay, now, act === "kill");
            if (closed.kind === "probe") none.add(stay.kept);
            if (closed.kind === "continued") none.add(closed.instead);
          }
          gone.push(...memory.takeGone(now));
          const kept = open.map((each) => each.kept);
          expect(new Set(kept).size).toBe(kept.length);
        }
        for (const stay of open) {
          const closed = memory.close(stay, now, true);
          if (closed.kind === "probe") none.add(stay.kept);
        }
        gone.push(...memory.takeGone(now + 10_001));
        expect(new Set(gone).size).toBe(gone.length);
        expect([...gone, ...none].toSorted((a, b) => a - b)).toEqual([...Array(made).keys()]);
      }),
    );
  });
});

describe("a probe", () => {
  it.each([
    ["bytes=0-1", true],
    [" bytes=0-0 ", true],
    ["bytes=0-", false],
    ["bytes=0-10", false],
    ["bytes=1-1", false],
    [null, false],
  ])("asks for the first bytes: %s", (range, expected) => {
    expect(asksForProbe(range)).toBe(expected);
  });
});
