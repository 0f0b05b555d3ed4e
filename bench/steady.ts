import { setTimeout as sleep } from "node:timers/promises";
import { Load, type LoadReport } from "./support/load.ts";
import { atMost, type Findings, figure, type Row } from "./support/row.ts";
import { listenersOf, openIcecast, openSkywave, residentOf, type Side, usagesOf } from "./support/side.ts";
import { cpuMicroseconds } from "./support/usage.ts";

/** Many listeners for long. */
export interface SteadyResult {
  readonly minutes: number;
  /** At the end. */
  readonly load: LoadReport;
  readonly memoryKb: number;
  /** The most of it in any minute. */
  readonly mostMemoryKb: number;
  readonly cpuMicroseconds: number;
  /** Of one core, all load processes together. */
  readonly loadCpuShare: number;
}

const listeners = 5_000;
const arrivalMs = 20_000;
const settleMs = 8_000;
const warmUpMs = 12_000;
/** Icecast's listeners are written to several times a second: it shows what it does sooner. */
const icecastMinutes = 2;
const loadProcesses = 2;

export async function measureSteady(
  minutes: number,
  say: (line: string) => void,
): Promise<{ readonly skywave: SteadyResult; readonly icecast: SteadyResult | null }> {
  const skywave = await hold(await openSkywave({}), minutes, say);
  const server = await openIcecast();
  return { skywave, icecast: server ? await hold(server, Math.min(minutes, icecastMinutes), say) : null };
}

/** Ends the server. */
async function hold(side: Side, minutes: number, say: (line: string) => void): Promise<SteadyResult> {
  const load = new Load(loadProcesses);
  const { serving } = side;
  try {
    await sleep(warmUpMs);
    const emptyKib = residentOf(usagesOf(serving));
    await load.open(listenersOf(side, listeners, arrivalMs));
    await sleep(settleMs);
    const { cpuSeconds } = await load.report();
    const before = usagesOf(serving);
    const startedMs = performance.now();
    const memoryKb = (): number => ((residentOf(usagesOf(serving)) - emptyKib) * 1.024) / listeners;
    let mostMemoryKb = 0;
    for (let minute = 1; minute <= Math.ceil(minutes); minute++) {
      await sleep(Math.max(0, startedMs + Math.min(minute, minutes) * 60_000 - performance.now()));
      const now = memoryKb();
      mostMemoryKb = Math.max(mostMemoryKb, now);
      say(
        `steady, ${side.name}: after ${Math.min(minute, minutes)} min ${now.toFixed(0)} KB a listener, ${cpuSince(before, serving).toFixed(1)} µs a listener-second`,
      );
    }
    const cost = cpuSince(before, serving);
    const report = await load.report();
    for (const note of report.worst) say(`steady, ${side.name}: ${note}`);
    const { gapMs: gap, served, lost, ranDry, busyShare } = report;
    say(
      `steady, ${side.name}: served ${served}, lost ${lost}, ran dry ${ranDry}, gaps p50 ${gap.p50.toFixed(0)} p99.9 ${gap.p999.toFixed(0)} most ${gap.most.toFixed(0)} ms, load processes busy at most ${Math.round(busyShare * 100)} %`,
    );
    return {
      minutes,
      load: report,
      memoryKb: memoryKb(),
      mostMemoryKb,
      cpuMicroseconds: cost,
      loadCpuShare: (report.cpuSeconds - cpuSeconds) / ((performance.now() - startedMs) / 1000),
    };
  } finally {
    await load.close();
    await side.stop();
  }
}

function cpuSince(before: ReturnType<typeof usagesOf>, serving: Side["serving"]): number {
  const after = usagesOf(serving);
  return [...before].reduce(
    (sum, [name, usage]) => sum + cpuMicroseconds(usage, after.get(name) ?? usage, listeners),
    0,
  );
}

/** What is to be told of the measurements. */
export function steadyFindings({
  skywave,
  icecast,
}: {
  readonly skywave: SteadyResult;
  readonly icecast: SteadyResult | null;
}): Findings {
  const row = (what: string, value: (result: SteadyResult) => number) => ({
    what: `steady: ${what}`,
    skywave: figure(value(skywave)),
    icecast: icecast ? figure(value(icecast)) : null,
  });
  const served = row("listeners served to the end", ({ load }) => load.served - load.lost);
  const dry = row("model players that ran dry", ({ load }) => load.ranDry);
  const memory = row("memory per listener, KB", ({ memoryKb }) => memoryKb);
  const rows: Row[] = [
    row("minutes", ({ minutes }) => minutes),
    {
      ...served,
      budget: {
        text: `all ${listeners.toLocaleString("en-US")}`,
        isMet: served.skywave.value === listeners,
      },
    },
    { ...dry, budget: atMost(0, "of them", dry.skywave) },
    row("least in hand of any model player, ms", ({ load }) => load.leastInHandMs),
    { ...memory, budget: atMost(250, "KB", memory.skywave) },
    row("… the most in any minute, KB", ({ mostMemoryKb }) => mostMemoryKb),
    { ...row("CPU µs per listener-second", (result) => result.cpuMicroseconds), digits: 1 },
    row("between two reads, p50, ms", ({ load }) => load.gapMs.p50),
    row("… p95, ms", ({ load }) => load.gapMs.p95),
    row("… p99, ms", ({ load }) => load.gapMs.p99),
    row("… p99.9, ms", ({ load }) => load.gapMs.p999),
    row("… longest, ms", ({ load }) => load.gapMs.most),
  ];
  const shares = [skywave, ...(icecast ? [icecast] : [])].map(
    ({ loadCpuShare }) => `${Math.round(loadCpuShare * 100)} %`,
  );
  return {
    rows,
    notes: [
      "Steady: one runtime, 2 s segments; a listener of Skywave gets a segment at a time, one of Icecast a few frames. A pause of the garbage collector would lengthen the longest gap beyond segment and delivery.",
      `Steady: the ${loadProcesses} load processes together used ${shares.join(" and ")} of one core.`,
      `Steady: least in hand at Skywave: ${skywave.load.worst.join("; ")}.`,
    ],
  };
}
