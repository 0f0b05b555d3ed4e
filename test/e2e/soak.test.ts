import { afterAll, beforeAll, expect, it } from "vitest";
import { testSeed } from "../support/seeded.ts";
import { soak } from "../support/soak.ts";
import { type Stack, startStack } from "../support/stack.ts";

/** The short form of `npm run soak`. */
const seconds = 60;
const listeners = 20;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

it(`serves ${listeners} listeners that come and go without losing a frame (SKYWAVE_TEST_SEED=${testSeed})`, async () => {
  const result = await soak({ stack, seconds, listeners, seed: testSeed });
  expect(result.problems).toEqual([]);
  expect(result.joins).toBeGreaterThan(listeners);
  expect(result.framesChecked).toBeGreaterThan((listeners * seconds * 38) / 2);
  expect(result.titles).toBeGreaterThan(listeners);
  // Two segments of 77 frames.
  expect(result.latestTitleFrames).toBeLessThanOrEqual(154);
  expect(result.countedAtEnd).toBe(0);
  // Bytes kept are bounded; what a process holds after a warm-up it holds at the end, but for the collector's slack.
  for (const [name, samples] of result.memory) {
    const warm = Math.max(...samples.slice(0, Math.ceil(samples.length / 2)));
    expect(samples.at(-1), `MiB of ${name}: ${samples.join(" ")}`).toBeLessThan(warm + 64);
  }
}, 140_000);
