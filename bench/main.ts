import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { costFindings } from "./cost.ts";
import { edgeFindings, measureEdge } from "./edge.ts";
import { ingestFindings } from "./ingest.ts";
import { latencyFindings, measureLatency } from "./latency.ts";
import { measureSteady, steadyFindings } from "./steady.ts";
import { measureStorm, stormFindings } from "./storm.ts";
import { icecastVersion } from "../test/support/icecast-server.ts";
import { describeMachine } from "./support/machine.ts";
import { type Findings, tableOf } from "./support/row.ts";

/**
 * `npm run bench -- [--only edge,storm,steady,latency,ingest,cost] [--rounds 5] [--steady-minutes 10] [--json FILE]`: Skywave and
 * Icecast side by side on this machine in one run; about 40 minutes. Progress goes to standard error, the table, in
 * Markdown, to standard output.
 */
const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    "steady-minutes": { type: "string", default: "10" },
    json: { type: "string" },
  },
});
const rounds = numberOf("rounds");
const steadyMinutes = numberOf("steady-minutes");
const say = (line: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
};

interface Section {
  readonly name: string;
  run(): Promise<Findings>;
}

const sections: readonly Section[] = [
  { name: "edge", run: async () => edgeFindings(await measureEdge(rounds, say)) },
  { name: "storm", run: async () => stormFindings(await measureStorm(say)) },
  { name: "steady", run: async () => steadyFindings(await measureSteady(steadyMinutes, say)) },
  { name: "latency", run: async () => latencyFindings(await measureLatency(say)) },
  {
    name: "ingest",
    run: () => ingestFindings({ sources: [100, 500, 1_000], seconds: 12, rounds: 3, progress: say }),
  },
  { name: "cost", run: async () => costFindings() },
];

const only = values.only.split(",").filter((name) => name !== "");
const unknown = only.filter((name) => !sections.some((section) => section.name === name));
if (unknown.length > 0) {
  refuse(`no such section: ${unknown.join(", ")}; there are ${sections.map(({ name }) => name).join(", ")}`);
}

// What was started ends with this process only when it leaves by itself.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const machine = describeMachine();
say(machine.join("\n"));
if (icecastVersion() === null)
  say("Icecast is not installed (Debian: apt install icecast2): nothing to compare with");
const startedMs = performance.now();
const findings: Findings[] = [];
for (const section of sections) {
  if (only.length > 0 && !only.includes(section.name)) continue;
  try {
    findings.push(await section.run());
  } catch (error) {
    // What the others found took half an hour.
    const why = error instanceof Error ? error.message : String(error);
    say(`${section.name}: ${why}`);
    findings.push({
      rows: [],
      notes: [`${section.name} could not be measured: ${why.split("\n")[0] ?? ""}.`],
    });
    process.exitCode = 1;
  }
}
const rows = findings.flatMap((each) => each.rows);
const notes = findings.flatMap((each) => each.notes);
const texts = findings.flatMap(({ text }) => (text === undefined ? [] : [text]));
const budgets = rows.flatMap(({ budget }) => (budget === undefined ? [] : [budget]));
const minutes = Math.round((performance.now() - startedMs) / 60_000);
const summary = `${budgets.filter(({ isMet }) => isMet === true).length} of ${budgets.length} budgets met; ${minutes} min.`;
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, rows, notes }, null, 2)}\n`);
}
console.log(
  [machine.join("\n"), tableOf(rows), notes.map((note) => `- ${note}`).join("\n"), ...texts, summary].join(
    "\n\n",
  ),
);

function numberOf(name: "rounds" | "steady-minutes"): number {
  const value = Number(values[name]);
  return value > 0 ? value : refuse(`--${name} takes a number above 0, got ${values[name]}`);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
