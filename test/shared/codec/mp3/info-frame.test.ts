import { describe, expect, it } from "vitest";
import { decodeHeader } from "../../../../shared/codec/mp3/header.ts";
import { isInfoFrame } from "../../../../shared/codec/mp3/info-frame.ts";
import { ascii, concat, fixture, fixtureFrames, parse, parseWhole } from "./streams.ts";

/** A silent frame of `size` bytes with `marker` at `at`. */
function frameWith(header: string, size: number, marker: string, at: number): Uint8Array {
  const frame = new Uint8Array(size);
  frame.set(Buffer.from(header, "hex"));
  frame.set(ascii(marker), at);
  return frame;
}

const isInfo = (frame: Uint8Array): boolean => isInfoFrame(frame, decodeHeader(frame));

describe("a table of contents made to look like a frame", () => {
  it.each([
    ["Xing, MPEG-1 stereo", "fffb9044", 417, "Xing", 36],
    ["Info, MPEG-1 mono", "fffb90c4", 417, "Info", 21],
    ["Xing, MPEG-2 stereo", "fff38064", 208, "Xing", 21],
    ["Info, MPEG-2 mono", "fff380c4", 208, "Info", 13],
    ["Info, MPEG-2.5 mono", "ffe348c4", 288, "Info", 13],
    ["Xing after a CRC", "fffa9044", 417, "Xing", 38],
    ["Xing where LAME puts it in protected streams", "fffa9044", 417, "Xing", 36],
    ["VBRI, MPEG-1 stereo", "fffb9044", 417, "VBRI", 36],
    ["VBRI, MPEG-2 mono", "fff380c4", 208, "VBRI", 36],
  ])("is known: %s", (_name, header, size, marker, at) => {
    expect(isInfo(frameWith(header, size, marker, at))).toBe(true);
  });

  it.each([
    ["with the marker at another version's place", frameWith("fffb9044", 417, "Xing", 21)],
    ["with the marker where a CRC would put it, but without one", frameWith("fffb9044", 417, "Xing", 38)],
    ["of Layer II", frameWith("fffd9044", 417, "Xing", 36)],
    ["too short for the marker", frameWith("fff310c4", 26, "", 0).subarray(0, 15)],
  ])("is not a frame %s", (_name, frame) => {
    expect(isInfo(frame)).toBe(false);
  });

  it("is not a frame with audio whose bytes happen to spell Xing", () => {
    const audio = fixtureFrames("cbr128-joint44.mp3")[30]?.bytes.slice();
    if (!audio) throw new Error("the fixture is empty");
    audio.set(ascii("Xing"), 36);
    expect(isInfo(audio)).toBe(false);
  });

  it("is dropped and counted at the start and where files are joined", () => {
    const file = fixture("vbr-v2.mp3").slice(0, 50_000);
    const stream = concat(file, fixture("vbr-v2.mp3"));
    for (const { frames, counts } of [parseWhole(stream), parse(stream, [333])]) {
      expect(counts).toMatchObject({ infoFrames: 2, infoBytes: 834 });
      expect(frames.some((frame) => isInfo(frame.bytes))).toBe(false);
    }
  });
});
