import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { EventLoopDelay } from "../../ingest/event-loop-delay.ts";

test("work that holds the loop up is seen as lateness, and before any sample there is none", async () => {
  const watched = new EventLoopDelay();
  expect(watched.lateness).toEqual({ p50: 0, p99: 0, max: 0 });
  await sleep(100);
  const untilMs = performance.now() + 100;
  while (performance.now() < untilMs);
  await sleep(50);
  const { p50, p99, max } = watched.lateness;
  watched.stop();
  expect(max).toBeGreaterThan(50);
  expect(p99).toBeGreaterThanOrEqual(p50);
  expect(max).toBeGreaterThanOrEqual(p99);
});
