import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readOut, planOf, TrackFolder } from "./track-files.ts";
import { openTrack, type ReadPlan } from "../../../ingest/autodj/track-reader.ts";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import { requireClient } from "../../support/clients.ts";
import {
  complaintsOfPrograms,
  type Decoded,
  decodeWithMpg123,
  largestDifference,
  openMpg123Wasm,
} from "../../support/decoders.ts";
import { complaintsAboutCrcs } from "../../shared/codec/mp3/crc-check.ts";
import { concat, fixture, parseWhole } from "../../shared/codec/mp3/streams.ts";

const folder = new TrackFolder();
afterAll(() => folder.remove());

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command}: ${stderr.toString()}`);
}

/** Encoders as people use them, and a length that leaves another padding each time. */
const LAME = [
  ["-b", "128", "-m", "j"],
  ["-b", "320", "-m", "s"],
  ["-V", "0"],
  ["-V", "9"],
  ["--abr", "150"],
  ["-b", "64"],
  ["-p", "-b", "192"],
  ["-p", "-V", "4"],
  ["-b", "320", "-m", "j", "--nores"],
] as const;
const FFMPEG = [
  ["-b:a", "128k"],
  ["-q:a", "2", "-joint_stereo", "0"],
  ["-b:a", "320k"],
] as const;

const made = new Map<string, readonly string[]>();

/** A sound that is loud from its first sample to its last, by every encoder. */
function tracksOf(rate: number, filter: string): readonly string[] {
  const key = `${rate} ${filter}`;
  const tracks = made.get(key) ?? makeTracks(rate, filter);
  made.set(key, tracks);
  return tracks;
}

function makeTracks(rate: number, filter: string): string[] {
  const prefix = `${made.size}-${rate}`;
  const wav = (seconds: number, at: number): string => {
    const path = join(folder.path, `${prefix}-${at}.wav`);
    const source = filter.replaceAll("RATE", String(rate)).replaceAll("SECONDS", seconds.toFixed(6));
    run("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-ac", "2", path]);
    return path;
  };
  const track = (at: number): string => join(folder.path, `${prefix}-${at}.track.mp3`);
  const limit = (options: readonly string[]): readonly string[] =>
    rate >= 32_000 ? options : options.map((option) => option.replace("320", "160"));
  for (const [at, options] of LAME.entries()) {
    run("lame", [
      "--quiet",
      "--resample",
      String(rate / 1000),
      ...limit(options),
      wav(1.3 + at * 0.0071, at),
      track(at),
    ]);
  }
  for (const [i, options] of FFMPEG.entries()) {
    const at = LAME.length + i;
    run("ffmpeg", ["-v", "error", "-y", "-i", wav(1.3 + at * 0.0071, at), ...limit(options), track(at)]);
  }
  return Array.from({ length: LAME.length + FFMPEG.length }, (_, at) => track(at));
}

interface Joined {
  readonly path: string;
  readonly plan: ReadPlan;
  /** Where in the sum of all tracks its first frame begins, its primer not counted. */
  readonly at: number;
  readonly primerSamples: number;
}

/** The tracks one after the other, as they go on air. */
async function join12(paths: readonly string[], gainSteps = 0) {
  const tracks: Joined[] = [];
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const path of paths) {
    const plan = planOf(path, gainSteps);
    expect(plan.format.key).toBe(tracks[0]?.plan.format.key ?? plan.format.key);
    const pieces = await readOut(await openTrack(path, plan));
    const samples = pieces.reduce((sum, piece) => sum + piece.samples, 0);
    const primerSamples = samples - plan.frames * plan.samplesPerFrame;
    tracks.push({ path, plan, at: at + primerSamples, primerSamples });
    parts.push(...pieces.map(({ bytes }) => bytes));
    at += samples;
  }
  return { tracks, bytes: concat(...parts), samples: at };
}

const originalFrames = (path: string): Uint8Array =>
  concat(...parseWhole(new Uint8Array(readFileSync(path))).frames.map(({ bytes }) => bytes));

const NOISE = "anoisesrc=r=RATE:d=SECONDS:a=0.6:s=7";
const CHIRP = "aevalsrc=d=SECONDS:s=RATE:exprs='0.4*sin(2*PI*(300*t+900*t*t))+0.2*sin(2*PI*3000*t)'";

/** The longest run of samples that is all but silent. */
function longestSilence({ channels }: Decoded, from: number, to: number): number {
  const [left = new Float32Array(0)] = channels;
  let longest = 0;
  let length = 0;
  for (let at = from; at < to; at++) {
    length = Math.abs(left[at] ?? 0) < 0.004 ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest;
}

describe.for([44_100, 22_050])("twelve tracks at %i Hz, one after the other", (rate) => {
  it("draw no complaint from ffmpeg and mpg123, with gain and without", {
    timeout: 60_000,
  }, async (context) => {
    requireClient(context, "ffmpeg", "lame", "mpg123");
    const paths = [...tracksOf(rate, CHIRP), ...(rate === 44_100 ? ["vbr-v2.mp3", "crc128.mp3"] : [])];
    const files = paths.map((path) => (path.includes("/") ? path : folder.write(fixture(path))));
    for (const gainSteps of [0, -4]) {
      const { bytes, samples, tracks } = await join12(files, gainSteps);
      expect(complaintsOfPrograms(bytes)).toEqual([]);
      expect(await complaintsAboutCrcs(bytes)).toBe("");
      expect((await decodeWithMpg123(bytes)).complaints).toEqual([]);
      const frames = mp3.indexFrames(bytes);
      expect(frames.reduce((sum, frame) => sum + frame.samples, 0)).toBe(samples);
      expect(tracks).toHaveLength(files.length);
    }
  });

  it("sound as each of them alone, from the third frame to the last", {
    timeout: 60_000,
  }, async (context) => {
    requireClient(context, "ffmpeg", "lame");
    const decode = await openMpg123Wasm();
    const { bytes, tracks } = await join12(tracksOf(rate, CHIRP));
    const together = await decode(bytes);
    expect(together.complaints).toEqual([]);
    for (const { path, plan, at } of tracks) {
      const alone = await decode(originalFrames(path));
      const settle = plan.samplesPerFrame * 2;
      const count = plan.frames * plan.samplesPerFrame - settle;
      const from = plan.firstFrame * plan.samplesPerFrame + settle;
      expect(largestDifference(alone, from, together, at + settle, count)).toBeLessThanOrEqual(1);
    }
  });

  it("have no gap of more than one frame of 1152 samples", { timeout: 60_000 }, async (context) => {
    requireClient(context, "ffmpeg", "lame");
    const decode = await openMpg123Wasm();
    const paths = tracksOf(rate, NOISE);
    const { bytes, tracks } = await join12(paths);
    const together = await decode(bytes);
    const gaps = tracks.slice(1).map(({ at }) => longestSilence(together, at - 4_000, at + 4_000));
    for (const gap of gaps) expect(gap).toBeLessThanOrEqual(1152);
    // What is measured is there: within a track it is not, and with all that encoders added it is longer.
    const [first, second] = tracks;
    expect(longestSilence(together, (first?.at ?? 0) + 6_000, (second?.at ?? 0) - 6_000)).toBeLessThan(60);
    const untrimmed = await decode(concat(...paths.map(originalFrames)));
    expect(longestSilence(untrimmed, 10_000, untrimmed.samples - 10_000)).toBeGreaterThan(Math.max(...gaps));
  });
});
