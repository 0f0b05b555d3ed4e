import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** `npm run check`: every check runs, a line for each; what failed is shown at the end. `--no-tests` for who runs those anyway. */
const root = join(import.meta.dirname, "..");

const steps: readonly (readonly [what: string, command: string, ...args: string[]])[] = [
  ["types", "tsc", "-b"],
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["format", "biome", "format", "."],
  ["unused", "knip"],
  ...(process.argv.includes("--no-tests")
    ? []
    : [["unit tests", "vitest", "run", "--project", "unit", "--reporter=dot"] as const]),
];

const failures: string[] = [];
for (const [what, command, ...args] of steps) {
  const startedAt = performance.now();
  process.stdout.write(what.padEnd(12));
  // The bootstrap has put the project's programs first in PATH; on Windows they are .cmd files, which need a shell.
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`${result.status === 0 ? "ok" : "failed"}  ${seconds} s\n`);
  if (result.status === 0) continue;
  const output = result.error?.message ?? `${result.stdout}${result.stderr}`.trim();
  failures.push(`--- ${what}: ${[command, ...args].join(" ")}\n${output}\n`);
}
process.stdout.write(failures.length === 0 ? "" : `\n${failures.join("\n")}`);
process.exitCode = failures.length === 0 ? 0 : 1;
