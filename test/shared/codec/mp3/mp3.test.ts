import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mp3 } from "../../../../shared/codec/mp3/mp3.ts";
import { requireClient } from "../../../support/clients.ts";
import { ascii, concat, FIXTURES, fixture, fixtureFrames, fixturePath, parseWhole } from "./streams.ts";

/** Sizes of the packets that ffmpeg's own parser finds. */
function ffprobePackets(path: string): number[] {
  const args = ["-v", "error", "-f", "mp3", "-show_entries", "packet=size", "-of", "csv=p=0", path];
  return spawnSync("ffprobe", args)
    .stdout.toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Number.parseInt(line, 10));
}

describe("the index of a segment", () => {
  it.each(FIXTURES)("has every frame of $name, in place", ({ name }) => {
    const frames = fixtureFrames(name).slice(5, 90);
    const spans = mp3.indexFrames(concat(...frames.map((frame) => frame.bytes)));
    let offset = 0;
    const expected = frames.map(({ bytes, samples }) => {
      offset += bytes.length;
      return { offset: offset - bytes.length, size: bytes.length, samples };
    });
    expect(spans).toEqual(expected);
  });

  it.each(FIXTURES)("has the one frame of a segment of $name that is no longer", ({ name }) => {
    const frame = fixtureFrames(name)[4]?.bytes ?? new Uint8Array(0);
    expect(mp3.indexFrames(frame)).toMatchObject([{ offset: 0, size: frame.length }]);
  });

  it.for(FIXTURES.filter(({ name }) => name !== "freeformat.mp3"))(
    "of $name agrees with ffprobe on every frame",
    ({ name }, context) => {
      requireClient(context, "ffprobe");
      const ours = parseWhole(fixture(name)).frames.map((frame) => frame.bytes.length);
      const theirs = ffprobePackets(fixturePath(name));
      expect(theirs).toEqual(ours);
    },
  );

  it("ends where bytes are no frames, or a frame is cut off", () => {
    const frames = fixtureFrames("cbr128-joint44.mp3").slice(0, 5);
    const body = concat(...frames.map((frame) => frame.bytes));
    expect(mp3.indexFrames(concat(body, ascii("no frame"), body))).toHaveLength(5);
    expect(mp3.indexFrames(body.subarray(0, -1))).toHaveLength(4);
    expect(mp3.indexFrames(ascii("no frame"))).toEqual([]);
    expect(mp3.indexFrames(new Uint8Array(0))).toEqual([]);
  });

  it("is total, gapless and within the bytes, and a primer can be asked for every span of it", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.constantFrom(...FIXTURES), fc.nat(60), fc.nat(4))
        .map(([{ name }, at, count]) => concat(...sample(name).slice(at, at + count))),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), fc.uint8Array({ maxLength: 511 }), (pieces, before) => {
        const bytes = concat(...pieces);
        const spans = mp3.indexFrames(bytes);
        let offset = 0;
        for (const [i, span] of spans.entries()) {
          expect(span.offset).toBe(offset);
          offset += span.size;
          const primer = mp3.primer(bytes, spans, i, before);
          expect(mp3.indexFrames(primer).reduce((sum, { size }) => sum + size, 0)).toBe(primer.length);
        }
        expect(offset).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the codec", () => {
  it("says what it is and what sources may call it", () => {
    expect(mp3).toMatchObject({ extension: "mp3", contentType: "audio/mpeg" });
    expect(mp3.sourceContentTypes).toContain("audio/mpeg");
    expect(mp3.sourceContentTypes).toContain("audio/mp3");
  });
});

const samples = new Map<string, Uint8Array[]>();
function sample(name: string): Uint8Array[] {
  const known = samples.get(name) ?? fixtureFrames(name).map((frame) => frame.bytes);
  samples.set(name, known);
  return known;
}
