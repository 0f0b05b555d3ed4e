import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadStackSettings } from "../../config/settings.ts";
import { freePorts } from "./free-port.ts";
import { isAlive, processTree } from "./processes.ts";
import { waitFor } from "./wait.ts";

export interface StackOptions {
  /** Kept by the caller; without it a temporary one is made and removed. */
  readonly dataDir?: string;
  readonly host?: string;
  readonly stationFile?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Further flags; without them nothing plays on the station but what comes. */
  readonly flags?: readonly string[];
  /** Take these ports instead of free ones. */
  readonly edgePort?: number;
  readonly ingestPort?: number;
}

/** A running `npm start`, without npm. */
export interface Stack {
  readonly edgeUrl: string;
  readonly edgePort: number;
  readonly ingestUrl: string;
  readonly ingestPort: number;
  /** The source password. */
  readonly password: string;
  readonly adminPassword: string;
  readonly ingestToken: string;
  readonly dataDir: string;
  /** Process id of the supervisor. */
  readonly pid: number;
  /** Everything logged so far, a JSON object per line. */
  log(): string;
  /** Process id of a part as it runs now; undefined while it is down. `workerd` is the runtime below the edge. */
  pidOf(part: StackPart): number | undefined;
  kill(part: StackPart, signal?: NodeJS.Signals): number;
  /** Sends a signal to the supervisor and resolves with its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Ends the stack if it runs, and removes its temporary folder. */
  stop(): Promise<void>;
}
export type StackPart = "edge" | "ingest" | "workerd";

const root = join(import.meta.dirname, "..", "..");
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts the real stack on free ports and waits until both ports answer 200. Rejects with the log when it does not. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "skywave test "));
  // The edge's port, then room for the storage endpoint's, far from it ingest's and SHOUTcast's.
  const edgePort = options.edgePort ?? (await freePorts());
  const ingestPort = options.ingestPort ?? (await freePorts(2));
  const flags = ["--data", dataDir, "--edge-port", `${edgePort}`, "--ingest-port", `${ingestPort}`];
  flags.push(...(options.flags ?? ["--no-demo"]));
  if (options.host !== undefined) flags.push("--host", options.host);
  if (options.stationFile !== undefined) flags.push("--config", options.stationFile);
  const env = { ...process.env, SKYWAVE_LOG: "json", ...options.env };

  const child = spawn(process.execPath, [join(root, "local", "start.ts"), ...flags], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  void exited.then(() => running.delete(child));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));

  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await exited;
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  const pid = child.pid ?? 0;
  const pidOf = (part: StackPart) =>
    processTree(pid).find(({ command }) => commandOf[part].test(command))?.pid;
  try {
    await Promise.race([
      waitFor("the stack to be on the air", () => output.includes('"msg":"on the air"'), 45_000),
      exited.then((code) => {
        throw new Error(`the stack ended with ${code}`);
      }),
    ]);
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${output}`, { cause: error });
  }
  const settings = loadStackSettings(flags, env);
  return {
    edgeUrl: `http://127.0.0.1:${edgePort}`,
    edgePort,
    ingestUrl: `http://127.0.0.1:${ingestPort}`,
    ingestPort,
    password: settings.ingest.sourcePassword,
    adminPassword: settings.ingest.adminPassword,
    ingestToken: settings.ingest.ingestToken,
    dataDir,
    pid,
    log: () => output,
    pidOf,
    kill(part, signal = "SIGKILL") {
      const target = pidOf(part);
      if (target === undefined) throw new Error(`${part} does not run`);
      process.kill(target, signal);
      return target;
    },
    async end(signal = "SIGTERM") {
      child.kill(signal);
      return exited;
    },
    stop,
  };
}

const commandOf: Record<StackPart, RegExp> = {
  edge: /local[\\/]edge\.ts/,
  ingest: /ingest[\\/]main\.ts/,
  workerd: /workerd[^ ]* serve/,
};

/** Resolves when none of the processes is left; rejects naming those that are. */
export async function waitUntilGone(pids: readonly number[], timeoutMs = 10_000): Promise<void> {
  await waitFor(`processes ${pids.join(", ")} to end`, () => !pids.some(isAlive), timeoutMs);
}
