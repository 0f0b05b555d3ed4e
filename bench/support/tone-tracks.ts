import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { framesOf } from "../../test/support/stream-mp3.ts";

/** A track that is known by its tone wherever it is heard, and that is nowhere silent. */
export interface ToneTrack {
  readonly path: string;
  /** As players show it. */
  readonly title: string;
  readonly hertz: number;
  /** What is in its file, info frame left out. */
  readonly frames: readonly Uint8Array[];
}

/** Far enough apart that one is never taken for another, nor for another's second harmonic. */
const hertzOf = (index: number): number => Math.round(260 * 1.27 ** index);

/**
 * Makes tracks of about the same length with ffmpeg: a tone that swells and falls twice a second, so that the encoder saves bits
 * in its reservoir and spends them, over noise that never stops. 128 kb/s, 44.1 kHz stereo, with tags and a LAME header.
 */
export function makeToneTracks(folder: string, count: number, seconds: number): ToneTrack[] {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, index) => {
    const hertz = hertzOf(index);
    const name = `Tone ${String(index + 1).padStart(2, "0")}`;
    const path = join(folder, `${name.toLowerCase().replace(" ", "-")}.mp3`);
    const tone = `0.25*sin(2*PI*${hertz}*t)*(1-0.4*cos(4*PI*t))+0.02*(random(${index})-0.5)`;
    // No two tracks end at the same place of a frame.
    const lengthS = seconds + index * 0.037;
    execFileSync(
      "ffmpeg",
      [
        ...["-nostdin", "-v", "error", "-y", "-f", "lavfi"],
        ...["-i", `aevalsrc='${tone}|${tone}':s=44100:d=${lengthS}`],
        ...["-c:a", "libmp3lame", "-b:a", "128k"],
        ...["-metadata", `title=${name}`, "-metadata", "artist=Bench", path],
      ],
      { timeout: 60_000 },
    );
    return {
      path,
      title: `Bench - ${name}`,
      hertz,
      frames: framesOf(path).map(({ bytes }) => bytes),
    };
  });
}
