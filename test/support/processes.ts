import { execFileSync } from "node:child_process";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Memory in RAM, KiB. */
  readonly residentKib: number;
  readonly command: string;
}

/** Every process of this machine that is not a zombie. */
function processes(): ProcessInfo[] {
  const table = execFileSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,stat=,rss=,args="], { encoding: "utf8" });
  return table.split("\n").flatMap((line) => {
    const [, pid, parent, state, resident, command] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (command === undefined || state?.startsWith("Z") === true) return [];
    return [{ pid: Number(pid), parent: Number(parent), residentKib: Number(resident), command }];
  });
}

/** The process `pid` and everything below it. */
export function processTree(pid: number): ProcessInfo[] {
  const all = processes();
  const below = (parent: number): ProcessInfo[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)]);
  return [...all.filter((each) => each.pid === pid), ...below(pid)];
}

export function isAlive(pid: number): boolean {
  return processes().some((each) => each.pid === pid);
}
