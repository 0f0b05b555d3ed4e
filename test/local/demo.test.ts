import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileOf, pieces } from "../../examples/demo/demo.ts";
import { hertzOf, melody } from "../../examples/demo/synth/score.ts";
import { LoudnessMeter } from "../../ingest/autodj/analysis/loudness-meter.ts";
import { type Decoded, openMpg123Wasm } from "../support/decoders.ts";

const folder = join(import.meta.dirname, "..", "..", "examples", "demo");
const stored = pieces.map((piece) => ({
  piece,
  bytes: new Uint8Array(readFileSync(join(folder, `${piece.name}.mp3`))),
}));

/** Largest sample between two moments, in either channel. */
const peakOf = ({ channels, sampleRate }: Decoded, fromS: number, toS: number): number =>
  Math.max(
    ...channels.map((samples) =>
      samples
        .subarray(fromS * sampleRate, toS * sampleRate)
        .reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
    ),
  );

describe("the music of the demo", () => {
  it.each(stored)(
    "is made again, byte for byte, by its script: $piece.title",
    { timeout: 60_000 },
    async ({ piece, bytes }) => {
      expect(Buffer.compare(await fileOf(piece), bytes)).toBe(0);
    },
  );

  it.each(stored)(
    "is heard from its first moment to its last, and never clips: $piece.title",
    async ({ bytes }) => {
      const decode = await openMpg123Wasm();
      const sound = await decode(bytes);
      expect(sound.complaints).toEqual([]);
      const meter = new LoudnessMeter(sound.sampleRate, 2);
      meter.push(sound.channels);
      expect(Math.abs((meter.integrated() ?? 0) + 16)).toBeLessThan(0.25);
      expect(meter.peak).toBeLessThan(0.9);
      const seconds = sound.samples / sound.sampleRate;
      for (let from = 0; from < seconds - 2; from += 0.5)
        expect(peakOf(sound, from, from + 0.5), `from ${from} s`).toBeGreaterThan(0.05);
      // No click at either end: the encoder's delay and the fades.
      expect(peakOf(sound, 0, 0.02)).toBeLessThan(0.01);
      expect(peakOf(sound, seconds - 0.02, seconds)).toBeLessThan(0.01);
    },
  );

  it("is small enough to carry, and long enough not to tire", () => {
    expect(stored.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(1_500_000);
    expect(stored.map(({ bytes }) => bytes.length / 8_000).every((seconds) => seconds > 55)).toBe(true);
  });
});

describe("a score", () => {
  it("names notes by letter, accidental and octave", () => {
    expect(hertzOf("A4")).toBe(440);
    expect(hertzOf("C4")).toBeCloseTo(261.626, 3);
    expect(hertzOf("Bb3")).toBe(hertzOf("A#3"));
    expect(() => hertzOf("H3")).toThrow("expected a note such as F#3");
  });

  it("puts the notes of a melody one after another, with rests between them", () => {
    expect(melody("A4:1 _:.5 | B4:2")).toEqual([
      { name: "A4", beat: 0, beats: 1 },
      { name: "B4", beat: 1.5, beats: 2 },
    ]);
  });
});
