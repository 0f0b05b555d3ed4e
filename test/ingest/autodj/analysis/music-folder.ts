import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { DECODER_DELAY } from "../../../../shared/codec/mp3/lame-tag.ts";
import { LAME_DELAY, openEncoder } from "../../../../ingest/autodj/analysis/encoder.ts";
import type { TrackFile } from "../../../../ingest/autodj/track.ts";

/** A folder that goes when the tests of its file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "skywave-analysis-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file in `folder` as sources name it. */
export function trackFile(folder: string, name: string, bytes: Uint8Array): TrackFile {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return trackAt(path, name);
}

export const trackAt = (path: string, name: string, version = "1"): TrackFile => ({
  id: `file:${path}`,
  version,
  name,
  path: async () => path,
});

interface Tone {
  readonly sampleRate?: number;
  readonly channels?: 1 | 2;
  readonly kbps?: number;
  readonly frequency?: number;
  /** 1 is full scale. */
  readonly amplitude?: number;
  readonly seconds?: number;
}

/** An MP3 without tags and without an Info frame. */
export async function tone(options: Tone = {}): Promise<Uint8Array> {
  const { sampleRate = 44_100, channels = 2, kbps = 128, frequency = 1_000 } = options;
  const { amplitude = 0.25, seconds = 3 } = options;
  const encoder = await openEncoder({ sampleRate, channels, kbps });
  const samples = sine({ sampleRate, frequency, amplitude, seconds });
  const encoded = encoder.encode(channels === 2 ? [samples, samples] : [samples]);
  return Buffer.concat([encoded, encoder.finish()]);
}

export function sine({
  sampleRate,
  frequency,
  amplitude,
  seconds,
}: Required<Omit<Tone, "channels" | "kbps">>) {
  const length = Math.round(sampleRate * seconds);
  return Float32Array.from(
    { length },
    (_, i) => amplitude * Math.sin((2 * Math.PI * frequency * i) / sampleRate),
  );
}

/** Samples before the sound in what a decoder makes of `tone`. */
export const TONE_LEAD = LAME_DELAY + DECODER_DELAY;
