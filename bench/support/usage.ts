import { readFileSync } from "node:fs";

/** What a process has used and uses, from /proc of Linux. */
export interface Usage {
  readonly atMs: number;
  /** User and system together. */
  readonly cpuSeconds: number;
  readonly residentKib: number;
}

/** Clock ticks per second of Linux's /proc, the same on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Throws when the process is gone. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return {
    atMs: performance.now(),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    residentKib: Number(resident),
  };
}

/** Microseconds of CPU per listener-second (or source-second) between two readings. */
export function cpuMicroseconds(before: Usage, after: Usage, count: number): number {
  const seconds = (after.atMs - before.atMs) / 1000;
  return ((after.cpuSeconds - before.cpuSeconds) * 1e6) / (count * seconds);
}
