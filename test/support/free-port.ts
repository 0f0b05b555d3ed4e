import { portProblem } from "../../local/ports.ts";

/**
 * Range that tests take ports from: below those the system hands out for outgoing connections, and for files that run at
 * the same time one half each. SKYWAVE_TEST_PORTS=19400-19499 keeps two runs on one machine apart.
 */
const [from = 20_000, to = 31_000] = (process.env["SKYWAVE_TEST_PORTS"] ?? "")
  .split("-")
  .filter(Boolean)
  .map(Number);
const half = Math.floor((to - from) / 2);
const first = from + (Number(process.env["VITEST_POOL_ID"] ?? 0) % 2) * half;
const last = first + half;

/** The first of `count` neighbouring ports that are free on every address. */
export async function freePorts(count = 1): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = first + Math.floor(Math.random() * (last - first - count));
    const ports = Array.from({ length: count }, (_, index) => port + index);
    const problems = await Promise.all(ports.map((each) => portProblem("0.0.0.0", each)));
    if (problems.every((problem) => problem === undefined)) return port;
  }
  throw new Error(`no ${count} free ports from ${first} to ${last}`);
}
