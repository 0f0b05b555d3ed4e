import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MountPathError } from "../../../shared/mount-path.ts";
import { epoch, type MountPath, sequence } from "../../../shared/units.ts";
import { entryName, parseHlsPath, segmentsName } from "../../../worker/hls/hls-path.ts";

describe("an address of HLS", () => {
  it.each([
    ["/live.mp3.m3u8", { kind: "master", mount: "/live.mp3" }],
    ["/a/b.m3u8", { kind: "master", mount: "/a/b" }],
    ["/a%20b.m3u8", { kind: "master", mount: "/a b" }],
    ["/a/b/hls/index.m3u8", { kind: "media", mount: "/a/b" }],
    ["/a/hls/e17.mp3", { kind: "entry", mount: "/a", number: 17 }],
    ["/a/hls/3-4.mp3", { kind: "segments", mount: "/a", epoch: 3, first: 4, last: 4, isPrimed: false }],
    ["/a/hls/3-4-9p.mp3", { kind: "segments", mount: "/a", epoch: 3, first: 4, last: 9, isPrimed: true }],
  ])("%s is known for what it is", (path, expected) => {
    expect(parseHlsPath(path)).toEqual(expected);
  });

  it.each([
    "/live.mp3",
    "/live.m3u",
    "/.m3u8",
    "/a/hls/",
    "/a/hls/x.mp3",
    "/a/hls/3-.mp3",
    "/hls/3-4.mp3",
    "/a/hls/3-4-5-6.mp3",
  ])("%s is none", (path) => {
    expect(parseHlsPath(path)).toBeNull();
  });

  it("is what playlists name", () => {
    const natural = fc.integer({ min: 0, max: 9_999_999_999 });
    fc.assert(
      fc.property(natural, natural, natural, fc.boolean(), (at, first, last, isPrimed) => {
        const range = { epoch: epoch(at), first: sequence(first), last: sequence(last) };
        const path = parseHlsPath(`/a/hls/${segmentsName(range, isPrimed)}`);
        expect(path).toEqual({ kind: "segments", mount: "/a" as MountPath, ...range, isPrimed });
        expect(parseHlsPath(`/a/hls/${entryName(at)}`)).toMatchObject({ number: at });
      }),
    );
  });

  it("is read whatever it is, or names what cannot be a mount", () => {
    const piece = fc.constantFrom(
      "/",
      "hls",
      "a",
      ".m3u8",
      "index.m3u8",
      "1-2.mp3",
      "e1.mp3",
      "%",
      "%2F",
      "..",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 }))), (pieces) => {
        try {
          parseHlsPath(`/${pieces.join("")}`);
        } catch (error) {
          if (!(error instanceof MountPathError)) throw error;
        }
      }),
    );
  });
});
