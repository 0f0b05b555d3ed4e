import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileIndexes } from "../../worker/file-indexes.ts";
import { fileIndexRetryMs, segmentReadTimeoutMs } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";

const file = { id: "a".repeat(32), title: "a file" };
const index = {
  version: 1,
  segments: [{ samples: 88_704, sampleRate: 44_100, channels: 2, bytes: 32_000 }],
};

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A bucket that has the index; what its next reads do instead. */
function bucket(...faults: ("hangs" | "is slow" | "fails" | "missing")[]) {
  const counted = { reads: 0 };
  const get = async () => {
    counted.reads++;
    const fault = faults.shift();
    if (fault === "hangs") await new Promise(() => undefined);
    if (fault === "is slow") await wait(1.5 * segmentReadTimeoutMs);
    if (fault === "fails") throw new Error("storage is down");
    return fault === "missing" ? null : { json: () => Promise.resolve(index) };
  };
  const host = { env: { SEGMENTS: { get } }, keepAlive: () => undefined } as unknown as Host;
  return { counted, host };
}

describe("the index of a stored file", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000_000 });
    vi.stubGlobal("scheduler", { wait });
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("is read once, whoever wants it", async () => {
    const { counted, host } = bucket();
    const indexes = new FileIndexes();
    const all = await Promise.all([1, 2, 3].map(() => indexes.segments(file, host)));
    all.push(await indexes.segments(file, host));
    expect(all.map((segments) => segments?.length)).toEqual([1, 1, 1, 1]);
    expect(counted.reads).toBe(1);
  });

  it("is not waited for when the read never ends, and is read anew when that is overdue", async () => {
    const { counted, host } = bucket("hangs");
    const indexes = new FileIndexes();
    const first = indexes.segments(file, host);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs / 2);
    const second = indexes.segments(file, host);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs / 2);
    expect(await Promise.all([first, second])).toEqual([undefined, undefined]);
    expect(counted.reads).toBe(1);
    expect(await indexes.segments(file, host)).toHaveLength(1);
    expect(counted.reads).toBe(2);
  });

  it("is known also when its read took longer than anybody waited", async () => {
    const { counted, host } = bucket("is slow", "hangs");
    const indexes = new FileIndexes();
    void indexes.segments(file, host);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs);
    void indexes.segments(file, host);
    await vi.advanceTimersByTimeAsync(segmentReadTimeoutMs / 2);
    expect(await indexes.segments(file, host)).toHaveLength(1);
    expect(counted.reads).toBe(2);
  });

  it.each([
    ["fails" as const, undefined],
    ["missing" as const, null],
  ])("that %s is asked for once in a while, not by everybody", async (fault, expected) => {
    const { counted, host } = bucket(fault);
    const indexes = new FileIndexes();
    expect(await indexes.segments(file, host)).toBe(expected);
    await vi.advanceTimersByTimeAsync(fileIndexRetryMs - 1);
    expect(await indexes.segments(file, host)).toBe(expected);
    expect(counted.reads).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await indexes.segments(file, host)).toHaveLength(1);
  });

  it("is asked for again at once when the clock was put back", async () => {
    const { counted, host } = bucket("fails", "hangs");
    const indexes = new FileIndexes();
    await indexes.segments(file, host);
    vi.setSystemTime(Date.now() - 3_600_000);
    void indexes.segments(file, host);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await indexes.segments(file, host)).toHaveLength(1);
    expect(counted.reads).toBe(3);
  });
});
