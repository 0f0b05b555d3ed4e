import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it, test } from "vitest";
import { analyseFile } from "../../../../ingest/autodj/analysis/analyse-file.ts";
import { CancelledError } from "../../../../ingest/autodj/analysis/pace.ts";
import type { Finding } from "../../../../ingest/autodj/analysis/track-facts.ts";
import { fixture } from "../../../shared/codec/mp3/streams.ts";
import * as tags from "./id3-writer.ts";
import { temporaryFolder, tone } from "./music-folder.ts";

const folder = temporaryFolder();
let audio: Buffer;
let count = 0;

beforeAll(async () => {
  audio = Buffer.from(await tone());
});

const pace = async (): Promise<void> => {};
const analysePath = (path: string): Promise<Finding> => analyseFile(path, true, pace);

function analyse(...parts: readonly Uint8Array[]): Promise<Finding> {
  const path = join(folder, `${count++}.mp3`);
  writeFileSync(path, Buffer.concat(parts));
  return analysePath(path);
}

const text = (value: string): Buffer => Buffer.from(value, "latin1");
const zeros = (length: number): Buffer => Buffer.alloc(length);
const noise = (length: number): Buffer => {
  let state = 1;
  return Buffer.from(Array.from({ length }, () => (state = (state * 16_807) % 2_147_483_647) & 0xff));
};

describe("what cannot be played is refused", () => {
  it.each([
    { name: "zero bytes", bytes: () => zeros(0), reason: "is empty" },
    { name: "zeros", bytes: () => zeros(5_000), reason: "is all zeros" },
    { name: "text", bytes: () => text("Lorem ipsum\n".repeat(100)), reason: "is text" },
    {
      name: "a picture",
      bytes: () => Buffer.concat([text("\x89PNG\r\n\x1a\n"), noise(5_000)]),
      reason: "is a PNG picture",
    },
    {
      name: "WAV",
      bytes: () => Buffer.concat([text("RIFF\0\0\0\0WAVEfmt "), noise(50_000)]),
      reason: "is a WAV file",
    },
    { name: "FLAC", bytes: () => Buffer.concat([text("fLaC"), noise(50_000)]), reason: "is a FLAC file" },
    { name: "Ogg", bytes: () => Buffer.concat([text("OggS"), noise(50_000)]), reason: "is an Ogg file" },
    {
      name: "AAC",
      bytes: () => Buffer.concat([Buffer.of(0xff, 0xf1, 0x50, 0x80), noise(20_000)]),
      reason: "is an AAC file",
    },
    {
      name: "FLAC behind a tag",
      bytes: () => Buffer.concat([tags.id3v2(3, [tags.latin1Text("TIT2", "x")]), text("fLaC"), noise(500)]),
      reason: "is a FLAC file",
    },
    {
      name: "another file of many megabytes",
      bytes: () => Buffer.concat([text("RIFF....WAVEfmt "), zeros(9 * 2 ** 20)]),
      reason: "is a WAV file",
    },
    {
      name: "another file with frames by chance",
      bytes: () => Buffer.concat([text("SQLite format 3\0"), noise(400_000), audio]),
      reason: "is an SQLite database",
    },
    { name: "a tag", bytes: () => tags.id3v2(3, [tags.latin1Text("TIT2", "x")]), reason: "is only a tag" },
    { name: "an ID3v1 tag", bytes: () => tags.id3v1(text("x"), text("y")), reason: "is only a tag" },
    { name: "noise", bytes: () => noise(50_000), reason: "has no MPEG audio" },
    { name: "one frame", bytes: () => audio.subarray(0, 417), reason: "has no MPEG audio" },
    { name: "five frames", bytes: () => audio.subarray(0, 418 * 5), reason: "lasts for 131 ms only" },
    {
      name: "free format",
      bytes: () => fixture("freeformat.mp3"),
      reason: "is in free format, which most players cannot play",
    },
    {
      name: "little audio amid noise",
      bytes: () => Buffer.concat([noise(400_000), audio, noise(10)]),
      reason: /^is mostly not MPEG audio: \d+ bytes of \d+ are$/,
    },
  ])("$name", async ({ bytes, reason }) => {
    const finding = await analyse(bytes());
    expect(finding).toMatchObject({ kind: "refused", kept: "disk" });
    expect(finding.kind === "refused" && finding.reason).toMatch(reason);
  });

  test("a format that changes on the way, with the place", async () => {
    const other = await tone({ sampleRate: 48_000, channels: 1, kbps: 64 });
    expect(await analyse(audio, other)).toMatchObject({
      reason:
        "changes at 0:03 from MPEG-1 Layer III, 44100 Hz, joint stereo to MPEG-1 Layer III, 48000 Hz, mono",
    });
  });

  test("headers where they should be and garbage between them", async () => {
    const garbage = Buffer.from(noise(audio.length).map((byte) => byte & 0x7f));
    for (let at = 0; at + 417 < garbage.length; at += 417) garbage.set([0xff, 0xfb, 0x90, 0x64], at);
    const finding = await analyse(garbage);
    expect(finding).toMatchObject({ kind: "refused", reason: expect.stringContaining("cannot be decoded") });
  });

  test("a tag that is too large to be skipped by its own word", async () => {
    const tag = tags.id3v2(3, [{ id: "APIC", body: zeros(20_000_000) }]);
    expect(await analyse(tag, audio)).toMatchObject({
      reason: "has megabytes in a row that are no MPEG audio",
    });
  });

  test("what is no file, or is not there, and looking again may find otherwise", async () => {
    const link = join(folder, "dangling.mp3");
    symlinkSync(join(folder, "nowhere"), link);
    const loop = join(folder, "loop.mp3");
    symlinkSync(loop, loop);
    const directory = join(folder, "directory.mp3");
    mkdirSync(directory);
    for (const path of [link, loop, directory, join(folder, "absent.mp3"), "/dev/zero"]) {
      expect(await analysePath(path)).toMatchObject({ kind: "refused", kept: "no" });
    }
    expect(await analysePath(directory)).toMatchObject({ reason: "cannot be read: is no file" });
  });
});

describe("what can be played plays", () => {
  test("with its frames, its format and its level", async () => {
    const finding = await analyse(
      tags.id3v2(3, [tags.latin1Text("TIT2", "Title")]),
      audio,
      tags.id3v1(text("x"), text("y")),
    );
    expect(finding).toEqual({
      kind: "facts",
      facts: {
        title: "Title",
        artist: "y",
        format: { key: "mpeg1/3/44100/2", sampleRate: 44_100, channels: 2 },
        firstFrame: 0,
        frames: 116,
        samplesPerFrame: 1_152,
        bitrateKbps: expect.closeTo(128, 0),
        loudnessLufs: expect.closeTo(-12.1, 0),
        peak: expect.closeTo(0.25, 1),
      },
    });
  });

  test("MPEG Layer II, to be encoded anew", async () => {
    expect(await analyse(fixture("layer2.mp2"))).toMatchObject({
      facts: { format: { key: "mpeg1/2/44100/2" } },
    });
  });

  test("cut off at the end, without the frame that is not whole", async () => {
    expect(await analyse(audio.subarray(0, 20_000))).toMatchObject({ facts: { frames: 47 } });
  });

  test("damaged in the middle, without the frames that are", async () => {
    const damaged = Buffer.from(audio);
    damaged.set(noise(4_000), 20_000);
    const finding = await analyse(damaged);
    expect(finding.kind === "facts" && finding.facts.frames).toBeGreaterThan(100);
    expect(finding.kind === "facts" && finding.facts.frames).toBeLessThan(116);
  });

  test("behind a tag that claims more than there is allowed to be", async () => {
    const claims = tags.id3v2(3, [tags.latin1Text("TIT2", "Title")], 0, 100_000_000);
    expect(await analyse(claims, audio)).toMatchObject({ facts: { title: "Title", frames: 116 } });
  });

  test("for a fifth of a second", async () => {
    expect(await analyse(audio.subarray(0, 418 * 8))).toMatchObject({ kind: "facts", facts: { frames: 8 } });
  });

  test("by its tags' level, without a peak that nobody needs to hear", async () => {
    const frames = [
      tags.userText("REPLAYGAIN_TRACK_GAIN", "-4 dB"),
      tags.userText("REPLAYGAIN_TRACK_PEAK", "0.9"),
    ];
    expect(await analyse(tags.id3v2(3, frames), audio)).toMatchObject({
      facts: { loudnessLufs: -14, peak: 0.9 },
    });
  });
});

test("any bytes are a file that plays or is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.nat(audio.length), async (bytes, at) => {
      const damaged = Buffer.from(audio);
      damaged.set(bytes.subarray(0, audio.length - at), at);
      await analyse(bytes);
      expect(await analyse(damaged)).toMatchObject({ kind: expect.stringMatching(/facts|refused/) });
    }),
    { numRuns: 25 },
  );
});

test("an analysis that is not wanted any more ends between two pieces", async () => {
  const path = join(folder, "cancelled.mp3");
  writeFileSync(path, audio);
  const cancelled = async (): Promise<void> => {
    throw new CancelledError();
  };
  await expect(analyseFile(path, true, cancelled)).rejects.toThrow(CancelledError);
});
