import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { noSeats, reportSeats, requestSeats, seatsTaken, type SeatTable } from "../../shared/seats.ts";
import type { SeatReport, SeatRequest } from "../../shared/seats.ts";
import { type MountPath, millis } from "../../shared/units.ts";
import type { Host } from "../../worker/mount-feed.ts";
import { listenersHere, type Seat, seatReport, takeSeat } from "../../worker/seat-desk.ts";

vi.mock(import("../../worker/directory-object.ts"), () => ({ directoryName: "station" }) as never);

const limits = { ttlMs: 15_000, runtimes: 100 };

/** A mount's object, or the directory. */
class FakeObject {
  #table: SeatTable = noSeats;
  calls = 0;
  reports = 0;

  async requestSeats(...args: readonly unknown[]) {
    this.calls++;
    const { table, granted } = requestSeats(
      this.#table,
      args.at(-1) as SeatRequest,
      millis(Date.now()),
      limits,
    );
    this.#table = table;
    return granted;
  }

  async reportSeats(...args: readonly unknown[]) {
    this.reports++;
    this.#table = reportSeats(this.#table, args.at(-1) as SeatReport, millis(Date.now()), limits);
  }

  get taken(): number {
    return seatsTaken(this.#table, millis(Date.now()), limits);
  }
}

function edge(maxListenersInAll?: number) {
  const objects = new Map<string, FakeObject>();
  const getByName = (name: string) => {
    const object = objects.get(name) ?? new FakeObject();
    objects.set(name, object);
    return object;
  };
  const env = {
    MOUNT: { getByName },
    DIRECTORY: { getByName },
    STATION: JSON.stringify({ maxListenersInAll }),
  };
  return { getByName, host: { env, keepAlive: () => undefined } as unknown as Host };
}

const isSeat = (outcome: Seat | "full" | "unknown"): outcome is Seat => typeof outcome === "object";

describe("the seat desk", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  async function take(mount: string, host: Host, max: number | undefined, maxInAll: number | undefined) {
    const outcome = takeSeat(mount as MountPath, { max, maxInAll }, host);
    await vi.advanceTimersByTimeAsync(400);
    return outcome;
  }

  it("asks nobody without a limit, and tells the mount when the last one leaves", async () => {
    const { getByName, host } = edge();
    const seats = [
      await take("/free", host, undefined, undefined),
      await take("/free", host, undefined, undefined),
    ];
    expect(listenersHere("/free" as MountPath)).toBe(2);
    for (const seat of seats) {
      expect(getByName("/free").reports).toBe(0);
      if (isSeat(seat)) seat.leave(host);
    }
    await vi.advanceTimersByTimeAsync(200);
    expect([getByName("/free").calls, getByName("/free").reports]).toEqual([0, 1]);
    expect([getByName("station").calls, getByName("station").reports]).toEqual([0, 0]);
    expect(listenersHere()).toBe(0);
  });

  it("gives the mount's seat back when the station has none", async () => {
    const { getByName, host } = edge(2);
    const seats = [await take("/x", host, 5, 2), await take("/y", host, 5, 2)];
    expect(await take("/x", host, 5, 2)).toBe("full");
    await vi.advanceTimersByTimeAsync(200);
    expect([getByName("/x").taken, getByName("/y").taken, getByName("station").taken]).toEqual([1, 1, 2]);
    for (const seat of seats) {
      if (!isSeat(seat)) throw new Error("there was a seat");
      seat.leave(host);
      seat.leave(host);
    }
    await vi.advanceTimersByTimeAsync(200);
    expect([getByName("/x").taken, getByName("/y").taken, getByName("station").taken]).toEqual([0, 0, 0]);
    expect(listenersHere()).toBe(0);
  });

  it("moves a listener's seat to another mount, over its limit if need be, and keeps the station's", async () => {
    const { getByName, host } = edge(9);
    const seats = [await take("/from", host, 5, 9), await take("/to", host, 1, 9)];
    const [seat, other] = seats;
    if (!seat || !other || !isSeat(seat) || !isSeat(other)) throw new Error("there was a seat");
    seat.moveTo("/to" as MountPath, host);
    await vi.advanceTimersByTimeAsync(200);
    const taken = () => ["/from", "/to", "station"].map((name) => getByName(name).taken);
    expect(taken()).toEqual([0, 2, 2]);
    expect(await take("/to", host, 1, 9)).toBe("full");
    seat.leave(host);
    seat.moveTo("/from" as MountPath, host);
    await vi.advanceTimersByTimeAsync(200);
    expect(taken()).toEqual([0, 1, 1]);
    other.leave(host);
    await vi.advanceTimersByTimeAsync(200);
    expect(listenersHere()).toBe(0);
  });

  it("keeps all its seats alive with the questions of one mount", async () => {
    const { getByName, host } = edge(9);
    const seats = [await take("/asked", host, 5, 9), await take("/unasked", host, 5, 9)];
    for (let ms = 0; ms < 60_000; ms += 2_000) {
      seatReport("/asked" as MountPath, host);
      await vi.advanceTimersByTimeAsync(2_000);
      expect([getByName("/unasked").taken, getByName("station").taken]).toEqual([1, 2]);
    }
    // One call in six seconds, and no more than one in two and a half.
    expect(getByName("/unasked").reports).toBeLessThanOrEqual(10);
    expect(getByName("station").reports).toBeLessThanOrEqual(24);
    for (const seat of seats) if (isSeat(seat)) seat.leave(host);
    await vi.advanceTimersByTimeAsync(200);
  });
});
