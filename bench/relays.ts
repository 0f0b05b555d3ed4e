import { join } from "node:path";
import { parseArgs } from "node:util";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleWorker } from "../local/edge-bundle.ts";
import { readWranglerConfig } from "../local/wrangler-config.ts";
import type { RelayRun, RelayRunResult } from "./support/relay-worker.ts";
import { processTree } from "../test/support/processes.ts";
import { cpuMicroseconds, usageOf } from "./support/usage.ts";

/**
 * `node bench/relays.ts [--isolates 2000] [--seconds 20] [--port 0]`: what a mount's object is asked by thousands of
 * isolates, and how late they hear of a segment, with relays and without: the real objects in the real runtime, where all
 * of them, and all the isolates, share one thread. The network between them takes no time.
 */
const { values } = parseArgs({
  options: {
    isolates: { type: "string", default: "2000" },
    seconds: { type: "string", default: "20" },
    port: { type: "string", default: "0" },
  },
});
const root = join(import.meta.dirname, "..");
const segmentMs = 2_000;
const isolatesPerRequest = 50;

const rows: string[] = [];
for (const useRelays of [true, false]) {
  const { result, damaged, cpuShare } = await measure({
    isolates: Number(values.isolates),
    seconds: Number(values.seconds),
    segmentMs,
    useRelays,
  });
  const { mountCalls, delaysMs, segments, seconds } = result;
  const at = (share: number): string => `${delaysMs[Math.floor(share * (delaysMs.length - 1))] ?? "none"}`;
  const cells = [
    useRelays ? "with relays" : "without",
    values.isolates,
    `${result.relays}`,
    `${segments}`,
    (mountCalls.isolates / segments).toFixed(1),
    (mountCalls.relays / segments).toFixed(1),
    ((mountCalls.isolates + mountCalls.relays) / seconds).toFixed(1),
    (result.relayCalls / Math.max(1, result.relays) / seconds).toFixed(0),
    at(0.5),
    at(0.99),
    at(1),
    `${damaged}`,
    `${result.failedCalls}`,
    `${Math.round(100 * cpuShare)} %`,
  ];
  rows.push(`| ${cells.join(" | ")} |`);
}
const head = [
  "",
  "isolates",
  "relays",
  "segments",
  "isolates' calls of the mount per segment",
  "relays'",
  "mount's calls/s",
  "each relay's calls/s",
  "heard after, ms, p50",
  "p99",
  "most",
  "isolates that missed or repeated one",
  "failed calls",
  "CPU of a core",
];
console.log([`| ${head.join(" | ")} |`, `|${head.map(() => "---").join("|")}|`, ...rows].join("\n"));

interface Measured {
  readonly result: RelayRunResult;
  /** Isolates that missed a segment, heard one twice or not in order. */
  readonly damaged: number;
  readonly cpuShare: number;
}

/** What was announced at the very end need not have come. */
function isDamaged(heard: readonly number[], announced: number): boolean {
  return (heard.at(-1) ?? 0) < announced - 2 || heard.some((at, index) => at !== (heard[0] ?? 0) + index);
}

async function measure(run: RelayRun): Promise<Measured> {
  const config = readWranglerConfig(join(root, "wrangler.toml"));
  const main = join(import.meta.dirname, "support", "relay-worker.ts");
  const edge = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: await bundleWorker({ root, main, textGlobs: [] }),
      scriptPath: "worker.js",
      compatibilityDate: config.compatibility_date,
      compatibilityFlags: config.compatibility_flags,
      durableObjects: {
        MOUNT: { className: "CountedMount", useSQLite: true },
        RELAY: { className: "RelayObject", useSQLite: true },
        DIRECTORY: { className: "DirectoryObject", useSQLite: true },
      },
      host: "127.0.0.1",
      port: Number(values.port),
      cf: false,
    }),
  );
  try {
    const url = await edge.ready;
    const runtime = processTree(process.pid).find(({ command }) => command.includes("workerd"));
    if (!runtime) throw new Error("the runtime is not among this process's children");
    const before = usageOf(runtime.pid);
    const ask = async (path: string, what: RelayRun): Promise<unknown> => {
      const reply = await fetch(new URL(path, url), { method: "POST", body: JSON.stringify(what) });
      if (!reply.ok) throw new Error(`the runtime answers ${reply.status}: ${await reply.text()}`);
      return reply.json();
    };
    const requests = Math.ceil(run.isolates / isolatesPerRequest);
    const isolates = Array.from({ length: requests }, (_, index) => {
      const left = run.isolates - index * isolatesPerRequest;
      return ask("/isolates", { ...run, isolates: Math.min(isolatesPerRequest, left) });
    });
    const result = (await ask("/run", run)) as RelayRunResult;
    const heard = ((await Promise.all(isolates)) as number[][][]).flat();
    const damaged = heard.filter((each) => isDamaged(each, result.announced)).length;
    return { result, damaged, cpuShare: cpuMicroseconds(before, usageOf(runtime.pid), 1) / 1e6 };
  } finally {
    await edge.dispose();
  }
}
