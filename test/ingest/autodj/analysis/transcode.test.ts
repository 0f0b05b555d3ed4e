import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, test } from "vitest";
import { CancelledError, type Pace } from "../../../../ingest/autodj/analysis/pace.ts";
import type { TargetFormat, TrackFacts } from "../../../../ingest/autodj/analysis/track-facts.ts";
import { transcodeFile } from "../../../../ingest/autodj/analysis/transcode.ts";
import { fixturePath } from "../../../shared/codec/mp3/streams.ts";
import { requireClient } from "../../../support/clients.ts";
import { complaintsOfPrograms, type Decode, openMpg123Wasm } from "../../../support/decoders.ts";
import { temporaryFolder, TONE_LEAD, tone } from "./music-folder.ts";

const folder = temporaryFolder();
const steadily: Pace = async () => {};
let decode: Decode;
let count = 0;

beforeAll(async () => {
  decode = await openMpg123Wasm();
});

async function transcode(
  path: string,
  format: TargetFormat,
  kbps: number,
  pace = steadily,
): Promise<{ facts: TrackFacts; bytes: Uint8Array }> {
  const to = join(folder, `${count++}.part`);
  const finding = await transcodeFile({ path, format, kbps, to, wantsLevel: true }, pace);
  if (finding.kind === "refused") throw new Error(finding.reason);
  return { facts: finding.facts, bytes: new Uint8Array(readFileSync(to)) };
}

async function toneFile(options: Parameters<typeof tone>[0]): Promise<string> {
  const path = join(folder, `${count++}.mp3`);
  writeFileSync(path, await tone(options));
  return path;
}

describe("a sine", () => {
  it.each([
    { from: 48_000, channels: 2, to: 44_100, toChannels: 2, kbps: 192, frequency: 997 },
    { from: 22_050, channels: 1, to: 44_100, toChannels: 2, kbps: 128, frequency: 3_100 },
    { from: 32_000, channels: 2, to: 48_000, toChannels: 1, kbps: 96, frequency: 440 },
    { from: 44_100, channels: 2, to: 22_050, toChannels: 2, kbps: 64, frequency: 1_500 },
    { from: 44_100, channels: 1, to: 44_100, toChannels: 2, kbps: 128, frequency: 5_000 },
  ] as const)(
    "of $frequency Hz, $from Hz and $channels channels, is the same at $to Hz in $toChannels",
    async (row) => {
      const { from, to, frequency, kbps } = row;
      const source = await toneFile({ sampleRate: from, channels: row.channels, kbps: 128, frequency });
      const { facts, bytes } = await transcode(source, { sampleRate: to, channels: row.toChannels }, kbps);
      expect(facts.format).toMatchObject({ sampleRate: to, channels: row.toChannels });
      const { sampleRate, channels, complaints } = await decode(bytes);
      expect(sampleRate).toBe(to);
      expect(complaints).toEqual([]);
      // The source does not say what its encoder put in front, so that stays; the new file's own lead is before it.
      const angle = (i: number): number =>
        2 * Math.PI * frequency * ((i - TONE_LEAD) / to - TONE_LEAD / from);
      for (const channel of channels) {
        const heard = channel.subarray(to, 2 * to);
        // LAME leaves up to half a decibel of room below 256 kb/s, here twice.
        const level = (2 * heard.reduce((sum, x, i) => sum + x * Math.sin(angle(to + i)), 0)) / heard.length;
        expect(level / 0.25).toBeGreaterThan(0.89);
        expect(level / 0.25).toBeLessThan(1.01);
        const rest = heard.reduce((sum, x, i) => sum + (x - level * Math.sin(angle(to + i))) ** 2, 0);
        expect(10 * Math.log10(rest / heard.length / (level ** 2 / 2))).toBeLessThan(-40);
      }
    },
  );
});

describe("a file that says what its encoder added", () => {
  it.each([
    { sampleRate: 48_000, channels: 2, kbps: 192 },
    { sampleRate: 44_100, channels: 1, kbps: 96 },
    { sampleRate: 24_000, channels: 2, kbps: 64 },
  ] as const)("lasts as long in $sampleRate Hz, within a frame", async ({ kbps, ...format }) => {
    const { facts } = await transcode(fixturePath("vbr-v2.mp3"), format, kbps);
    const frameSeconds = facts.samplesPerFrame / format.sampleRate;
    const seconds = facts.frames * frameSeconds;
    expect(Math.abs(seconds - 30)).toBeLessThan(frameSeconds);
    expect(facts.bitrateKbps).toBeCloseTo(kbps, 0);
  });

  test("draws no complaint from ffmpeg or mpg123", async (context) => {
    requireClient(context, "ffmpeg", "mpg123");
    const { bytes } = await transcode(fixturePath("vbr-v2.mp3"), { sampleRate: 48_000, channels: 2 }, 128);
    expect(complaintsOfPrograms(bytes)).toEqual([]);
  });
});

test("Layer II becomes Layer III", async () => {
  const { facts } = await transcode(fixturePath("layer2.mp2"), { sampleRate: 44_100, channels: 2 }, 192);
  expect(facts.format.key).toBe("mpeg1/3/44100/2");
  expect(facts.frames).toBeGreaterThanOrEqual(191);
});

test("given up half-way it leaves nothing behind", async () => {
  let pieces = 0;
  const to = join(folder, `${count}.part`);
  const work = transcode(fixturePath("vbr-v2.mp3"), { sampleRate: 48_000, channels: 2 }, 128, async () => {
    if (++pieces === 4) throw new CancelledError();
  });
  await expect(work).rejects.toThrow(CancelledError);
  expect(pieces).toBe(4);
  expect(existsSync(to)).toBe(false);
});
