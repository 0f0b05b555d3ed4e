import { parseArgs } from "node:util";
import { testSeed } from "../test/support/seeded.ts";
import { soak } from "../test/support/soak.ts";
import { startStack } from "../test/support/stack.ts";

/** `npm run soak -- [--minutes 30] [--listeners 20]`: exit code 1 when anything was lost or miscounted. */
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "30" }, listeners: { type: "string", default: "20" } },
});
const stack = await startStack();
try {
  console.log(`seed ${testSeed}, data in ${stack.dataDir}`);
  const result = await soak({
    stack,
    seconds: Number(values.minutes) * 60,
    listeners: Number(values.listeners),
    seed: testSeed,
    progress: (line) => console.log(line),
  });
  const { memory, problems, ...counts } = result;
  console.log(counts);
  for (const [name, samples] of memory) {
    const tenth = Math.max(1, Math.floor(samples.length / 10));
    const mean = (part: readonly number[]): number =>
      Math.round(part.reduce((sum, value) => sum + value, 0) / part.length);
    console.log(
      `${name}: ${mean(samples.slice(tenth, 2 * tenth))} MiB after a tenth of the time, ${mean(samples.slice(-tenth))} MiB in the last tenth, most ${Math.max(...samples)} MiB`,
    );
  }
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 || result.countedAtEnd !== 0 ? 1 : 0;
} finally {
  await stack.stop();
}
