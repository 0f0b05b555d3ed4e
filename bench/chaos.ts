import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { faultKinds } from "../test/support/chaos/faults.ts";
import { tableOf } from "../test/support/chaos/report.ts";
import { runChaos } from "../test/support/chaos/run.ts";
import { testSeed } from "../test/support/seeded.ts";

/**
 * `npm run chaos -- [--times 20] [--only name,name] [--mounts 5] [--listeners 50] [--seed N] [--log FILE]`: real processes
 * through every fault, each so many times; exit code 1 when a listener was dropped, a frame damaged or one lost from the archive.
 */
const { values } = parseArgs({
  options: {
    times: { type: "string", default: "20" },
    only: { type: "string", default: "" },
    mounts: { type: "string", default: "5" },
    listeners: { type: "string", default: "50" },
    seed: { type: "string", default: String(testSeed) },
    log: { type: "string" },
  },
});
const only = values.only.split(",").filter((name) => name !== "");
const unknown = only.filter((name) => !faultKinds.some((fault) => fault.name === name));
if (unknown.length > 0) {
  console.error(
    `no such fault: ${unknown.join(", ")}; there are ${faultKinds.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
console.log(`seed ${values.seed}`);
const startedAt = Date.now();
const reports = await runChaos({
  faults: faultKinds.filter(({ name }) => only.length === 0 || only.includes(name)),
  times: Number(values.times),
  mounts: Number(values.mounts),
  listeners: Number(values.listeners),
  seed: Number(values.seed),
  progress: (line) => console.log(line),
  log: (log) => {
    if (values.log !== undefined) writeFileSync(values.log, log, { flag: "a" });
  },
});
for (const { fault, broken, notes } of reports) {
  if (notes.length > 0) console.log(`\n${fault}: for example`);
  for (const note of notes) console.log(`  ${note}`);
  for (const problem of broken) console.log(`  BROKEN: ${problem}`);
}
console.log(`\n${tableOf(reports)}\n\nseed ${values.seed}, ${Math.round((Date.now() - startedAt) / 1000)} s`);
if (reports.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
