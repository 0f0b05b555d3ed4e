import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SeatHolder } from "../../shared/seat-holder.ts";
import { noSeats, reportSeats, requestSeats, seatsTaken, type SeatTable } from "../../shared/seats.ts";
import { millis } from "../../shared/units.ts";
import { seatBatchMs, seatCallTimeoutMs, seatClaimMs } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";
import { type SeatObject, type SeatOutcome, SeatPool } from "../../worker/seat-pool.ts";

/** Those who wait while this is set are never run again, as when their requests end. */
const requests = vi.hoisted(() => ({ end: false }));
vi.mock(import("../../worker/settled-within.ts"), async (original) => {
  const { settledWithin } = await original();
  return {
    settledWithin: (work, ms) => (requests.end ? new Promise(() => undefined) : settledWithin(work, ms)),
  };
});

const limits = { ttlMs: 15_000, runtimes: 100 };
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** An object ten milliseconds away. */
class FakeObject implements SeatObject {
  table: SeatTable = noSeats;
  calls = 0;
  reports = 0;
  /** What the next request meets instead of an answer. */
  fault: "rejects" | "never answers" | null = null;

  async requestSeats(request: Parameters<SeatObject["requestSeats"]>[0]) {
    this.calls++;
    await wait(10);
    const { fault } = this;
    this.fault = null;
    const { table, granted } = requestSeats(this.table, request, millis(Date.now()), limits);
    this.table = table;
    if (fault === "rejects") throw new Error("the object has moved");
    if (fault === "never answers") await new Promise(() => undefined);
    return granted;
  }

  async reportSeats(report: Parameters<SeatObject["reportSeats"]>[0]) {
    this.reports++;
    await wait(10);
    this.table = reportSeats(this.table, report, millis(Date.now()), limits);
  }

  get taken(): number {
    return seatsTaken(this.table, millis(Date.now()), limits);
  }
}

let isolates = 0;
function isolate(object: FakeObject): SeatPool {
  const name = `isolate ${++isolates}`;
  let order = 0;
  return new SeatPool(
    new SeatHolder(
      () => name,
      () => ++order,
    ),
    () => object,
  );
}

const host = { env: {}, keepAlive: () => undefined } as unknown as Host;
const count = (outcomes: readonly SeatOutcome[]) =>
  Object.fromEntries(
    [...new Set(outcomes)].toSorted().map((one) => [one, outcomes.filter((o) => o === one).length]),
  );

describe("an isolate's seats", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("scheduler", { wait });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  /** What `work` gives after so much time. */
  async function within<T>(ms: number, work: Promise<T>): Promise<T> {
    await vi.advanceTimersByTimeAsync(ms);
    const late = Promise.resolve("late" as const);
    const outcome = await Promise.race([work, late]);
    if (outcome === "late") throw new Error(`not settled within ${ms} ms`);
    return outcome;
  }

  it("are exactly as many as there are, whoever comes at once", async () => {
    const object = new FakeObject();
    const [a, b] = [isolate(object), isolate(object)];
    const outcomes = Array.from({ length: 200 }, (_, index) => (index % 2 ? a : b).take(host, 50));
    expect(count(await within(1_000, Promise.all(outcomes)))).toEqual({ full: 150, seat: 50 });
    expect([a.seated + b.seated, object.taken]).toEqual([50, 50]);
  });

  it("cost a handful of calls for two thousand joins in a second", async () => {
    const object = new FakeObject();
    const pool = isolate(object);
    const outcomes: Promise<SeatOutcome>[] = [];
    for (let ms = 0; ms < 1_000; ms++) {
      outcomes.push(pool.take(host, 1_500), pool.take(host, 1_500));
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(count(await within(1_000, Promise.all(outcomes)))).toEqual({ full: 500, seat: 1_500 });
    expect(object.calls).toBeLessThanOrEqual(12);
  });

  it("cost no call without a limit", async () => {
    const object = new FakeObject();
    const pool = isolate(object);
    for (let index = 0; index < 10; index++) expect(await pool.take(host, undefined)).toBe("seat");
    for (let index = 0; index < 9; index++) pool.leave(host);
    expect([pool.seated, pool.isIdle]).toEqual([1, false]);
    pool.leave(host);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([object.calls, object.reports, pool.isIdle]).toEqual([0, 0, true]);
  });

  it("are free for another isolate as soon as somebody leaves, told once for all who leave together", async () => {
    const object = new FakeObject();
    const [a, b] = [isolate(object), isolate(object)];
    await within(100, Promise.all(Array.from({ length: 20 }, () => a.take(host, 20))));
    expect(await within(100, b.take(host, 20))).toBe("full");
    for (let index = 0; index < 5; index++) a.leave(host);
    await vi.advanceTimersByTimeAsync(seatBatchMs + 20);
    expect(object.reports).toBe(1);
    const outcomes = Promise.all(Array.from({ length: 20 }, () => b.take(host, 20)));
    expect(count(await within(1_000, outcomes))).toEqual({ full: 15, seat: 5 });
  });

  it("are not lost with the request that asked for them: the others ask anew", async () => {
    const object = new FakeObject();
    const pool = isolate(object);
    object.fault = "never answers";
    // It ends with its call: it never comes back.
    void pool.take(host, 3);
    const others = Promise.all(Array.from({ length: 5 }, () => pool.take(host, 3)));
    const outcomes = await within(seatCallTimeoutMs + 1_000, others);
    expect(count(outcomes)).toEqual({ full: 3, seat: 2 });
  });

  it("come back when nobody comes for them", async () => {
    const object = new FakeObject();
    const [a, b] = [isolate(object), isolate(object)];
    expect(await within(50, a.take(host, 3))).toBe("seat");
    // One calls, the other waits for that call and is never run again.
    requests.end = true;
    const caller = a.take(host, 3);
    void a.take(host, 3);
    requests.end = false;
    expect(await within(300, caller)).toBe("seat");
    expect(await within(300, b.take(host, 3))).toBe("full");
    expect([a.seated, object.taken]).toEqual([2, 3]);
    await vi.advanceTimersByTimeAsync(seatClaimMs);
    a.renew(host, 0);
    await vi.advanceTimersByTimeAsync(50);
    expect([a.seated, object.taken]).toEqual([2, 2]);
    expect(await within(300, b.take(host, 3))).toBe("seat");
  });

  it("are neither given nor refused when the object cannot be asked, and its grant is not lost", async () => {
    const object = new FakeObject();
    const pool = isolate(object);
    object.fault = "rejects";
    expect(await within(100, pool.take(host, 1))).toBe("unknown");
    expect([pool.seated, object.taken]).toEqual([0, 1]);
    expect(await within(200, pool.take(host, 1))).toBe("seat");
    expect([pool.seated, object.taken]).toEqual([1, 1]);
  });

  it("are asked for as ever after the clock was put back or forward by an hour", async () => {
    const object = new FakeObject();
    const pool = isolate(object);
    for (const jumpMs of [-3_600_000, 3_600_000]) {
      expect(await within(300, pool.take(host, 10))).toBe("seat");
      vi.setSystemTime(Date.now() + jumpMs);
      expect(await within(300, pool.take(host, 10))).toBe("seat");
    }
    expect(pool.seated).toBe(4);
  });
});
