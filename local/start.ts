import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError, loadOrExit } from "../config/config-error.ts";
import { lockDataFolder } from "../config/data-lock.ts";
import { localBucketPath } from "../config/ingest-of-station.ts";
import { reachable, urlHost } from "../config/listening.ts";
import { forgetRunning, tellRunning } from "../config/running-stack.ts";
import { loadStackSettings, reloadStackSettings, type StackSettings } from "../config/settings.ts";
import { encodeMountPath, mountPath } from "../shared/mount-path.ts";
import { edgeStopMs, firstSoundMs, ingestStopMs, sameInterruptMs, startupIntervalMs } from "./limits.ts";
import { level, type LogLine, readableLog } from "./log.ts";
import { portMistakes, portProblem, privatePort, publicPorts } from "./ports.ts";
import { notesBlock, ownMount, readyBlock } from "./ready-block.ts";
import { Supervised } from "./supervised.ts";

/**
 * `npm start`: edge and ingest as processes of their own, brought back whichever dies, with one log. Exit codes:
 * 0 after a clean stop, 1 when the station cannot run or had to be cut off, 2 when its configuration is at fault.
 */
const root = join(import.meta.dirname, "..");

/** SKYWAVE_LOG=json keeps the lines as they are, for a log collector. */
const json = process.env["SKYWAVE_LOG"] === "json";
const readable = readableLog(process.stdout.isTTY);
const log = (line: LogLine): void => {
  if (json) process.stdout.write(`${JSON.stringify(line)}\n`);
  else if (line.level >= level.info) process.stdout.write(readable(line));
};
const say = (lineLevel: number, msg: string, fields: Record<string, unknown> = {}): void =>
  log({ level: lineLevel, time: Date.now(), name: "stack", msg, ...fields });

/** Why the stack cannot listen, a line for each port. */
async function portProblems(settings: StackSettings): Promise<string[]> {
  const problems = await Promise.all(
    publicPorts(settings).map(async ({ port, use }) => {
      const code = await portProblem(settings.host, port);
      if (code === undefined) return [];
      if (code === "EADDRINUSE") return [`port ${port} (${use}) is in use by another program`];
      if (code === "EADDRNOTAVAIL") return [`${settings.host} (--host) is not an address of this machine`];
      return [`port ${port} (${use}) cannot be used: ${code}`];
    }),
  );
  return [...new Set(problems.flat())];
}

/** The settings as flags, so that a process started again later gets the same ones wherever it runs. */
function childFlags(settings: StackSettings): string[] {
  const { stationFile, music, demo, dataDir, host, edgePort, ingest } = settings;
  const flags = [
    "--data",
    dataDir,
    "--host",
    host,
    "--edge-port",
    `${edgePort}`,
    "--ingest-port",
    `${ingest.port}`,
  ];
  if (stationFile !== undefined) flags.push("--config", stationFile);
  if (music !== undefined) flags.push("--music", music);
  if (!demo) flags.push("--no-demo");
  return flags;
}

function refuse(problems: readonly string[]): never {
  process.stderr.write(`skywave cannot start:\n${problems.map((problem) => `  ${problem}\n`).join("")}`);
  process.exit(1);
}

const settings = loadOrExit(() => {
  const loaded = loadStackSettings(process.argv.slice(2), process.env);
  const mistakes = portMistakes(publicPorts(loaded));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return loaded;
});
const problems = await portProblems(settings);
if (problems.length > 0) refuse(problems);
if (json) for (const note of settings.notes) say(level.warn, "worth knowing of the configuration", { note });
else process.stdout.write(notesBlock(settings));
if (!lockDataFolder(settings.dataDir, "stack"))
  refuse([`another station runs on the data folder ${settings.dataDir} (--data)`]);

const storagePort = await privatePort(
  settings.edgePort,
  new Set(publicPorts(settings).map(({ port }) => port)),
);
if (storagePort === undefined)
  refuse([`no port near ${settings.edgePort} (--edge-port) is free for the storage endpoint`]);
const bucketUrl = `http://127.0.0.1:${storagePort}${localBucketPath}`;
const ownHost = urlHost(reachable(settings.host));
tellRunning(settings.dataDir, { bucketUrl, edgeUrl: `http://${ownHost}:${settings.edgePort}` });
const preload = ["--import", new URL("exit-with-parent.ts", import.meta.url).href];
const edge = new Supervised({
  name: "edge",
  command: process.execPath,
  args: [...preload, "--expose-gc", join(root, "local", "edge.ts"), ...childFlags(settings)],
  env: { ...process.env, SKYWAVE_STORAGE_PORT: String(storagePort) },
  healthUrl: `http://${ownHost}:${settings.edgePort}/health`,
  log,
});
const ingest = new Supervised({
  name: "ingest",
  command: process.execPath,
  args: [...preload, join(root, "ingest", "main.ts"), ...childFlags(settings)],
  env: {
    ...process.env,
    SKYWAVE_EDGE_URL: `http://${ownHost}:${settings.edgePort}`,
    SKYWAVE_INGEST_TOKEN: settings.ingest.ingestToken,
    SKYWAVE_S3_URL: bucketUrl,
    SKYWAVE_S3_ACCESS_KEY_ID: settings.ingest.storage.accessKeyId,
    SKYWAVE_S3_SECRET_ACCESS_KEY: settings.ingest.storage.secretAccessKey,
    // Also without a station file: the edge may know another run's.
    SKYWAVE_PUSH_STATION: "1",
  },
  healthUrl: `http://${ownHost}:${settings.ingest.port}/health`,
  log,
});

/** Ingest first: it flushes its open segments through the edge. */
async function stop(exitCode: number): Promise<never> {
  const flushed = await ingest.stop(ingestStopMs);
  forgetRunning(settings.dataDir);
  const closed = await edge.stop(edgeStopMs);
  if (!flushed) say(level.error, "ingest did not stop properly, segments are lost");
  if (!closed) say(level.warn, "edge did not stop properly");
  say(level.info, "stopped");
  process.exit(flushed && closed ? exitCode : 1);
}

let interruptedAt: number | undefined;
function interrupt(signal: NodeJS.Signals): void {
  const now = performance.now();
  if (interruptedAt === undefined) {
    interruptedAt = now;
    say(level.info, "stopping: flushing what is open; interrupt again to stop at once");
    void stop(0);
  } else if (signal === "SIGINT" && now - interruptedAt > sameInterruptMs) {
    ingest.kill();
    edge.kill();
    process.exit(1);
  }
}
process.on("SIGINT", interrupt);
process.on("SIGTERM", interrupt);
// A terminal that has gone ends what it ran; without one the signal is an operator's.
process.on("SIGHUP", (signal) => (process.stdout.isTTY ? interrupt(signal) : reload()));
process.on("SIGUSR2", renewIngest);
// Whoever read the log has gone; the station goes on until it is told to stop.
process.stdout.on("error", () => undefined);

/** Whether the station file can be used as it is now; what is wrong with it is logged. */
function readAgain(): boolean {
  try {
    const next = reloadStackSettings(settings, process.argv.slice(2), process.env);
    for (const note of next.notes)
      if (!settings.notes.includes(note)) say(level.warn, "worth knowing of the configuration", { note });
    const held = [
      ...(next.edgePort === settings.edgePort ? [] : ["edge.port"]),
      ...(next.ingest.port === settings.ingest.port ? [] : ["ingest.port"]),
    ];
    if (held.length > 0) say(level.warn, "changed settings that need a restart", { settings: held });
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) say(level.error, "settings stay as they are", { problem });
    return false;
  }
}

function reload(): void {
  if (interruptedAt !== undefined || !readAgain()) return;
  say(level.info, "settings read again");
  ingest.signal("SIGHUP");
}

/** Begins the ingest anew with the code as it is now; it would not come up with a station file that it refuses. */
function renewIngest(): void {
  if (interruptedAt !== undefined || !readAgain()) return;
  say(level.info, "starting the ingest again");
  void ingest.restart(ingestStopMs);
}

/** What the ready block says to listen to is there when it says so; where it takes long, soon after. */
async function firstSound(): Promise<void> {
  const mount = ownMount(settings);
  if (mount === undefined) return;
  const url = `http://${ownHost}:${settings.edgePort}${encodeMountPath(mountPath(mount))}`;
  const untilMs = performance.now() + firstSoundMs;
  const isThere = () =>
    fetch(url, { method: "HEAD" }).then(
      ({ ok }) => ok,
      () => false,
    );
  while (performance.now() < untilMs && !(await isThere())) await sleep(startupIntervalMs);
}

// Not in time or a fault: either way the processes end with this one.
process.on("uncaughtException", (error) => {
  process.stderr.write(`${error.stack ?? error.message}\n`);
  ingest.kill();
  edge.kill();
  process.exit(1);
});

edge.start();
await Promise.race([edge.ready, edge.hopeless]).catch(() => stop(2));
ingest.start();
await Promise.race([ingest.ready, ingest.hopeless]).catch(() => stop(2));
await firstSound();
if (json)
  say(level.info, "on the air", {
    edgePort: settings.edgePort,
    ingestPort: settings.ingest.port,
    storagePort,
  });
else process.stdout.write(readyBlock(settings, process.pid));
