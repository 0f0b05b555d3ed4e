import { setTimeout as sleep } from "node:timers/promises";
import { Load, type LoadReport } from "./support/load.ts";
import { atMost, type Findings, figure, type Row } from "./support/row.ts";
import { listenersOf, openIcecast, openSkywave, type Side } from "./support/side.ts";

/** Many listeners at once. */
export interface StormResult {
  readonly load: LoadReport;
  /** By how much the server's own counts have grown. */
  readonly counts: Readonly<Record<string, number>>;
  /** From the first connection until all were served or it was given up, s. */
  readonly seconds: number;
}

/** The first storm meets a server that has never been listened to, the second one that has. */
export interface StormSide {
  readonly cold: StormResult;
  readonly warm: StormResult;
}

const listeners = 2_000;
const withinMs = 1_000;
/** Who is not served after this long has gone, ms. */
const patienceMs = 20_000;
/** How long who is served stays, so that what the storm does to playing shows, ms. */
const stayMs = 6_000;
const warmUpMs = 12_000;
const leavingMs = 5_000;

export async function measureStorm(
  say: (line: string) => void,
): Promise<{ readonly skywave: StormSide; readonly icecast: StormSide | null }> {
  const skywave = await twice(await openSkywave({}), say);
  const server = await openIcecast();
  return { skywave, icecast: server ? await twice(server, say) : null };
}

/** Ends the server. */
async function twice(side: Side, say: (line: string) => void): Promise<StormSide> {
  try {
    await sleep(warmUpMs);
    const cold = await storm(side);
    say(`storm, ${side.name}, cold: ${told(cold)}`);
    await sleep(leavingMs);
    const warm = await storm(side);
    say(`storm, ${side.name}, warm: ${told(warm)}`);
    return { cold, warm };
  } finally {
    await side.stop();
  }
}

async function storm(side: Side): Promise<StormResult> {
  const load = new Load(2);
  try {
    const before = await side.counts();
    // Both processes are up when they have answered.
    await load.report();
    const startedMs = performance.now();
    await load.open(listenersOf(side, listeners, withinMs));
    let report = await load.report();
    const { busyShare } = report;
    while (report.served < listeners && performance.now() - startedMs < patienceMs) {
      await sleep(100);
      report = await load.report();
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const { served, firstByteMs } = report;
    await sleep(stayMs);
    report = await load.report();
    const after = await side.counts();
    const grown = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]);
    return {
      load: { ...report, served, firstByteMs, busyShare },
      counts: Object.fromEntries(grown) as Record<string, number>,
      seconds,
    };
  } finally {
    await load.close();
  }
}

/** What is to be told of the measurements. */
export function stormFindings({
  skywave,
  icecast,
}: {
  readonly skywave: StormSide;
  readonly icecast: StormSide | null;
}): Findings {
  const rows = (["cold", "warm"] as const).flatMap((kind): Row[] => {
    const row = (what: string, value: (result: StormResult) => number) => ({
      what: `storm, ${kind}: ${what}`,
      skywave: figure(value(skywave[kind])),
      icecast: icecast ? figure(value(icecast[kind])) : null,
    });
    const served = row(
      `of ${listeners.toLocaleString("en-US")} in one second, served within 20 s`,
      (r) => r.load.served,
    );
    const p50 = row("first byte p50, ms", (r) => r.load.firstByteMs.p50);
    const p99 = row("first byte p99, ms", (r) => r.load.firstByteMs.p99);
    return [
      { ...served, budget: { text: "all", isMet: served.skywave.value === listeners } },
      row("refused or cut off", (r) => r.load.lost),
      kind === "warm" ? { ...p50, budget: atMost(20, "ms", p50.skywave) } : p50,
      { ...p99, budget: atMost(500, "ms", p99.skywave) },
      row("first byte, last one, ms", (r) => r.load.firstByteMs.most),
      row("model players that ran dry", (r) => r.load.ranDry),
    ];
  });
  const counted = (kind: "cold" | "warm"): string =>
    Object.entries(skywave[kind].counts)
      .map(([name, value]) => `${name} +${value}`)
      .join(", ");
  return {
    rows,
    notes: [
      "Storm: first bytes are counted from the call that opens the connection; of those who were served.",
      `Storm: the edge's own counts grew by: cold ${counted("cold")}; warm ${counted("warm")}.`,
    ],
  };
}

function told({ load, counts, seconds }: StormResult): string {
  const { served, lost, firstByteMs: first, ranDry, busyShare } = load;
  return `served ${served} in ${seconds.toFixed(1)} s, lost ${lost}, first byte p50 ${first.p50.toFixed(0)} p99 ${first.p99.toFixed(0)} most ${first.most.toFixed(0)} ms, ran dry ${ranDry}, load process busy ${Math.round(busyShare * 100)} % while opening; ${JSON.stringify(counts)}`;
}
