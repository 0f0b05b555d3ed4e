import { readFileSync } from "node:fs";
import { ConfigError, loadOrExit } from "../config/config-error.ts";
import { loadStackSettings, reloadStackSettings, type StackSettings } from "../config/settings.ts";
import { Ingest, type IngestOptions } from "./ingest.ts";
import { shutdownMs } from "./limits.ts";
import { openLog } from "./log.ts";

// The ingest process: `npm run ingest`, and part of `npm start`.
const given = [process.argv.slice(2), process.env, "ingest"] as const;
const loaded = loadOrExit(() => loadStackSettings(...given));
const log = openLog(process.env["SKYWAVE_LOG_LEVEL"] || "info");
const ingest = new Ingest({ ...partsOf(loaded), version: packageVersion(), log });

let stopping = false;
const stop = async (signal: string): Promise<void> => {
  if (stopping) return;
  stopping = true;
  log.info({ signal }, "stopping");
  setTimeout(() => process.exit(1), shutdownMs).unref();
  process.exit((await ingest.stop()) === 0 ? 0 : 1);
};
process.on("SIGTERM", (signal) => void stop(signal));
process.on("SIGINT", (signal) => void stop(signal));
// A terminal that has gone takes its ingest with it, as it does the stack.
process.on("SIGHUP", (signal) => (process.stdout.isTTY ? void stop(signal) : reload()));

try {
  await ingest.start();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  loadOrExit(() => {
    throw error;
  });
}

/** A configuration with mistakes changes nothing. */
function reload(): void {
  if (stopping) return;
  try {
    ingest.change(partsOf(reloadStackSettings(loaded, ...given)));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) log.error({ problem }, "settings stay as they are");
  }
}

type Parts = Pick<IngestOptions, "settings" | "station">;
function partsOf({ ingest: settings, edge, files, tellsEdge }: StackSettings): Parts {
  return tellsEdge ? { settings, station: { edge, files } } : { settings };
}

function packageVersion(): string {
  const file: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}
