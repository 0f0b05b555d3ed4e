import { expect, test } from "vitest";
import { Histogram } from "../support/histogram.ts";
import { type LoadPart, mergeParts } from "../support/load.ts";

const part = (fields: Partial<LoadPart>): LoadPart => ({
  opened: 0,
  served: 0,
  lost: 0,
  receivedBytes: 0,
  firstByte: new Histogram().encode(),
  gap: new Histogram().encode(),
  ranDry: 0,
  dryMs: 0,
  leastInHandMs: Number.MAX_VALUE,
  worst: [],
  cpuSeconds: 0,
  busyShare: 0,
  ...fields,
});

test("the report of several load processes sums counts and tells the worst of the rest", () => {
  const first = part({
    opened: 3,
    served: 2,
    lost: 1,
    ranDry: 1,
    worst: ["dry"],
    dryMs: 40,
    leastInHandMs: 0,
    busyShare: 0.2,
  });
  const second = part({
    opened: 4,
    served: 4,
    receivedBytes: 7,
    cpuSeconds: 2,
    leastInHandMs: 9,
    busyShare: 0.7,
  });
  expect(mergeParts([first, second])).toMatchObject({
    opened: 7,
    served: 6,
    lost: 1,
    receivedBytes: 7,
    ranDry: 1,
    dryMs: 40,
    leastInHandMs: 0,
    cpuSeconds: 2,
    busyShare: 0.7,
  });
});

test("its quantiles are those of all listeners", () => {
  const [low, high] = [new Histogram(), new Histogram()];
  for (let count = 0; count < 98; count++) low.add(10);
  for (let count = 0; count < 2; count++) high.add(1_000);
  const { gapMs } = mergeParts([part({ gap: low.encode() }), part({ gap: high.encode() })]);
  expect(gapMs.p50).toBeCloseTo(10, 0);
  expect(gapMs.p99).toBe(1_000);
});
