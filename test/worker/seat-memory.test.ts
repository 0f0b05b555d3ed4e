import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SeatMemory } from "../../worker/seat-memory.ts";

describe("an object's memory of its seats", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  function fakeStorage() {
    const stored = new Map<string, unknown>();
    const writes = { count: 0 };
    const kv = {
      get: (key: string) => stored.get(key),
      put(key: string, value: unknown) {
        writes.count++;
        stored.set(key, value);
      },
      delete(key: string) {
        writes.count++;
        return stored.delete(key);
      },
    };
    return { storage: { kv }, writes };
  }

  /** Whether seats are given away after so much time. */
  async function isOpen(memory: SeatMemory, afterMs: number): Promise<boolean> {
    let open = false;
    void memory.recalled().then(() => (open = true));
    await vi.advanceTimersByTimeAsync(afterMs);
    return open;
  }

  it("lets an object that had listeners hear them before it gives seats away", async () => {
    const { storage } = fakeStorage();
    const before = new SeatMemory(storage, 1_500);
    expect(await isOpen(before, 0)).toBe(true);
    before.keep(true);
    expect(await isOpen(before, 0)).toBe(true);
    const again = new SeatMemory(storage, 1_500);
    expect(await isOpen(again, 1_499)).toBe(false);
    expect(await isOpen(again, 1)).toBe(true);
  });

  it("does not make the first listener wait where nobody was left", async () => {
    const { storage } = fakeStorage();
    const before = new SeatMemory(storage, 1_500);
    before.keep(true);
    before.keep(false);
    expect(await isOpen(new SeatMemory(storage, 1_500), 0)).toBe(true);
  });

  it("waits no longer when the clock was put back meanwhile", async () => {
    const { storage } = fakeStorage();
    new SeatMemory(storage, 1_500).keep(true);
    const again = new SeatMemory(storage, 1_500);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await isOpen(again, 1_500)).toBe(true);
  });

  it("writes when the first comes and the last goes, and not in between", () => {
    const { storage, writes } = fakeStorage();
    const memory = new SeatMemory(storage, 1_500);
    for (const taken of [false, true, true, true, false, false]) memory.keep(taken);
    expect(writes.count).toBe(2);
  });
});
