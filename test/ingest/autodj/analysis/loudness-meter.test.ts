import { describe, expect, it, test } from "vitest";
import { LoudnessMeter } from "../../../../ingest/autodj/analysis/loudness-meter.ts";
import { sine } from "./music-folder.ts";

/** Runs of a stereo sine of 1 kHz, each of a level in dBFS and so many seconds. */
function loudnessOf(
  runs: readonly (readonly [dbfs: number, seconds: number])[],
  sampleRate = 48_000,
): number | null {
  const meter = new LoudnessMeter(sampleRate, 2);
  for (const [dbfs, seconds] of runs) {
    const samples = sine({ sampleRate, frequency: 1_000, amplitude: 10 ** (dbfs / 20), seconds });
    meter.push([samples, samples]);
  }
  return meter.integrated();
}

describe("the signals of EBU Tech 3341, table 1", () => {
  it.each([
    { name: "1", runs: [[-23, 20]], lufs: -23 },
    { name: "2", runs: [[-33, 20]], lufs: -33 },
    {
      name: "3, the relative gate",
      runs: [
        [-36, 10],
        [-23, 60],
        [-36, 10],
      ],
      lufs: -23,
    },
    {
      name: "4, the absolute gate",
      runs: [
        [-72, 10],
        [-36, 10],
        [-23, 60],
        [-36, 10],
        [-72, 10],
      ],
      lufs: -23,
    },
    {
      name: "5",
      runs: [
        [-26, 20],
        [-20, 20.1],
        [-26, 20],
      ],
      lufs: -23,
    },
  ] as const)("$name", ({ runs, lufs }) => {
    for (const sampleRate of [48_000, 22_050]) {
      expect(Math.abs((loudnessOf(runs, sampleRate) ?? 0) - lufs)).toBeLessThan(0.1);
    }
  });
});

test("a full-scale sine of 997 Hz in one channel is -3.01 LUFS", () => {
  const meter = new LoudnessMeter(48_000, 1);
  meter.push([sine({ sampleRate: 48_000, frequency: 997, amplitude: 1, seconds: 10 })]);
  expect(meter.integrated()).toBeCloseTo(-3.01, 2);
  expect(meter.peak).toBeCloseTo(1, 3);
});

test("how the sound is cut into pieces changes nothing", () => {
  const samples = sine({ sampleRate: 44_100, frequency: 300, amplitude: 0.5, seconds: 3 });
  const whole = new LoudnessMeter(44_100, 1);
  whole.push([samples]);
  const pieces = new LoudnessMeter(44_100, 1);
  for (let at = 0, size = 1; at < samples.length; at += size, size = (size * 7) % 5_003) {
    pieces.push([samples.subarray(at, at + size)]);
  }
  expect(pieces.integrated()).toBeCloseTo(whole.integrated() ?? 0, 9);
  expect(pieces.peak).toBe(whole.peak);
});

test("silence, and what is shorter than a block, has no loudness", () => {
  expect(loudnessOf([[-90, 5]])).toBeNull();
  expect(loudnessOf([[-20, 0.3]])).toBeNull();
  expect(loudnessOf([])).toBeNull();
});

test("no block crosses a cut", () => {
  const meter = new LoudnessMeter(48_000, 1);
  for (let i = 0; i < 5; i++) {
    meter.cut();
    meter.push([sine({ sampleRate: 48_000, frequency: 1_000, amplitude: 0.5, seconds: 0.3 })]);
  }
  expect(meter.integrated()).toBeNull();
});
