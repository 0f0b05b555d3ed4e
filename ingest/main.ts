import { readFileSync } from "node:fs";
import { ConfigError, loadOrExit } from "../config/config-error.ts";
import { loadIngestSettings } from "../config/settings.ts";
import { Ingest } from "./ingest.ts";
import { shutdownMs } from "./limits.ts";
import { openLog } from "./log.ts";

// The ingest process: `npm run ingest`, and part of `npm start`.
const settings = loadOrExit(() => loadIngestSettings(process.argv.slice(2), process.env));
const log = openLog(process.env["SKYWAVE_LOG_LEVEL"] || "info");
const ingest = new Ingest({ settings, version: packageVersion(), log });

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

try {
  await ingest.start();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  loadOrExit(() => {
    throw error;
  });
}

function packageVersion(): string {
  const file: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}
