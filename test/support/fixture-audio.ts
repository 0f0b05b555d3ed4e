import { readFileSync } from "node:fs";
import { join } from "node:path";
import { framesOf } from "./stream-mp3.ts";

/** Folder of the MP3 fixtures. */
export const fixtures = join(import.meta.dirname, "..", "fixtures");

export interface Excerpt {
  /** From the file's first byte on, tags and info frame included. */
  readonly bytes: Buffer;
  /** The audio frames in it, one after another. */
  readonly frames: Buffer;
  readonly seconds: number;
}

/** The first seconds of a fixture, to the end of a frame. */
export function excerptOf(file: string, seconds: number): Excerpt {
  const path = join(fixtures, file);
  const kept: Uint8Array[] = [];
  let keptSeconds = 0;
  for (const { bytes, samples, format } of framesOf(path)) {
    if (keptSeconds >= seconds) break;
    kept.push(bytes);
    keptSeconds += samples / format.sampleRate;
  }
  const frames = Buffer.concat(kept);
  const whole = readFileSync(path);
  const start = whole.indexOf(frames);
  if (start < 0) throw new Error(`the frames of ${file} do not stand together`);
  return { bytes: whole.subarray(0, start + frames.length), frames, seconds: keptSeconds };
}
