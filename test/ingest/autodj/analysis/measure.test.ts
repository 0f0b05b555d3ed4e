import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { scanFrames } from "../../../../ingest/autodj/analysis/frame-scan.ts";
import { type Measured, measure } from "../../../../ingest/autodj/analysis/measure.ts";
import { TrackBytes } from "../../../../ingest/autodj/analysis/track-bytes.ts";
import { FIXTURES, fixturePath } from "../../../shared/codec/mp3/streams.ts";
import { requireClient } from "../../../support/clients.ts";
import { temporaryFolder, tone } from "./music-folder.ts";

const PROGRAM = "ffmpeg";
const folder = temporaryFolder();

async function measured(path: string): Promise<Measured & { readonly pieces: number }> {
  let pieces = 0;
  const pace = async (): Promise<void> => void pieces++;
  const file = new TrackBytes(path);
  try {
    const scan = await scanFrames(file, pace);
    if (scan === null || typeof scan === "string") throw new Error(`${path}: ${scan}`);
    pieces = 0;
    return { ...(await measure(file, scan, pace)), pieces };
  } finally {
    file.close();
  }
}

/** What ffmpeg's ebur128 says, in steps of 0.1. */
function ffmpegSays(path: string): { lufs: number; peakDbfs: number } {
  const args = ["-nostats", "-i", path, "-af", "ebur128=peak=sample", "-f", "null", "-"];
  const text = spawnSync(PROGRAM, args).stderr.toString();
  const summary = text.slice(text.lastIndexOf("Summary"));
  return {
    lufs: Number(/I:\s+(-?[\d.]+)/.exec(summary)?.[1]),
    peakDbfs: Number(/Peak:\s+(-?[\d.]+)/.exec(summary)?.[1]),
  };
}

describe("loudness and peak are those that ffmpeg finds", () => {
  it.for(FIXTURES.filter(({ name }) => name !== "freeformat.mp3"))("in $name", async ({ name }, context) => {
    requireClient(context, PROGRAM);
    const { lufs, peakDbfs } = ffmpegSays(fixturePath(name));
    const { loudnessLufs, peak, decodedShare } = await measured(fixturePath(name));
    expect(Math.abs((loudnessLufs ?? 0) - lufs)).toBeLessThan(0.2);
    expect(Math.abs(20 * Math.log10(peak) - peakDbfs)).toBeLessThan(0.2);
    expect(decodedShare).toBe(1);
  });
});

test("of a long file only stretches are heard, from all over it", async () => {
  const soft = await tone({ sampleRate: 8_000, channels: 1, kbps: 8, amplitude: 0.05, seconds: 60 });
  const loud = await tone({ sampleRate: 8_000, channels: 1, kbps: 8, amplitude: 0.5, seconds: 60 });
  const path = join(folder, "long.mp3");
  const hours = (part: Uint8Array, count: number): Uint8Array[] =>
    Array.from({ length: count * 60 }, () => part);
  writeFileSync(path, Buffer.concat([...hours(soft, 5), ...hours(loud, 5)]));
  const whole = await measured(path);
  const path2 = join(folder, "loud.mp3");
  writeFileSync(path2, loud);
  const short = await measured(path2);
  // The soft half is 20 dB down and gated.
  expect(whole.loudnessLufs).toBeCloseTo(short.loudnessLufs ?? 0, 0);
  expect(whole.peak).toBeCloseTo(short.peak, 1);
  expect(whole.pieces).toBe(40);
});
