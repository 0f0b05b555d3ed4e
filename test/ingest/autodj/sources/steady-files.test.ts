import { describe, expect, it } from "vitest";
import { steadyMs } from "../../../../ingest/autodj/sources/limits.ts";
import { SteadyFiles } from "../../../../ingest/autodj/sources/steady-files.ts";

describe("a file", () => {
  it("that nobody has written to for a moment is whole at once", () => {
    expect(new SteadyFiles().isSteady("a", { size: 5, mtimeMs: 1_000 }, 1_000 + steadyMs)).toBe(true);
  });

  it("that grows is whole when it has stopped", () => {
    const files = new SteadyFiles();
    for (const now of [0, 400, 800])
      expect(files.isSteady("a", { size: now, mtimeMs: now }, now)).toBe(false);
    expect(files.isSteady("a", { size: 800, mtimeMs: 800 }, 800 + steadyMs - 1)).toBe(false);
    expect(files.isSteady("a", { size: 800, mtimeMs: 800 }, 800 + steadyMs)).toBe(true);
    expect(files.count).toBe(0);
  });

  it("whose disk has another clock is whole when it was the same for a moment", () => {
    const files = new SteadyFiles();
    const seen = { size: 5, mtimeMs: 10_000_000 };
    expect(files.isSteady("a", seen, 0)).toBe(false);
    expect(files.isSteady("a", seen, steadyMs - 1)).toBe(false);
    expect(files.isSteady("a", seen, steadyMs)).toBe(true);
  });

  it("that has gone is forgotten", () => {
    const files = new SteadyFiles();
    files.isSteady("a", { size: 5, mtimeMs: 0 }, 0);
    files.keepOnly((id) => id !== "a");
    expect(files.count).toBe(0);
  });
});
