import { describe, expect, it } from "vitest";
import { BufferPool } from "../../worker/buffer-pool.ts";
import { pooledBuffersBytes } from "../../worker/limits.ts";

describe("a pool of buffers", () => {
  it("gives as many bytes as are asked for, and never one buffer to two", () => {
    const pool = new BufferPool();
    const sizes = [0, 1, 4_096, 4_097, 32_001, 32_002];
    const taken = sizes.map((size) => pool.take(size));
    expect(taken.map(({ length }) => length)).toEqual(sizes);
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBe(sizes.length);
    for (const buffer of taken) pool.give(buffer);
    const again = sizes.map((size) => pool.take(size));
    expect(new Set(again.map(({ buffer }) => buffer)).size).toBe(sizes.length);
  });

  it("fills a buffer that was given back again, for any size that it has room for", () => {
    const pool = new BufferPool();
    const first = pool.take(32_000);
    pool.give(first);
    const second = pool.take(32_417);
    expect(second.buffer).toBe(first.buffer);
    expect(second).toHaveLength(32_417);
  });

  it("keeps no more than its bound", () => {
    const pool = new BufferPool();
    const size = 1024 * 1024;
    const taken = Array.from({ length: 20 }, () => pool.take(size));
    for (const buffer of taken) pool.give(buffer);
    const known = new Set(taken.map(({ buffer }) => buffer));
    const again = Array.from({ length: 20 }, () => pool.take(size));
    expect(again.filter(({ buffer }) => known.has(buffer))).toHaveLength(pooledBuffersBytes / size);
  });
});
