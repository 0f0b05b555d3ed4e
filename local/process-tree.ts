import { type ChildProcess, spawn, spawnSync } from "node:child_process";

export interface TreeOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Starts a process as the head of a group of its own, so that what it starts can be ended with it. An IPC channel
 * is open to it: its closing tells the process that its parent has gone, however that went.
 */
export function spawnTree(options: TreeOptions): ChildProcess {
  return spawn(options.command, [...options.args], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A detached process gets a console window on Windows, where there are no groups to gain.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
}

/** Asks a process to finish what it is doing. Windows has no signals: there the closed channel asks. */
export function askToStop(child: ChildProcess): void {
  if (process.platform !== "win32") child.kill("SIGTERM");
  else if (child.connected) child.disconnect();
}

/** Ends a process and everything it started, at once. Safe to call when some or all of them have ended. */
export function killTree(pid: number | undefined): void {
  if (pid === undefined) return;
  if (process.platform === "win32") {
    spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore" });
    return;
  }
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}
