import { expect, it } from "vitest";
import { faultKinds } from "../support/chaos/faults.ts";
import { tableOf } from "../support/chaos/report.ts";
import { runChaos } from "../support/chaos/run.ts";
import { testSeed } from "../support/seeded.ts";

/** What of `npm run chaos` fits into a minute and a half: each once, on one mount of its own. */
const together = ["source-reset", "stall-5s", "race", "storage-500", "announcements"];
const alone = ["ingest-kill", "runtime-kill", "clock"];

it.each([
  { what: "sources, storage and announcements fail", names: together, mounts: 1, listeners: 10 },
  { what: "processes die and clocks jump", names: alone, mounts: 2, listeners: 6 },
])("$what: nobody is dropped, nothing is damaged, nothing acknowledged is lost", async (form) => {
  const logs: string[] = [];
  const reports = await runChaos({
    faults: faultKinds.filter(({ name }) => form.names.includes(name)),
    times: 1,
    mounts: form.mounts,
    listeners: form.listeners,
    seed: testSeed,
    log: (log) => logs.push(log),
  });
  expect(reports.map(({ fault }) => fault).toSorted()).toEqual(form.names.toSorted());
  const broken = reports.flatMap(({ fault, broken: problems, notes }) =>
    problems.map((problem) => `${fault}: ${problem}\n  ${notes.join("\n  ")}`),
  );
  expect(broken, `seed ${testSeed}\n${tableOf(reports)}\n${logs.join("\n")}`).toEqual([]);
});
