import { setTimeout as sleep } from "node:timers/promises";
import { Load, type LoadReport } from "./support/load.ts";
import { type Findings, type Figure, medianOf, type Row, shareBudget } from "./support/row.ts";
import {
  bytesPerSecond,
  listenersOf,
  openIcecast,
  openSkywave,
  residentOf,
  type Side,
  usagesOf,
} from "./support/side.ts";
import { cpuMicroseconds } from "./support/usage.ts";

/** One server under load for a while. */
export interface EdgeRound {
  /** Microseconds of CPU per listener-second of each process that serves. */
  readonly serving: ReadonlyMap<string, number>;
  /** ...and of those that it runs besides. */
  readonly besides: ReadonlyMap<string, number>;
  /** Memory of all processes that serve, less that before the first listener came, KB (1,000 bytes) per listener. */
  readonly memoryKb: number;
  readonly load: LoadReport;
  /** Bytes that came as a multiple of those of the audio: below 1 where a server leaves some out. */
  readonly receivedShare: number;
  /** Of one core. */
  readonly loadCpuShare: number;
}

export interface EdgeResult {
  readonly listeners: number;
  readonly segmentSeconds: number;
  readonly skywave: readonly EdgeRound[];
  /** Empty where Icecast is not installed or not asked for. */
  readonly icecast: readonly EdgeRound[];
  /** What the processes that serve need with the source on the air and no listener left, µs of CPU per second; of each round. */
  readonly alone: ReadonlyMap<Side["name"], readonly number[]>;
}

/** The rounds of each side, and what it needs without listeners. */
type Found = Map<Side["name"], { readonly rounds: readonly EdgeRound[]; readonly alone: readonly number[] }>;

/** Listeners arrive over this long, ms. */
const arrivalMs = 4_000;
/** Until bursts have gone out and what was opened for them is used again, ms. */
const settleMs = 8_000;
/** ...and until everything is compiled. */
const longSettleMs = 120_000;
const measuredMs = 20_000;
const few = 200;
/** What a server gets to see that its listeners have gone, ms. */
const leavingMs = 3_000;
/** Playing time until a mount has more than a burst to send, ms. */
const warmUpMs = 10_000;

/** CPU and memory per listener. The comparison that counts has `rounds` rounds, what stands beside it three. */
export async function measureEdge(rounds: number, say: (line: string) => void): Promise<EdgeResult[]> {
  const results: EdgeResult[] = [];
  const icecast = await openIcecast();
  try {
    const compare = async (segmentSeconds: number, counts: readonly number[]): Promise<void> => {
      const skywave = await openSkywave({ segmentSeconds });
      try {
        await sleep(warmUpMs);
        for (const listeners of counts) {
          say(`edge: ${listeners} listeners, ${segmentSeconds} s segments`);
          const sides = segmentSeconds === 2 && icecast ? [skywave, icecast] : [skywave];
          const isMain = segmentSeconds === 2 && listeners > few;
          const found = isMain
            ? await together(sides, listeners, rounds, say)
            : await inTurns(sides, listeners, Math.min(rounds, 3), say);
          results.push({
            listeners,
            segmentSeconds,
            skywave: found.get("Skywave")?.rounds ?? [],
            icecast: found.get("Icecast")?.rounds ?? [],
            alone: new Map([...found].map(([name, { alone }]) => [name, alone])),
          });
        }
      } finally {
        await skywave.stop();
      }
    };
    // The few first: memory that many have left behind would hide theirs.
    await compare(2, [100, 1_000]);
    await compare(4, [1_000]);
    await compare(1, [1_000]);
  } finally {
    await icecast?.stop();
  }
  return results;
}

/**
 * Both are listened to at the same time by listeners who stay, and each round is the same 20 s for both: after two
 * minutes, when everything is compiled. Together they use a fifth of a core or less. Afterwards what both need without
 * listeners is measured as often.
 */
async function together(
  sides: readonly Side[],
  listeners: number,
  rounds: number,
  say: (line: string) => void,
): Promise<Found> {
  const opened: Opened[] = [];
  try {
    for (const side of sides) opened.push(await open(side, listeners, residentOf(usagesOf(side.serving))));
    await sleep(longSettleMs);
    await Promise.all(opened.map(({ load }) => load.report()));
    for (let round = 0; round < rounds; round++) {
      const measured = await Promise.all(opened.map((each) => measure(each, listeners)));
      for (const [index, each] of opened.entries()) {
        const found = measured[index];
        if (!found) continue;
        each.rounds.push(found);
        say(lineOf(each.side, round, found));
      }
    }
  } finally {
    for (const { load } of opened) await load.close();
    await sleep(leavingMs);
  }
  const alone = new Map<Side["name"], number[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const before = sides.map(({ serving }) => usagesOf(serving));
    await sleep(measuredMs);
    for (const [index, { name, serving }] of sides.entries()) {
      const used = total(costsOf(before[index] ?? new Map(), usagesOf(serving), 1));
      alone.get(name)?.push(used);
      say(`  ${name} ${round + 1}, the source alone: ${(used / 1000).toFixed(1)} ms/s`);
    }
  }
  return new Map(
    opened.map(({ side: { name }, rounds: measured }) => [
      name,
      { rounds: measured, alone: alone.get(name) ?? [] },
    ]),
  );
}

/** Listeners of a side, who stay. */
interface Opened {
  readonly side: Side;
  readonly load: Load;
  /** Resident memory of what serves before they came. */
  readonly emptyKib: number;
  readonly rounds: EdgeRound[];
}

async function inTurns(
  sides: readonly Side[],
  listeners: number,
  rounds: number,
  say: (line: string) => void,
): Promise<Found> {
  const found = new Map<Side["name"], EdgeRound[]>();
  const emptyKib = new Map(sides.map(({ name, serving }) => [name, residentOf(usagesOf(serving))]));
  for (let round = 0; round < rounds; round++) {
    for (const side of sides) {
      const opened = await open(side, listeners, emptyKib.get(side.name) ?? 0);
      try {
        await sleep(settleMs);
        const measured = await measure(opened, listeners);
        found.set(side.name, [...(found.get(side.name) ?? []), measured]);
        say(lineOf(side, round, measured));
      } finally {
        await opened.load.close();
        await sleep(leavingMs);
      }
    }
  }
  return new Map([...found].map(([name, measured]) => [name, { rounds: measured, alone: [] }]));
}

function lineOf({ name }: Side, round: number, measured: EdgeRound): string {
  const { served, lost, ranDry, busyShare } = measured.load;
  return `  ${name} ${round + 1}: ${total(measured.serving).toFixed(1)} µs, ${measured.memoryKb.toFixed(0)} KB, served ${served}, lost ${lost}, ran dry ${ranDry}, got ${percent(measured.receivedShare)} of the audio, load process ${percent(measured.loadCpuShare)} of a core, busy ${percent(busyShare)}`;
}

async function open(side: Side, listeners: number, emptyKib: number): Promise<Opened> {
  const load = new Load();
  await load.open(listenersOf(side, listeners, arrivalMs));
  return { side, load, emptyKib, rounds: [] };
}

async function measure({ side, load, emptyKib }: Opened, listeners: number): Promise<EdgeRound> {
  const { cpuSeconds } = await load.report();
  const [serving, besides] = [usagesOf(side.serving), usagesOf(side.besides)];
  await sleep(measuredMs);
  const [servingAfter, besidesAfter] = [usagesOf(side.serving), usagesOf(side.besides)];
  const report = await load.report();
  return {
    serving: costsOf(serving, servingAfter, listeners),
    besides: costsOf(besides, besidesAfter, listeners),
    memoryKb: ((residentOf(servingAfter) - emptyKib) * 1.024) / listeners,
    load: report,
    receivedShare: report.receivedBytes / (listeners * bytesPerSecond * (measuredMs / 1000)),
    loadCpuShare: (report.cpuSeconds - cpuSeconds) / (measuredMs / 1000),
  };
}

type Usages = ReturnType<typeof usagesOf>;

/** Microseconds of CPU per second and listener of each process. */
const costsOf = (before: Usages, after: Usages, listeners: number): Map<string, number> =>
  new Map(
    [...before].map(([name, usage]) => [name, cpuMicroseconds(usage, after.get(name) ?? usage, listeners)]),
  );

/** What is to be told of the measurements. */
export function edgeFindings(results: readonly EdgeResult[]): Findings {
  const rounds = results.flatMap(({ skywave, icecast }) => [...skywave, ...icecast]);
  const missing = rounds.reduce((sum, { load }) => sum + load.opened - load.served + load.lost, 0);
  const dry = rounds.reduce((sum, { load }) => sum + load.ranDry, 0);
  const most = Math.max(...rounds.map(({ loadCpuShare }) => loadCpuShare));
  const got = rounds.map(({ receivedShare }) => receivedShare);
  return {
    rows: results.flatMap(rowsOf),
    notes: [
      `Edge: 128 kb/s, titles asked for, default bursts; medians of ${Math.max(0, ...results.map(({ skywave }) => skywave.length))} rounds (least–most). The rounds of 1,000 at 2 s are the same 20 s for both, listened to at the same time from the third minute on; the others take turns. Icecast's process takes the source in as well, which at Skywave the ingest does; workerd stores its segments as well, which in a deployment the bucket does: what both need for the source alone was measured afterwards, without listeners. Memory is what is resident; the kernel's socket buffers are not in it. At 100 listeners it is mostly what a server needs for the first of them.`,
      `Edge: the load process used at most ${percent(most)} of a core; ${missing} listeners were not served or were cut off, ${dry} model players ran dry; what came was ${percent(Math.min(...got))} to ${percent(Math.max(...got))} of the audio's bytes (a round of 20 s holds 9 to 11 segments of 2 s).`,
    ],
  };
}

function rowsOf({ listeners, segmentSeconds, skywave, icecast, alone }: EdgeResult): Row[] {
  const of = `${listeners.toLocaleString("en-US")} listeners, ${segmentSeconds} s segments`;
  const both = (value: (round: EdgeRound) => number): { skywave: Figure | null; icecast: Figure | null } => ({
    skywave: medianOf(skywave.map(value)),
    icecast: medianOf(icecast.map(value)),
  });
  const serving = both((round) => total(round.serving));
  /** Of what a server needs in all: what its listeners cause. */
  const ownOf = (name: Side["name"], whole: Figure | null): Figure | null => {
    const source = medianOf(alone.get(name) ?? []);
    return whole && source && { value: whole.value - source.value / listeners };
  };
  const own = { skywave: ownOf("Skywave", serving.skywave), icecast: ownOf("Icecast", serving.icecast) };
  const isTheBudget = listeners === 1_000 && segmentSeconds === 2;
  return [
    {
      what: `edge: CPU µs per listener-second, ${of}`,
      ...serving,
      digits: 1,
      ...(isTheBudget && { budget: shareBudget(0.8, serving) }),
    },
    ...(own.skywave
      ? [
          {
            what: "edge: … of it what the listeners cause: less what the source alone needs",
            ...own,
            digits: 1,
          },
        ]
      : []),
    ...[...(skywave[0]?.serving.keys() ?? [])].map((name) => ({
      what: `edge: … of it ${name}`,
      skywave: medianOf(skywave.map((round) => round.serving.get(name) ?? 0)),
      icecast: null,
      digits: 1,
    })),
    {
      what: "edge: … with ingest and supervisor",
      ...both((round) => total(round.serving) + total(round.besides)),
      digits: 1,
    },
    { what: `edge: memory per listener, KB, ${of}`, ...both(({ memoryKb }) => memoryKb) },
  ];
}

const total = (parts: ReadonlyMap<string, number>): number =>
  [...parts.values()].reduce((sum, part) => sum + part, 0);

const percent = (share: number): string => `${Math.round(share * 100)} %`;
