import { defineConfig } from "vitest/config";

/**
 * Unit tests run in parallel. End-to-end tests start real stacks and mostly wait for them: two files at a time, after the
 * unit tests; those that count what a whole machine does run alone, after them.
 */
const alone = ["chaos", "reads", "soak"].map((name) => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/{shared,config,ingest,worker,local}/**/*.test.ts", "bench/test/*.test.ts"],
          testTimeout: 30_000,
          // One for each core: half of them by default, on a small machine one.
          maxWorkers: "100%",
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: alone,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e alone",
          include: alone,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
