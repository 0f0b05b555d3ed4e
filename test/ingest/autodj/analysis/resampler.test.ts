import { expect, it, test } from "vitest";
import { Resampler } from "../../../../ingest/autodj/analysis/resampler.ts";
import { sine } from "./music-folder.ts";

const SECONDS = 0.5;

/** What becomes of a sine of full scale, in pieces of `size`. */
function resampled(from: number, to: number, frequency: number, size = 4_096): Float32Array {
  const samples = sine({ sampleRate: from, frequency, amplitude: 1, seconds: SECONDS });
  const resampler = new Resampler(from, to);
  const parts: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += size)
    parts.push(resampler.push(samples.subarray(at, at + size)));
  parts.push(resampler.flush());
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Power of the difference to a sine of full scale in the middle half, dB to the sine's. */
function errorDb(samples: Float32Array, to: number, frequency: number | null): number {
  const edge = Math.floor(samples.length / 4);
  let power = 0;
  for (let i = edge; i < samples.length - edge; i++) {
    const ideal = frequency === null ? 0 : Math.sin((2 * Math.PI * frequency * i) / to);
    power += ((samples[i] ?? 0) - ideal) ** 2;
  }
  return 10 * Math.log10(power / (samples.length - 2 * edge) / 0.5);
}

it.each([
  [48_000, 44_100, 1_000],
  [48_000, 44_100, 16_000],
  [44_100, 48_000, 16_000],
  [22_050, 44_100, 9_000],
  [32_000, 44_100, 12_000],
  [8_000, 44_100, 3_000],
  [44_100, 44_100, 15_000],
])("%i to %i Hz keeps a sine of %i Hz where it is", (from, to, frequency) => {
  expect(errorDb(resampled(from, to, frequency), to, frequency)).toBeLessThan(-90);
});

it.each([
  [48_000, 44_100, 22_500],
  [48_000, 22_050, 12_000],
  [48_000, 32_000, 17_000],
  [44_100, 8_000, 4_200],
])("%i to %i Hz mirrors nothing of %i Hz", (from, to, frequency) => {
  expect(errorDb(resampled(from, to, frequency), to, null)).toBeLessThan(-90);
});

test("what comes out lasts as long as what went in, in pieces of any size", () => {
  for (const [from, to] of [
    [48_000, 44_100],
    [22_050, 48_000],
    [44_100, 11_025],
  ] as const) {
    const whole = resampled(from, to, 500, 1e6);
    expect(whole.length).toBe(Math.ceil((Math.round(from * SECONDS) * to) / from));
    for (const size of [1, 17, 1_152]) {
      expect(Buffer.from(resampled(from, to, 500, size).buffer).equals(Buffer.from(whole.buffer))).toBe(true);
    }
  }
});
