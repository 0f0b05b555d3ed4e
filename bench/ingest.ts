import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { mp3 } from "../shared/codec/mp3/mp3.ts";
import { bucketOf } from "../test/support/bucket.ts";
import { freePorts } from "../test/support/free-port.ts";
import { startIngest } from "../test/support/ingest-process.ts";
import { startStack } from "../test/support/stack.ts";
import { BareIngest } from "./support/bare-ingest.ts";
import { Histogram } from "./support/histogram.ts";
import { startIcecast } from "../test/support/icecast-server.ts";
import { atMost, type Findings, figure, medianOf, shareBudget } from "./support/row.ts";
import { type SegmentMoment, SourceLoad, type SourceReport } from "./support/source-load.ts";
import { NullStore } from "./support/source-null-store.ts";
import { cpuMicroseconds, usageOf } from "./support/usage.ts";

/**
 * The ingest beside Icecast: sources of 128 kb/s in real time from one generator, one server after the other.
 * `node bench/ingest.ts [--sources 100,500,1000] [--seconds 20] [--rounds 1]`. CPU and memory are those of the server
 * alone: storage and edge are a process that says yes at once, except where the local stack is named.
 */
export interface IngestBenchOptions {
  readonly sources: readonly number[];
  /** Of each measurement. */
  readonly seconds: number;
  /** Of ours and Icecast in turn. */
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** After the last source has connected, until everything is compiled and buffers are as large as they get. */
const warmUpMs = 8_000;
/** How many sources connect in a second. */
const connectsPerSecond = 200;
const password = "bench";

interface Row {
  readonly server: string;
  readonly sources: number;
  readonly lost: number;
  readonly cpuUs: number;
  /** What each source adds to the server's resident memory. */
  readonly kibPerSource: number;
  /** Of segments that were closed, the share that was stored. */
  readonly stored?: number;
  /** From the write of a segment's last frame until it was stored, ms. */
  readonly storedMs?: Histogram;
  readonly eventLoopMs?: EventLoopDelay;
  /** Segments that wait for storage or edge at the end. */
  readonly waiting?: number;
  readonly mostLateMs: number;
}

interface EventLoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Of what `/health` says. */
interface IngestHealth {
  readonly eventLoopDelayMs: EventLoopDelay;
  readonly queues: Readonly<Record<string, { readonly segments: number }>>;
}

/** A server that takes sources. */
interface Server {
  readonly name: string;
  readonly port: number;
  readonly password: string;
  readonly pid: number;
  /** What was stored since the last question. */
  readonly stored?: () => Promise<readonly SegmentMoment[]>;
  readonly health?: () => Promise<IngestHealth>;
  stop(): Promise<void>;
}

/** For `npm run bench`: the comparison as rows, all else as tables in Markdown. */
export async function ingestFindings(options: IngestBenchOptions): Promise<Findings> {
  const { rows, fetchable, text } = await ingestBench(options);
  const fetched = figure(fetchable.at(0.95));
  return {
    rows: [
      ...options.sources.map((count) => {
        const both = {
          skywave: medianOf(cpuOf(rows, "Skywave, null", count)),
          icecast: medianOf(cpuOf(rows, "Icecast", count)),
        };
        const what = `ingest: CPU µs per source-second, ${count.toLocaleString("en-US")} sources, storage and edge not counted`;
        return { what, ...both, budget: shareBudget(2, both) };
      }),
      {
        what: "ingest: last frame of a segment in until it can be fetched, p95, ms",
        skywave: fetched,
        icecast: null,
        digits: 1,
        budget: atMost(100, "ms", fetched),
      },
    ],
    notes: [],
    text,
  };
}

const cpuOf = (rows: readonly Row[], server: string, count: number): number[] =>
  rows.filter((row) => row.sources === count && row.server.startsWith(server)).map(({ cpuUs }) => cpuUs);

interface IngestResult {
  readonly rows: readonly Row[];
  readonly fetchable: Histogram;
  /** The report as Markdown. */
  readonly text: string;
}

async function ingestBench(options: IngestBenchOptions): Promise<IngestResult> {
  const { sources, rounds, progress } = options;
  progress("frame parser");
  const parser = parserTable();
  const rows: Row[] = [];
  for (const count of sources) {
    for (let round = 0; round < rounds; round++) {
      for (const open of [openIngest, openBare, openIcecast]) {
        const server = await open(count);
        if (server) rows.push(await measured(server, count, options));
      }
    }
  }
  for (const count of sources) rows.push(await measured(await openStack(count), count, options));
  progress("until a segment can be fetched");
  const fetchable = await fetchableMs(4, options.seconds * 1000);
  const text = [
    parser,
    rowsTable(rows),
    ratios(rows),
    `From the write of a segment's last frame until its object can be read from the bucket, local stack, 4 sources, ${fetchable.total} segments: ${quantiles(fetchable)} ms (p50 / p95 / p99 / most).`,
  ].join("\n\n");
  return { rows, fetchable, text };
}

async function measured(server: Server, count: number, options: IngestBenchOptions): Promise<Row> {
  const load = new SourceLoad();
  try {
    const emptyKib = usageOf(server.pid).residentKib;
    const { port, password: secret } = server;
    await load.open({ port, password: secret, count, withinMs: (count / connectsPerSecond) * 1000 });
    await sleep(warmUpMs);
    await load.report();
    await server.stored?.();
    const before = usageOf(server.pid);
    await sleep(options.seconds * 1000);
    const after = usageOf(server.pid);
    const health = await server.health?.();
    const report = await load.report();
    // What was closed at the very end is on its way.
    await sleep(1_000);
    const stored = await server.stored?.();
    const row: Row = {
      server: server.name,
      sources: count,
      lost: report.lost,
      cpuUs: cpuMicroseconds(before, after, count),
      kibPerSource: (after.residentKib - emptyKib) / count,
      mostLateMs: report.mostLateMs,
      ...(stored ? joined(report, stored) : {}),
      ...(health ? { eventLoopMs: health.eventLoopDelayMs, waiting: waitingOf(health) } : {}),
    };
    options.progress(rowLine(row));
    return row;
  } finally {
    await load.close();
    await server.stop();
  }
}

/** How many of the segments that were closed were stored, and when. */
function joined({ closed }: SourceReport, stored: readonly SegmentMoment[]) {
  const storedAt = new Map(stored);
  const storedMs = new Histogram();
  for (const [segment, closedAt] of closed) {
    const at = storedAt.get(segment);
    if (at !== undefined) storedMs.add(at - closedAt);
  }
  return { stored: storedMs.total / closed.length, storedMs };
}

const stationOf = (count: number): string =>
  `[limits]\nsources = ${count}\nconnections = ${2 * count + 100}\nconnections_per_address = ${2 * count + 100}\n`;

/** The ingest by itself, before storage and edge that cost it nothing but its own part. */
async function openIngest(count: number): Promise<Server> {
  const store = await NullStore.open(await freePorts());
  const folder = mkdtempSync(join(tmpdir(), "skywave-bench-"));
  const stationFile = join(folder, "station.toml");
  writeFileSync(stationFile, stationOf(count));
  const ingest = await startIngest({
    stack: { ingestToken: "bench" },
    bucket: { accessKeyId: "bench", secretAccessKey: "bench" },
    edgeUrl: store.url,
    bucketUrl: `${store.url}/bucket`,
    password,
    adminPassword: password,
    stationFile,
    dataDir: folder,
  });
  return {
    name: "Skywave, null store",
    port: ingest.port,
    password,
    pid: ingest.pid,
    stored: async () => (await store.report()).stored,
    health: () => healthOf(ingest.url),
    async stop() {
      await ingest.stop();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What of that Node itself costs. */
async function openBare(): Promise<Server> {
  const store = await NullStore.open(await freePorts());
  const port = await freePorts();
  const bare = await BareIngest.open(port, store.url);
  return {
    name: "bare Node, no frames, nothing signed",
    port,
    password,
    pid: bare.pid,
    async stop() {
      await bare.close();
      await store.close();
    },
  };
}

async function openIcecast(): Promise<Server | null> {
  const icecast = await startIcecast();
  return icecast && { name: "Icecast 2.4.4", ...icecast };
}

async function openStack(count: number): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "skywave-bench-"));
  const stationFile = join(folder, "station.toml");
  writeFileSync(stationFile, stationOf(count));
  const stack = await startStack({ stationFile, dataDir: folder });
  return {
    name: "Skywave, local stack",
    port: stack.ingestPort,
    password: stack.password,
    pid: stack.pidOf("ingest") ?? 0,
    health: () => healthOf(stack.ingestUrl),
    async stop() {
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const healthOf = async (url: string): Promise<IngestHealth> =>
  (await (await fetch(`${url}/health`)).json()) as IngestHealth;

const waitingOf = ({ queues }: IngestHealth): number =>
  Object.values(queues).reduce((sum, { segments }) => sum + segments, 0);

/** Asks the bucket of a local stack for each segment from the moment its last frame was written. */
async function fetchableMs(count: number, forMs: number): Promise<Histogram> {
  const stack = await startStack();
  const load = new SourceLoad();
  const all = new Histogram();
  try {
    const bucket = bucketOf(stack);
    await load.open({ port: stack.ingestPort, password: stack.password, count, withinMs: 1_700 });
    await sleep(4_000);
    await load.report();
    const asking: Promise<void>[] = [];
    const untilMs = performance.now() + forMs;
    while (performance.now() < untilMs) {
      const { closed } = await load.report();
      for (const [segment, closedAt] of closed) {
        const [name = "", sequence = ""] = segment.split("/");
        const key = `v1/${name}/0000000001/${sequence.padStart(10, "0")}.mp3`;
        const ask = async (): Promise<void> => {
          while (!(await bucket.object(key).catch(() => null))) await sleep(1);
          all.add(performance.timeOrigin + performance.now() - closedAt);
        };
        asking.push(ask());
      }
      await sleep(2);
    }
    await Promise.all(asking);
    return all;
  } finally {
    await load.close();
    await stack.stop();
  }
}

function parserTable(): string {
  const fixture = readFileSync(join(import.meta.dirname, "..", "test", "fixtures", "cbr128-joint44.mp3"));
  const runBytes = 8_000_000;
  const clean = Buffer.concat(
    Array.from({ length: Math.ceil(runBytes / fixture.length) }, () => fixture),
    runBytes,
  );
  const dirty = Buffer.from(clean);
  for (let at = 20_000; at < dirty.length; at += 20_000) dirty.fill(0xfb, at, at + 700);
  const text = Buffer.alloc(runBytes, "It is no audio at all, And yet It comes. ");
  const lines = [
    ["128 kb/s, 64 KiB chunks", clean, 65_536],
    ["128 kb/s, 1,400-byte chunks", clean, 1_400],
    ["128 kb/s with 700 bytes of garbage every 20 kB, 1,400-byte chunks", dirty, 1_400],
    ["text, 1,400-byte chunks", text, 1_400],
  ] as const;
  const body = lines.map(([name, bytes, chunkBytes]) => {
    const rates = Array.from({ length: 25 }, () => parseRate(bytes, chunkBytes)).toSorted((a, b) => a - b);
    return `| ${name} | ${rates.at(12)?.toFixed(0)} | ${rates.at(-1)?.toFixed(0)} |`;
  });
  return ["| frame parser | median, MB/s | best, MB/s |", "|---|--:|--:|", ...body].join("\n");
}

/** MB/s. */
function parseRate(bytes: Uint8Array, chunkBytes: number): number {
  const startedMs = performance.now();
  const parser = mp3.createParser();
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.push(bytes.subarray(at, at + chunkBytes));
  parser.flush();
  return bytes.length / 1000 / (performance.now() - startedMs);
}

const quantiles = (values: Histogram): string =>
  [values.at(0.5), values.at(0.95), values.at(0.99), values.most]
    .map((value) => value.toFixed(1))
    .join(" / ");

const rowLine = (row: Row): string => {
  const { eventLoopMs: loop } = row;
  const cells = [
    row.server,
    row.sources,
    row.lost,
    row.cpuUs.toFixed(0),
    row.kibPerSource.toFixed(0),
    row.stored === undefined ? "" : `${(row.stored * 100).toFixed(1)} %`,
    row.storedMs === undefined ? "" : quantiles(row.storedMs),
    row.waiting ?? "",
    loop === undefined ? "" : `${loop.p50} / ${loop.p99} / ${loop.max}`,
    row.mostLateMs.toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
};

const rowsTable = (rows: readonly Row[]): string =>
  [
    "| server | sources | lost | CPU, µs per source-second | memory, KiB per source | segments stored | last frame to stored, ms (p50 / p95 / p99 / most) | segments waiting at the end | event loop late, ms (p50 / p99 / most) | generator late, ms |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ...rows.map(rowLine),
  ].join("\n");

/** Of the medians of all rounds. */
function ratios(rows: readonly Row[]): string {
  const counts = [...new Set(rows.map(({ sources }) => sources))];
  const lines = counts.map((count) => {
    const median = (server: string, of: (row: Row) => number): number => {
      const values = rows.filter((row) => row.sources === count && row.server.startsWith(server)).map(of);
      return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
    };
    const ratio = (server: string, of: (row: Row) => number): string =>
      (median(server, of) / median("Icecast", of)).toFixed(2);
    const ours = "Skywave, null";
    return `| ${count} | ${ratio(ours, ({ cpuUs }) => cpuUs)} | ${ratio("bare", ({ cpuUs }) => cpuUs)} | ${ratio(ours, ({ kibPerSource }) => kibPerSource)} |`;
  });
  const head =
    "| sources | CPU, ours / Icecast's | CPU, bare Node's / Icecast's | memory, ours / Icecast's |";
  return [head, "|--:|--:|--:|--:|", ...lines].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      sources: { type: "string", default: "100,500,1000" },
      seconds: { type: "string", default: "20" },
      rounds: { type: "string", default: "1" },
    },
  });
  const { text } = await ingestBench({
    sources: values.sources.split(",").map(Number),
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    progress: (line) => console.log(line),
  });
  console.log(`\n${text}`);
}
