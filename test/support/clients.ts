import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, isAbsolute, join } from "node:path";
import { existsSync } from "node:fs";
import { killTree } from "../../local/process-tree.ts";

/** What a test uses of vitest's context to leave itself out. */
interface Skipper {
  skip(note?: string): never;
}

/**
 * Skips the test when a real client is not installed, saying so. With SKYWAVE_REQUIRE_CLIENTS=1, as in CI, a
 * missing client is a failure instead: nothing may be left out unseen there.
 */
export function requireClient(context: Skipper, ...names: readonly string[]): void {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const message = `not installed: ${missing.join(", ")}`;
  if (process.env["SKYWAVE_REQUIRE_CLIENTS"] === "1") throw new Error(message);
  context.skip(message);
}

/** By its name in PATH, or the path of a file. */
function isInstalled(name: string): boolean {
  if (isAbsolute(name)) return existsSync(name);
  const endings = process.platform === "win32" ? [".exe", ".cmd", ".bat"] : [""];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.some((folder) => endings.some((ending) => existsSync(join(folder, name + ending))));
}

/** A real client that runs. */
export interface Client {
  readonly child: ChildProcess;
  /** Everything it wrote on stdout so far. */
  stdout(): Buffer;
  stderr(): string;
  /** Resolves with its exit code, null after a signal; rejects with its output when it has not ended in time. */
  exited(timeoutMs?: number): Promise<number | null>;
  /** Ends it and all it started, at once. */
  kill(): void;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) killTree(child.pid);
});

/** Starts a client in a process group of its own; it never outlives the test run. Close it with `kill`. */
export function spawnClient(
  command: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: Uint8Array } = {},
): Client {
  const child = spawn(command, [...args], {
    env: { ...process.env, ...options.env },
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  running.add(child);
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString("latin1")));
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.stdin);
  const exit = new Promise<number | null>((resolve, reject) => {
    // "close" comes after the last output, "exit" may not.
    child.once("close", (code) => resolve(code));
    child.once("error", reject);
  }).finally(() => running.delete(child));
  exit.catch(() => undefined);
  return {
    child,
    stdout: () => Buffer.concat(stdout),
    stderr: () => stderr,
    async exited(timeoutMs = 30_000) {
      const timeout = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        timeout.reject(new Error(`${command} has not ended after ${timeoutMs / 1000} s\n${stderr}`));
      }, timeoutMs);
      return Promise.race([exit, timeout.promise]).finally(() => clearTimeout(timer));
    },
    kill: () => killTree(child.pid),
  };
}

/** Runs a client to its end. */
export async function runClient(
  command: string,
  args: readonly string[],
  timeoutMs = 30_000,
): Promise<Client> {
  const client = spawnClient(command, args);
  try {
    await client.exited(timeoutMs);
  } finally {
    client.kill();
  }
  return client;
}
