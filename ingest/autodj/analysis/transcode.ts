import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { DECODER_DELAY, type InfoFrame } from "../../../shared/codec/mp3/lame-tag.ts";
import { factsOfEncoded } from "./analyse-file.ts";
import type { Sound } from "./decoder.ts";
import { LAME_DELAY, openEncoder } from "./encoder.ts";
import { type FrameScan, scanFrames } from "./frame-scan.ts";
import { decodeSpan } from "./measure.ts";
import type { Pace } from "./pace.ts";
import { Resampler } from "./resampler.ts";
import { TrackBytes } from "./track-bytes.ts";
import type { Finding, TargetFormat } from "./track-facts.ts";
import type { TranscodeOrder } from "./worker-messages.ts";

/**
 * Encodes a file anew, piece by piece: what its encoder added is cut off to the sample, channels and rate are changed,
 * LAME does the rest. What the new file is, its own encoder's delay known. Rejects when it cannot be done; nothing is left
 * behind then.
 */
export async function transcodeFile(order: TranscodeOrder, pace: Pace): Promise<Finding> {
  const file = new TrackBytes(order.path);
  try {
    const scan = await scanFrames(file, pace);
    if (scan === null || typeof scan === "string") throw new Error("is another file than it was");
    const samples = await encodeTo(order, file, scan, pace);
    if (file.hasChanged) throw new Error("was changed meanwhile");
    return await describe(order, samples, pace);
  } catch (error) {
    rmSync(order.to, { force: true });
    throw error;
  } finally {
    file.close();
  }
}

/** How many samples of sound went into the new file. */
async function encodeTo(
  order: TranscodeOrder,
  file: TrackBytes,
  scan: FrameScan,
  pace: Pace,
): Promise<number> {
  const { format, kbps, to } = order;
  const encoder = await openEncoder({ ...format, kbps });
  const isSameRate = scan.format.sampleRate === format.sampleRate;
  const channels = Array.from({ length: format.channels }, () =>
    isSameRate ? asItIs : new Resampler(scan.format.sampleRate, format.sampleRate),
  );
  const output = openSync(to, "w", 0o600);
  let samples = 0;
  const encode = (channelData: readonly Float32Array[]): void => {
    for (const channel of channelData) clip(channel);
    samples += channelData[0]?.length ?? 0;
    writeFileSync(output, encoder.encode(channelData));
  };
  try {
    const window = soundOf(scan);
    let at = 0;
    for await (const { sound } of decodeSpan(file, { start: 0, end: file.size }, scan, pace)) {
      const inputs = mixed(cut(sound, at, window), format);
      at += sound.samples;
      encode(channels.map((channel, i) => channel.push(inputs[i] ?? new Float32Array(0))));
    }
    encode(channels.map((channel) => channel.flush()));
    writeFileSync(output, encoder.finish());
  } finally {
    closeSync(output);
  }
  return samples;
}

/** For a `Resampler` where the rate stays. */
const asItIs = { push: (samples: Float32Array) => samples, flush: () => new Float32Array(0) };

interface SoundWindow {
  readonly start: number;
  readonly end: number;
}

/** Samples of the decoder's output that are the sound, as far as the file tells. */
function soundOf({ info, frames, samplesPerFrame }: FrameScan): SoundWindow {
  const total = frames * samplesPerFrame;
  const lame = info?.lame;
  const isWhole = info?.frames === undefined || info.frames === frames;
  if (!lame) return { start: 0, end: total };
  const start = lame.delay + DECODER_DELAY;
  const end = isWhole ? total - lame.padding + DECODER_DELAY : total;
  return start < end ? { start, end } : { start: 0, end: total };
}

/** The part of `sound`, whose first sample is `at`, within the window. */
function cut(
  { channelData, samples }: Sound,
  at: number,
  { start, end }: SoundWindow,
): readonly Float32Array[] {
  const from = Math.max(0, Math.min(samples, start - at));
  const to = Math.max(from, Math.min(samples, end - at));
  return channelData.map((channel) => channel.subarray(from, to));
}

/** One channel is the mean of two; two of mono are the decoder's own. */
function mixed(channelData: readonly Float32Array[], { channels }: TargetFormat): readonly Float32Array[] {
  const [left, right] = channelData;
  if (channels === 2 || !left || !right) return channelData;
  return [left.map((sample, i) => (sample + (right[i] ?? sample)) / 2)];
}

/** The encoder wants no more than full scale, which is where any player clips. */
function clip(channel: Float32Array): void {
  for (let i = 0; i < channel.length; i++) {
    const sample = channel[i] ?? 0;
    if (sample > 1) channel[i] = 1;
    else if (sample < -1) channel[i] = -1;
  }
}

async function describe({ to, wantsLevel }: TranscodeOrder, samples: number, pace: Pace): Promise<Finding> {
  const file = new TrackBytes(to);
  try {
    const scan = await scanFrames(file, pace);
    if (scan === null || typeof scan === "string") throw new Error("has no sound that could be encoded");
    const padding = scan.frames * scan.samplesPerFrame - LAME_DELAY - samples;
    const info: InfoFrame = {
      kind: "info",
      sampleRate: scan.format.sampleRate,
      samplesPerFrame: scan.samplesPerFrame,
      lame: { encoder: "LAME", delay: LAME_DELAY, padding, continued: false, continues: false },
    };
    return await factsOfEncoded(file, { ...scan, info }, wantsLevel, pace);
  } finally {
    file.close();
  }
}
