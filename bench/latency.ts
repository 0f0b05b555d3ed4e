import { setTimeout as sleep } from "node:timers/promises";
import { seeded, testSeed } from "../test/support/seeded.ts";
import { Histogram, type Quantiles } from "./support/histogram.ts";
import { atMost, type Figure, type Findings, figure, medianOf, type Row } from "./support/row.ts";
import { bytesPerSecond, mount, openIcecast, openSkywave, type PutOnAir, type Side } from "./support/side.ts";
import { StampedListener } from "./support/stamped-listener.ts";
import { openStampedSource, type StampedSource } from "./support/stamped-source.ts";

/** Listeners who join one after the other; times in ms. */
export interface LatencyResult {
  readonly behindMs: readonly number[];
  readonly firstByteMs: readonly number[];
  readonly leastInHandMs: readonly number[];
  /** From the source's write of a frame to the end of its arrival at a listener who was there by then. */
  readonly wireMs: Quantiles;
  readonly frames: number;
  readonly failed: number;
}

export interface LatencyResults {
  /** By segment target, s. */
  readonly skywave: ReadonlyMap<number, LatencyResult>;
  readonly icecast: LatencyResult | null;
}

const targets = [1, 2, 4] as const;
const joins = 50;
/** Between two joins on average, ms: no common measure with segments. */
const betweenMs = 230;
const listenMs = 12_000;
const warmUpMs = 15_000;

export async function measureLatency(say: (line: string) => void): Promise<LatencyResults> {
  const skywave = new Map<number, LatencyResult>();
  for (const segmentSeconds of targets) {
    const result = await joinMany((putOnAir) => openSkywave({ segmentSeconds, putOnAir }));
    if (result === null) continue;
    say(`latency, Skywave, ${segmentSeconds} s segments: ${told(result)}`);
    skywave.set(segmentSeconds, result);
  }
  const icecast = await joinMany(openIcecast);
  if (icecast) say(`latency, Icecast: ${told(icecast)}`);
  return { skywave, icecast };
}

async function joinMany(open: (putOnAir: PutOnAir) => Promise<Side | null>): Promise<LatencyResult | null> {
  const sources: StampedSource[] = [];
  const side = await open(async (to) => {
    const source = await openStampedSource({ ...to, mount });
    sources.push(source);
    return source;
  });
  const [source] = sources;
  if (side === null || source === undefined) return null;
  const listeners: StampedListener[] = [];
  const wire = new Histogram();
  const random = seeded(testSeed);
  const url = `http://127.0.0.1:${side.port}${side.path}`;
  const join = (): StampedListener => new StampedListener({ url, source, bytesPerSecond, wireMs: wire });
  try {
    await sleep(warmUpMs);
    // Whoever comes first finds the server cold.
    const first = join();
    await sleep(2_000);
    while (listeners.length < joins) {
      await sleep(random() * 2 * betweenMs);
      listeners.push(join());
    }
    await sleep(listenMs);
    const failed = listeners.filter((listener) => listener.failed || listener.behindMs === null).length;
    for (const listener of [first, ...listeners]) listener.close();
    return {
      behindMs: listeners.flatMap(({ behindMs }) => behindMs ?? []),
      firstByteMs: listeners.flatMap(({ firstByteMs }) => firstByteMs ?? []),
      leastInHandMs: listeners.map(({ player }) => player.leastInHandMs),
      wireMs: wire.quantiles,
      frames: wire.total,
      failed,
    };
  } finally {
    await side.stop();
  }
}

/** What is to be told of the measurements. */
export function latencyFindings({ skywave, icecast }: LatencyResults): Findings {
  const rows = [...skywave].flatMap(([seconds, result]): Row[] => {
    const row = (what: string, value: (result: LatencyResult) => Figure | null) => ({
      what: `latency, ${seconds} s segments: ${what}`,
      skywave: value(result),
      icecast: icecast ? value(icecast) : null,
    });
    const behind = row("behind live at the first frame, p50, ms", ({ behindMs }) => medianOf(behindMs));
    const inHand = row("least in hand, player at +0.5 s, ms", ({ leastInHandMs }) =>
      figure(Math.min(...leastInHandMs)),
    );
    const first = row("first byte, warm, p50, ms", ({ firstByteMs }) => medianOf(firstByteMs));
    const isDefault = seconds === 2;
    return [
      { ...behind, ...(isDefault && behind.skywave && { budget: atMost(4_500, "ms", behind.skywave) }) },
      {
        ...inHand,
        ...(isDefault &&
          inHand.skywave && {
            budget: { text: "≥ 1,000 ms", isMet: inHand.skywave.value >= 1_000 },
          }),
      },
      {
        ...first,
        digits: 1,
        ...(isDefault && first.skywave && { budget: atMost(20, "ms", first.skywave) }),
      },
      row("on the wire per frame, p50, ms", ({ wireMs }) => figure(wireMs.p50)),
      row("… p99, ms", ({ wireMs }) => figure(wireMs.p99)),
    ];
  });
  const all = [...skywave.values(), ...(icecast ? [icecast] : [])];
  const failed = all.reduce((sum, result) => sum + result.failed, 0);
  return {
    rows,
    notes: [
      `Latency: ${joins} joins at random moments (least–most), default bursts; Icecast has no segments, its figures are the same in every group. On the wire: from the source's write of a frame to its last byte at a listener who was there by then, ${all.map(({ frames }) => frames.toLocaleString("en-US")).join(", ")} frames. What a listener hears is behind live by what it joined with, not by this.`,
      `Latency: ${failed} listeners failed.`,
    ],
  };
}

function told({ behindMs, firstByteMs, leastInHandMs, wireMs, frames, failed }: LatencyResult): string {
  const p50 = (values: readonly number[]): string => medianOf(values)?.value.toFixed(1) ?? "none";
  return `behind ${p50(behindMs)} ms, first byte ${p50(firstByteMs)} ms, least in hand ${Math.min(...leastInHandMs).toFixed(0)} ms, on the wire p50 ${wireMs.p50.toFixed(0)} p99 ${wireMs.p99.toFixed(0)} ms of ${frames} frames, failed ${failed}`;
}
