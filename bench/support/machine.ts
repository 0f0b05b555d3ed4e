import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { icecastVersion } from "../../test/support/icecast-server.ts";

const root = join(import.meta.dirname, "..", "..");

/** Where and with what is measured, lines of a Markdown list. Read before the first measurement: it tells the load. */
export function describeMachine(): string[] {
  const cores = cpus();
  const { version } = JSON.parse(
    readFileSync(join(root, "node_modules", "workerd", "package.json"), "utf8"),
  ) as { version: string };
  const icecast = icecastVersion();
  return [
    `- machine: ${cores.length} × ${cores[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
    `- versions: Node ${process.versions.node}, workerd ${version}, ${icecast === null ? "no Icecast installed" : `Icecast ${icecast}`}`,
    `- ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, commit ${commit()}`,
    `- load average at the start: ${loadavg()
      .map((load) => load.toFixed(2))
      .join(", ")}`,
  ];
}

function commit(): string {
  const git = (...args: readonly string[]): string =>
    spawnSync("git", [...args], { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";
  const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
  return `${git("rev-parse", "--short", "HEAD") || "unknown"}${changed ? " with changes" : ""}`;
}
