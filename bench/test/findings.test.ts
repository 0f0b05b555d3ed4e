import { expect, test } from "vitest";
import { edgeFindings, type EdgeRound } from "../edge.ts";
import { latencyFindings, type LatencyResult } from "../latency.ts";
import { steadyFindings, type SteadyResult } from "../steady.ts";
import { stormFindings, type StormResult } from "../storm.ts";
import { Histogram } from "../support/histogram.ts";
import { type LoadPart, mergeParts } from "../support/load.ts";
import type { Findings } from "../support/row.ts";

/** Each budget with whether it is met. */
const budgetsOf = ({ rows }: Findings): (readonly [string, boolean | null])[] =>
  rows.flatMap(({ what, budget }) => (budget ? [[what, budget.isMet] as const] : []));

const all = (value: number): Histogram => {
  const histogram = new Histogram();
  histogram.add(value);
  return histogram;
};

const load = (fields: Partial<LoadPart>) =>
  mergeParts([
    {
      opened: 5_000,
      served: 5_000,
      lost: 0,
      receivedBytes: 0,
      firstByte: all(10).encode(),
      gap: all(2_000).encode(),
      ranDry: 0,
      dryMs: 0,
      leastInHandMs: 2_000,
      worst: [],
      cpuSeconds: 0,
      busyShare: 0,
      ...fields,
    },
  ]);

test("the edge's CPU is that of all processes that serve, and held against Icecast's at 1,000 listeners and 2 s", () => {
  const round = (...cpu: readonly number[]): EdgeRound => ({
    serving: new Map(cpu.map((value, index) => [`process ${index}`, value])),
    besides: new Map([["ingest", 5]]),
    memoryKb: 100,
    load: load({}),
    receivedShare: 1,
    loadCpuShare: 0.1,
  });
  const result = (icecast: readonly EdgeRound[]) => ({
    listeners: 1_000,
    segmentSeconds: 2,
    skywave: [round(30, 2), round(40, 3), round(20, 1)],
    icecast,
    alone: new Map([
      ["Skywave", [6_000, 5_000, 4_000]],
      ["Icecast", icecast.length > 0 ? [1_000] : []],
    ] as const),
  });
  const name = "edge: CPU µs per listener-second, 1,000 listeners, 2 s segments";
  const found = edgeFindings([result([round(40)])]);
  expect(found.rows[0]).toMatchObject({
    what: name,
    skywave: { value: 32, range: [21, 43] },
    icecast: { value: 40 },
  });
  // Less 5 ms a second for a thousand listeners, and 1 ms of Icecast's.
  expect(found.rows[1]).toMatchObject({ skywave: { value: 27 }, icecast: { value: 39 } });
  expect(budgetsOf(found)).toEqual([[name, true]]);
  expect(budgetsOf(edgeFindings([result([round(39)])]))).toEqual([[name, false]]);
  expect(budgetsOf(edgeFindings([result([])]))).toEqual([[name, null]]);
});

test("a storm meets its budgets when all are served and soon enough, cold and warm", () => {
  const result = (fields: Partial<LoadPart>): StormResult => ({
    load: load({ opened: 2_000, served: 2_000, ...fields }),
    counts: { bucketReads: 3 },
    seconds: 1,
  });
  const found = stormFindings({
    skywave: { cold: result({}), warm: result({ served: 1_999, firstByte: all(501).encode() }) },
    icecast: null,
  });
  expect(budgetsOf(found).map(([, isMet]) => isMet)).toEqual([true, true, false, false, false]);
  expect(found.notes.join()).toContain("cold bucketReads +3");
});

test("steady listeners meet their budgets when none was lost, none ran dry and none is dear", () => {
  const result = (fields: Partial<LoadPart>, memoryKb: number): SteadyResult => ({
    minutes: 10,
    load: load(fields),
    memoryKb,
    mostMemoryKb: memoryKb,
    cpuMicroseconds: 30,
    loadCpuShare: 0.5,
  });
  const verdicts = (skywave: SteadyResult) =>
    budgetsOf(steadyFindings({ skywave, icecast: null })).map(([, isMet]) => isMet);
  expect(verdicts(result({}, 250))).toEqual([true, true, true]);
  expect(verdicts(result({ lost: 1, ranDry: 1 }, 251))).toEqual([false, false, false]);
});

test("latency has its budgets at the default target of 2 s", () => {
  const result = (behindMs: number, inHandMs: number, firstByteMs: number): LatencyResult => ({
    behindMs: [behindMs],
    leastInHandMs: [inHandMs, 5_000],
    firstByteMs: [firstByteMs],
    wireMs: all(1_000).quantiles,
    frames: 1,
    failed: 0,
  });
  const verdicts = (two: LatencyResult) =>
    budgetsOf(
      latencyFindings({
        skywave: new Map([
          [1, result(9_999, 0, 9_999)],
          [2, two],
        ]),
        icecast: null,
      }),
    ).map(([, isMet]) => isMet);
  expect(verdicts(result(4_500, 1_000, 20))).toEqual([true, true, true]);
  expect(verdicts(result(4_501, 999, 21))).toEqual([false, false, false]);
});
