import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { faultKinds } from "../support/chaos/faults.ts";
import { tableOf } from "../support/chaos/report.ts";
import { runChaos } from "../support/chaos/run.ts";
import { testSeed } from "../support/seeded.ts";
import { startStack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";

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

it("an edge whose runtime cannot come back is replaced without being looked at for long", async () => {
  const stack = await startStack();
  const intruder = createServer((socket) => socket.destroy());
  const listening = async (): Promise<boolean> => {
    intruder.listen(stack.edgePort, "127.0.0.1");
    try {
      await once(intruder, "listening");
      return true;
    } catch {
      return false;
    }
  };
  try {
    stack.kill("workerd");
    // Before the next runtime is there: it has nowhere to listen then.
    for (let tries = 0; !(await listening()); tries++) expect(tries).toBeLessThan(100_000);
    await waitFor("the edge to leave", () => stack.log().includes('"msg":"ended, starting again'));
    await new Promise((resolve) => intruder.close(resolve));
    await waitFor("the edge to be back", async () => {
      try {
        return (await fetch(`${stack.edgeUrl}/health`)).ok;
      } catch {
        return false;
      }
    });
    expect(stack.log()).not.toContain("does not answer");
  } finally {
    intruder.close();
    await stack.stop();
  }
});
