import { spawnSync } from "node:child_process";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { heardOf } from "../../test/support/heard.ts";
import type { Listening } from "../../test/support/listen.ts";
import type { ToneTrack } from "./tone-tracks.ts";

/** What a listener got of tracks that follow one another. */
export interface HeardJoins {
  readonly seconds: number;
  readonly joins: readonly Join[];
  /** Stretches without sound within tracks, ms. */
  readonly otherGapsMs: readonly number[];
  readonly frames: number;
  /** Frames that are in the tracks' files, byte for byte. */
  readonly sameFrames: number;
  /** What ffmpeg has to say when it decodes it all. */
  readonly complaints: number;
}

interface Join {
  /** Without sound, ms. */
  readonly gapMs: number;
  /** From the first sound of a track until its title came; negative: before. Null where none came. */
  readonly titleMs: number | null;
}

const sampleRate = 44_100;
const samplesPerFrame = 1_152;
/** Time in which the tone is looked for. */
const windowSamples = 441;
/** -50 dB; the tracks' noise is louder. */
const audible = 0.003;
/** Zero crossings of a tone take less. */
const leastGapMs = 2;

export function heardJoins(listening: Listening, tracks: readonly ToneTrack[]): HeardJoins {
  const { audio, titles } = heardOf(listening, {});
  const index = mp3.indexFrames(audio);
  const known = new Set(tracks.flatMap(({ frames }) => frames.map(nameOf)));
  const sameFrames = index.filter(({ offset, size }) =>
    known.has(nameOf(audio.subarray(offset, offset + size))),
  ).length;
  const { stdout, stderr } = spawnSync(
    "ffmpeg",
    ["-v", "warning", "-f", "mp3", "-i", "-", "-f", "f32le", "-ac", "1", "-ar", `${sampleRate}`, "-"],
    { input: audio, maxBuffer: 1 << 28, timeout: 60_000 },
  );
  const pcm = new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
  const gaps = quietStretches(pcm);
  const begins = beginsOf(pcm, tracks);
  const titled = titles.map(({ text, atByte }) => ({
    text,
    atMs: (index.filter(({ offset }) => offset < atByte).length * samplesPerFrame * 1000) / sampleRate,
  }));
  const joins = begins.slice(1).map(({ atMs, track }): Join => {
    const near = gaps.filter((gap) => Math.abs(gap.atMs - atMs) < nearMs);
    const ownTitles = titled.filter(({ text }) => text === track.title);
    const offsets = ownTitles.map((title) => title.atMs - atMs).filter((ms) => Math.abs(ms) < titleNearMs);
    return {
      gapMs: near.reduce((sum, { ms }) => sum + ms, 0),
      titleMs: offsets.toSorted((a, b) => Math.abs(a) - Math.abs(b))[0] ?? null,
    };
  });
  return {
    seconds: pcm.length / sampleRate,
    joins,
    otherGapsMs: gaps
      .filter((gap) => gap.atMs > (begins[0]?.atMs ?? 0))
      .filter((gap) => begins.every(({ atMs }) => Math.abs(gap.atMs - atMs) >= nearMs))
      .map(({ ms }) => ms),
    frames: index.length,
    sameFrames,
    complaints: stderr
      .toString()
      .split("\n")
      .filter((line) => line.trim() !== "").length,
  };
}

/** How far from a join a gap is still the join's. */
const nearMs = 1_000;
/** A title that is later has missed its track. */
const titleNearMs = 10_000;

const nameOf = (frame: Uint8Array): string => Buffer.from(frame).toString("latin1");

function quietStretches(pcm: Float32Array): { atMs: number; ms: number }[] {
  const found: { atMs: number; ms: number }[] = [];
  let from = 0;
  for (let at = 0; at <= pcm.length; at++) {
    if (at < pcm.length && Math.abs(pcm[at] ?? 0) < audible) continue;
    const ms = ((at - from) * 1000) / sampleRate;
    if (ms >= leastGapMs) found.push({ atMs: (from * 1000) / sampleRate, ms });
    from = at + 1;
  }
  return found;
}

/** Where each track begins, to the window: where its tone is the loudest for the next five. */
function beginsOf(pcm: Float32Array, tracks: readonly ToneTrack[]): { atMs: number; track: ToneTrack }[] {
  const loudest = Array.from({ length: Math.floor(pcm.length / windowSamples) }, (_, window) => {
    const part = pcm.subarray(window * windowSamples, (window + 1) * windowSamples);
    const powers = tracks.map(({ hertz }) => powerAt(part, hertz));
    const most = Math.max(...powers);
    return most < 1e-5 ? -1 : powers.indexOf(most);
  });
  const begins: { atMs: number; track: ToneTrack }[] = [];
  let current = -1;
  for (const [window, tone] of loudest.entries()) {
    if (tone < 0 || tone === current) continue;
    if (!loudest.slice(window, window + 5).every((next) => next === tone)) continue;
    current = tone;
    const track = tracks[tone];
    if (track) begins.push({ atMs: (window * windowSamples * 1000) / sampleRate, track });
  }
  return begins;
}

/** Goertzel's algorithm: power of one frequency, 1 at full scale. */
function powerAt(part: Float32Array, hertz: number): number {
  const factor = 2 * Math.cos((2 * Math.PI * hertz) / sampleRate);
  let [one, two] = [0, 0];
  for (const sample of part) [two, one] = [one, sample + factor * one - two];
  return (one * one + two * two - factor * one * two) / (part.length / 2) ** 2;
}
