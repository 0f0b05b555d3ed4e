import { describe, expect, it } from "vitest";
import { afterExit, neverFailed } from "../../local/restart.ts";

describe("starting again", () => {
  it("waits twice as long after each failure, up to five seconds", () => {
    let state = neverFailed;
    const delays = Array.from({ length: 7 }, () => {
      const decision = afterExit(state, 100);
      state = decision.state;
      return decision.delayMs;
    });
    expect(delays).toEqual([200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  it("does not wait for a process that had run well", () => {
    const worn = { failures: 9 };
    expect(afterExit(worn, 9_999).delayMs).toBe(5000);
    expect(afterExit(worn, 10_000)).toEqual({ state: neverFailed, delayMs: 0 });
  });
});
