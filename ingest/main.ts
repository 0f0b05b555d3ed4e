import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { ConfigError, loadOrExit } from "../config/config-error.ts";
import { lockDataFolder } from "../config/data-lock.ts";
import { loadStackSettings, reloadStackSettings, type StackSettings } from "../config/settings.ts";
import { Ingest, type IngestOptions } from "./ingest.ts";
import { diskPollMs, lockRetryMs, lockWaitMs, shutdownMs } from "./limits.ts";
import { openLog, reasonOf } from "./log.ts";

// The ingest process: `npm run ingest`, and part of `npm start`.

// V8 counts what sockets and segments hold outside its heap, and with hundreds of sources looks through the whole heap twice
// a second for it: a fifth of this process. The heap may grow to three times what is in use, some 30 MB more with few sources.
setFlagsFromString("--heap-growing-percent=200");
const given = [process.argv.slice(2), process.env, "ingest"] as const;
const loaded = loadOrExit(() => loadStackSettings(...given));
const log = openLog(process.env["SKYWAVE_LOG_LEVEL"] || "info");
// Beside its own edge the stack has told them.
if (process.env["SKYWAVE_PUSH_STATION"] !== "1")
  for (const note of loaded.notes) log.warn({ note }, "worth knowing of the configuration");
const ingest = new Ingest({ ...partsOf(loaded), version: packageVersion(), log });

const stopping = new AbortController();
const stop = async (signal: string): Promise<void> => {
  if (stopping.signal.aborted) return;
  stopping.abort();
  log.info({ signal }, "stopping");
  setTimeout(kill, shutdownMs);
  const lost = await ingest.stop();
  // An orderly exit waits for file operations under way, and on a disk that hangs they never end: better to wait here,
  // where the time is limited.
  while (ingest.diskIsBusy) await sleep(diskPollMs);
  process.exit(lost === 0 ? 0 : 1);
};
const kill = (): void => void process.kill(process.pid, "SIGKILL");
process.on("SIGTERM", (signal) => void stop(signal));
process.on("SIGINT", (signal) => void stop(signal));
// A terminal that has gone takes its ingest with it, as it does the stack.
process.on("SIGHUP", (signal) => (process.stdout.isTTY ? void stop(signal) : reload()));

try {
  await takeDataFolder(loaded.ingest.dataDir);
  if (!stopping.signal.aborted) await ingest.start();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  loadOrExit(() => {
    throw error;
  });
}

/**
 * Before anything in the folder is read. An earlier process may be just ending: it is waited for. Throws ConfigError
 * when it goes on.
 */
async function takeDataFolder(dataDir: string): Promise<void> {
  const untilMs = performance.now() + lockWaitMs;
  for (let tries = 0; !stopping.signal.aborted && !isOurs(dataDir); tries++) {
    if (performance.now() > untilMs) {
      throw new ConfigError([
        `another ingest runs on the data folder ${dataDir}: stop it, or give this one a folder of its own with --data`,
      ]);
    }
    if (tries === 0) log.info({ dataDir }, "another ingest has the data folder, waiting for it to end");
    await sleep(lockRetryMs);
  }
}

function isOurs(dataDir: string): boolean {
  try {
    return lockDataFolder(dataDir, "ingest");
  } catch (error) {
    // Sources are taken without a disk as well.
    log.warn(
      { dataDir, reason: reasonOf(error) },
      "the data folder cannot be locked: nothing keeps another ingest off it",
    );
    return true;
  }
}

/** A configuration with mistakes changes nothing. */
function reload(): void {
  if (stopping.signal.aborted) return;
  ingest.reopenLogs();
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
