import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeHeader } from "../../../../shared/codec/mp3/header.ts";
import { isInfoFrame } from "../../../../shared/codec/mp3/info-frame.ts";
import { decodeInfoFrame, type InfoFrame } from "../../../../shared/codec/mp3/lame-tag.ts";
import { requireClient } from "../../../support/clients.ts";
import { ascii, concat, fixture, fixtureFrames, parse, parseWhole, valueOrProtocolError } from "./streams.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lame-tag-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command}: ${stderr.toString()}`);
}

/** `samples` of a tone in a WAV file. */
function tone(sampleRate: number, channels: number, samples: number): string {
  const path = join(folder, `${sampleRate}-${channels}-${samples}.wav`);
  const source = `sine=frequency=300:sample_rate=${sampleRate},atrim=end_sample=${samples}`;
  run("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-ac", String(channels), path]);
  return path;
}

/** What the file's tag says, and the frames that it really has. */
function encoded(path: string): {
  readonly info: InfoFrame | undefined;
  readonly frames: number;
  readonly size: number;
} {
  const bytes = new Uint8Array(readFileSync(path));
  const { frames, counts } = parseWhole(bytes);
  expect(counts.garbageBytes).toBe(0);
  return { info: parseInfo(bytes), frames: frames.length, size: bytes.length - counts.tagBytes };
}

const parseInfo = (bytes: Uint8Array): InfoFrame | undefined => parse(bytes, [1000]).info;

const SAMPLES = 70_001;
const LAME_FILES = [
  ["CBR", 44_100, 2, ["-b", "128"]],
  ["320 kb/s", 44_100, 2, ["-b", "320", "-m", "s"]],
  ["ABR", 48_000, 2, ["--abr", "140"]],
  ["VBR", 44_100, 2, ["-V", "3"]],
  ["VBR with CRC", 44_100, 2, ["-V", "3", "-p"]],
  ["CBR with CRC, mono", 48_000, 1, ["-b", "64", "-p", "-m", "m"]],
  ["mono MPEG-2", 22_050, 1, ["-V", "5", "-m", "m"]],
  ["stereo MPEG-2 with CRC", 22_050, 2, ["-b", "64", "-p"]],
  ["MPEG-2.5 at 64 kb/s", 8_000, 1, ["-b", "64", "-m", "m"]],
] as const;

describe("the tag of real files", () => {
  it.for(LAME_FILES)("by lame, %s at %i Hz with %i channels", ([, rate, channels, options], context) => {
    requireClient(context, "lame", "ffmpeg");
    const path = join(folder, "lame.mp3");
    run("lame", ["--quiet", ...options, tone(rate, channels, SAMPLES), path]);
    const { info, frames, size } = encoded(path);
    const samplesPerFrame = rate >= 32_000 ? 1152 : 576;
    expect(info).toMatchObject({ sampleRate: rate, samplesPerFrame, frames, bytes: size });
    expect(info?.lame).toMatchObject({
      encoder: "LAME3.100",
      delay: 576,
      continued: false,
      continues: false,
    });
    expect(frames * samplesPerFrame - 576 - (info?.lame?.padding ?? 0)).toBe(SAMPLES);
    expect(info?.lame?.trackGainDb).toBeGreaterThan(0);
    expect(info?.bitrateKbps).toBeCloseTo((size * 8 * rate) / (frames * samplesPerFrame * 1000), 6);
  });

  it.for([
    ["CBR", 44_100, 2, ["-b:a", "128k"]],
    ["VBR", 44_100, 2, ["-q:a", "3"]],
    ["ABR", 48_000, 1, ["-abr", "1", "-b:a", "96k"]],
    ["CBR", 22_050, 2, ["-b:a", "48k"]],
  ] as const)("by ffmpeg, %s at %i Hz with %i channels", ([, rate, channels, options], context) => {
    requireClient(context, "ffmpeg");
    const path = join(folder, "ffmpeg.mp3");
    run("ffmpeg", ["-v", "error", "-y", "-i", tone(rate, channels, SAMPLES), ...options, path]);
    const { info, frames } = encoded(path);
    expect(info).toMatchObject({ sampleRate: rate, frames });
    expect(info?.lame?.encoder).toMatch(/^Lav/);
    expect(info?.lame?.delay).toBe(576);
    expect(frames * (info?.samplesPerFrame ?? 0) - 576 - (info?.lame?.padding ?? 0)).toBe(SAMPLES);
  });

  it("says which files continue one another (lame --nogap)", (context) => {
    requireClient(context, "lame", "ffmpeg");
    const parts = [tone(44_100, 2, 50_000), tone(44_100, 2, 60_000)];
    run("lame", ["--quiet", "-b", "128", "--nogaptags", "--nogapout", folder, "--nogap", ...parts]);
    const tags = parts.map((part) => encoded(part.replace(/wav$/, "mp3")).info?.lame);
    expect(tags).toMatchObject([
      { continued: true, continues: false, padding: 0 },
      { continued: false, continues: true },
    ]);
  });

  it("is that of the first file where several are joined, and none where audio came first", () => {
    const tagged = fixture("vbr-v2.mp3");
    expect(parseInfo(tagged)).toMatchObject({ kind: "xing", frames: 1150, lame: { encoder: "LAME3.100" } });
    expect(parseInfo(concat(tagged.slice(0, 90_000), fixture("vbr-v2.mp3")))).toEqual(parseInfo(tagged));
    const audio = fixtureFrames("cbr128-joint44.mp3")
      .slice(0, 9)
      .map(({ bytes }) => bytes);
    expect(parseInfo(concat(...audio, tagged))).toBeUndefined();
  });
});

/** A silent MPEG-1 stereo frame of 417 bytes with a tag of `fields`, given by their place after the marker. */
function frameWith(marker: string, fields: Readonly<Record<number, readonly number[]>>): Uint8Array {
  const frame = new Uint8Array(417);
  frame.set([0xff, 0xfb, 0x90, 0x44]);
  frame.set(ascii(marker), 36);
  for (const [at, bytes] of Object.entries(fields)) frame.set(bytes, 36 + Number(at));
  return frame;
}

describe("what a tag says", () => {
  it("is read from its own fields alone: those that the flags leave out take no room", () => {
    const lame = [...ascii("LAME3.99r"), ...new Uint8Array(12), 0x24, 0x12, 0x34];
    expect(decodeInfoFrame(frameWith("Info", { 7: [1], 8: [0, 0, 1, 2], 12: lame }))).toEqual({
      kind: "info",
      sampleRate: 44_100,
      samplesPerFrame: 1152,
      frames: 258,
      lame: { encoder: "LAME3.99r", delay: 0x241, padding: 0x234, continued: false, continues: false },
    });
  });

  it.each([
    ["a gain of the track", [0x2c, 67], [0, 0], { trackGainDb: 6.7 }],
    ["a loss of the album", [0, 0], [0x4e, 0x50], { albumGainDb: -8 }],
    ["nothing where nobody set it", [0x20, 67], [0x40, 80], {}],
    ["nothing of the other kind", [0x4c, 67], [0x2c, 80], {}],
  ] as const)("can be %s", (_name, track, album, expected) => {
    const lame = [...ascii("LAME3.100"), ...new Uint8Array(6), ...track, ...album];
    const { trackGainDb, albumGainDb } = decodeInfoFrame(frameWith("Info", { 8: lame }))?.lame ?? {};
    expect({ trackGainDb, albumGainDb }).toEqual({
      trackGainDb: undefined,
      albumGainDb: undefined,
      ...expected,
    });
  });

  it.each([
    ["of LAME before 3.90", ascii("LAME3.89 (beta)")],
    ["of zeros", new Uint8Array(20)],
    ["of noise", Uint8Array.from({ length: 20 }, (_, i) => 200 - i)],
  ])("has no delays in an extension %s", (_name, extension) => {
    expect(decodeInfoFrame(frameWith("Xing", { 8: [...extension] }))?.lame).toBeUndefined();
  });

  it("is frames and bytes in Fraunhofer's", () => {
    const frame = frameWith("VBRI", { 4: [0, 1, 9, 9, 0, 75], 10: [0, 1, 0, 0], 14: [0, 0, 0, 200] });
    expect(decodeInfoFrame(frame)).toMatchObject({ kind: "vbri", bytes: 65_536, frames: 200 });
  });

  it("is nothing for a frame of audio", () => {
    for (const { bytes } of fixtureFrames("cbr128-joint44.mp3").slice(0, 50)) {
      expect(decodeInfoFrame(bytes)).toBeUndefined();
    }
  });

  it("is total: a value for every Info frame, else undefined, or ProtocolError", () => {
    const head = fc.constantFrom(
      [0xff, 0xfb, 0x90, 0x44],
      [0xff, 0xfa, 0x90, 0x44],
      [0xff, 0xf3, 0x10, 0xc4],
      [],
    );
    const marker = fc.constantFrom("Xing", "Info", "VBRI", "LAME");
    const bytes = fc
      .tuple(head, fc.constantFrom(0, 9, 17, 19, 32, 34), marker, fc.uint8Array({ maxLength: 200 }))
      .map(([start, zeros, text, rest]) =>
        concat(Uint8Array.from(start), new Uint8Array(zeros), ascii(text), rest),
      );
    fc.assert(
      fc.property(bytes, (frame) => {
        const info = valueOrProtocolError(() => decodeInfoFrame(frame));
        if (info === null) return;
        expect(info !== undefined).toBe(isInfoFrame(frame, decodeHeader(frame)));
      }),
      { numRuns: 2_000 },
    );
  });
});
