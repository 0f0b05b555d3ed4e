import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it, test } from "vitest";
import { TrackBytes } from "../../../../ingest/autodj/analysis/track-bytes.ts";
import { readTags, type TrackTags } from "../../../../ingest/autodj/analysis/track-tags.ts";
import * as tags from "./id3-writer.ts";
import { encodeLegacy } from "./legacy-encoder.ts";
import { temporaryFolder, tone } from "./music-folder.ts";

const folder = temporaryFolder();
let audio: Uint8Array;
let count = 0;

beforeAll(async () => {
  audio = await tone({ seconds: 0.5 });
});

async function tagsOf(before: Uint8Array, after: Uint8Array = new Uint8Array(0)): Promise<TrackTags> {
  const path = join(folder, `${count++}.mp3`);
  writeFileSync(path, Buffer.concat([before, audio, after]));
  const file = new TrackBytes(path);
  try {
    return await readTags(file);
  } finally {
    file.close();
  }
}

const korean = (text: string): Uint8Array => encodeLegacy(text, "euc-kr") ?? new Uint8Array(0);

describe("a tag of many megabytes", () => {
  const title = [tags.utf8Text("TIT2", "Title")];
  test("has its text found among its pictures", async () => {
    const picture = { id: "APIC", body: new Uint8Array(3_000_000).fill(0x54) };
    const tag = tags.id3v2(4, [picture, ...title, picture, tags.utf8Text("TPE1", "Artist")]);
    expect(await tagsOf(tag)).toEqual({ title: "Title", artist: "Artist" });
  });

  test.each([
    ["one frame", () => tags.latin1Text("TPE1", "a/".repeat(4e6))],
    ["one text", () => tags.latin1Text("TALB", Buffer.alloc(8e6, 0xb0))],
  ])("is not read where %s is beyond any text", async (_, frame) => {
    expect(await tagsOf(tags.id3v2(3, [frame(), tags.latin1Text("TIT2", "Title")]))).toEqual({
      title: "Title",
    });
  });

  test("has no more frames than anybody shows", async () => {
    const many = Array.from({ length: 200 }, () => tags.userText("a", "b"));
    const frames = [...title, ...many, tags.utf8Text("TPE1", "Artist")];
    expect(await tagsOf(tags.id3v2(4, frames))).toEqual({ title: "Title" });
    expect(await tagsOf(tags.id3v2(4, frames.slice(2)))).toEqual({ artist: "Artist" });
  });

  test("hides no other where it is APE's", async () => {
    const ape = tags.apeV2({ Artist: "a\0".repeat(1e6), REPLAYGAIN_TRACK_GAIN: "-3 dB" });
    const old = tags.id3v1(Buffer.from("Old"), Buffer.from("Band"));
    expect(await tagsOf(tags.id3v2(4, title), Buffer.concat([ape, old]))).toEqual({
      title: "Title",
      artist: "Band",
    });
  });
});

test.each([
  [3, [0, 0, 0, 6, 0, 0, 0, 0, 0, 0]],
  [4, [0, 0, 0, 6, 1, 0]],
] as const)("a tag of 2.%i with an extended header is read behind it", async (version, extended) => {
  const frames = tags.id3v2(version, [tags.latin1Text("TIT2", "Title")]).subarray(10);
  const body = Buffer.concat([Buffer.from(extended), frames]);
  const head = tags.id3v2(version, [], 0, body.length);
  head[5] = 0x40;
  expect(await tagsOf(Buffer.concat([head, body]))).toEqual({ title: "Title" });
});

describe("title and artist", () => {
  it.each([
    {
      name: "ID3v2.2",
      tag: tags.id3v2(2, [tags.latin1Text("TT2", "Title"), tags.latin1Text("TP1", "Artist")]),
    },
    {
      name: "ID3v2.3",
      tag: tags.id3v2(3, [tags.latin1Text("TIT2", "Title"), tags.latin1Text("TPE1", "Artist")]),
    },
    {
      name: "ID3v2.4",
      tag: tags.id3v2(4, [tags.utf8Text("TIT2", "Title"), tags.utf8Text("TPE1", "Artist")]),
    },
    {
      name: "UTF-16 with a BOM",
      tag: tags.id3v2(3, [tags.utf16Text("TIT2", "Title", "le"), tags.utf16Text("TPE1", "Artist", "be")]),
    },
    {
      name: "UTF-16 without",
      tag: tags.id3v2(3, [tags.utf16Text("TIT2", "Title", null), tags.utf16Text("TPE1", "Artist", null)]),
    },
    {
      name: "UTF-16BE",
      tag: tags.id3v2(4, [tags.utf16BeText("TIT2", "Title"), tags.utf16BeText("TPE1", "Artist")]),
    },
    {
      name: "an unsynchronised tag",
      tag: tags.id3v2(
        3,
        [tags.utf16Text("TIT2", "Title", "le"), tags.utf16Text("TPE1", "Artist", "le")],
        0x80,
      ),
    },
    {
      name: "zeros and blanks behind them",
      tag: tags.id3v2(3, [tags.latin1Text("TIT2", "Title \0\0"), tags.latin1Text("TPE1", "Artist\0")]),
    },
  ])("of $name", async ({ tag }) => {
    expect(await tagsOf(tag)).toEqual({ title: "Title", artist: "Artist" });
  });

  test("of ID3v1", async () => {
    expect(await tagsOf(Buffer.alloc(0), tags.id3v1(Buffer.from("Title"), Buffer.from("Artist")))).toEqual({
      title: "Title",
      artist: "Artist",
    });
  });

  test("of APE, with ID3v1 behind it", async () => {
    const ape = tags.apeV2({ Title: "제목", Artist: "Artist", Album: "Album" });
    const v1 = tags.id3v1(Buffer.from("short"), Buffer.from("Artist"));
    expect(await tagsOf(Buffer.alloc(0), Buffer.concat([ape, v1]))).toEqual({
      title: "제목",
      artist: "Artist",
      album: "Album",
    });
  });

  test("in Korean bytes that claim to be Latin-1, in ID3v2 and in ID3v1", async () => {
    const wanted = { title: "벚꽃 엔딩", artist: "버스커 버스커" };
    const frames = [
      tags.latin1Text("TIT2", korean(wanted.title)),
      tags.latin1Text("TPE1", korean(wanted.artist)),
    ];
    expect(await tagsOf(tags.id3v2(3, frames))).toEqual(wanted);
    expect(await tagsOf(Buffer.alloc(0), tags.id3v1(korean(wanted.title), korean(wanted.artist)))).toEqual(
      wanted,
    );
  });

  test("in one line, with a slash where ID3v2.3 has one", async () => {
    const frames = [tags.latin1Text("TIT2", "One\r\nline"), tags.latin1Text("TPE1", "AC/DC")];
    expect(await tagsOf(tags.id3v2(3, frames))).toEqual({ title: "One line", artist: "AC/DC" });
  });
});

describe("levels", () => {
  test("of ReplayGain, however it is spelled", async () => {
    const frames = [
      tags.userText("replaygain_track_gain", "-7.25 dB"),
      tags.userText("REPLAYGAIN_TRACK_PEAK", "0.98"),
    ];
    expect(await tagsOf(tags.id3v2(3, frames))).toEqual({ trackGainDb: -7.25, trackPeak: 0.98 });
  });

  test("of APE, and of R128", async () => {
    const ape = tags.apeV2({ REPLAYGAIN_TRACK_GAIN: "+2,50 dB", R128_TRACK_GAIN: "-512" });
    expect(await tagsOf(Buffer.alloc(0), ape)).toEqual({ trackGainDb: 2.5, r128TrackGain: -512 });
  });
});

describe("a tag that is no good", () => {
  const title = tags.latin1Text("TIT2", "Title");

  test("with a picture of 5 MB is read, and the picture is not kept", async () => {
    const picture = {
      id: "APIC",
      body: Buffer.concat([Buffer.from("\0image/png\0\x03\0"), Buffer.alloc(5e6, 7)]),
    };
    expect(await tagsOf(tags.id3v2(3, [picture, title]))).toEqual({ title: "Title" });
  });

  test("that claims 100 MB in a small file gives what it holds", async () => {
    expect(await tagsOf(tags.id3v2(3, [title], 0, 100_000_000))).toMatchObject({ title: "Title" });
  });

  test("cut off anywhere, so that it goes on in the audio, does no harm", async () => {
    const tag = tags.id3v2(4, [title, tags.utf8Text("TPE1", "Artist")]);
    for (let length = 0; length < tag.length; length++) {
      const { title: found = "" } = await tagsOf(tag.subarray(0, length));
      expect(found.length).toBeLessThanOrEqual(500);
    }
  });

  test("of any bytes does no harm", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(2, 3, 4),
        fc.uint8Array({ maxLength: 200 }),
        async (version, bytes) => {
          const head = tags.id3v2(version, []);
          const size = bytes.length;
          head.set([0, 0, size >>> 7, size & 0x7f], 6);
          await tagsOf(Buffer.concat([head, bytes]), bytes);
        },
      ),
      { numRuns: 100 },
    );
  });
});
