import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type LedgerEntry,
  MainDataLedger,
  mainDataSize,
  muteFrame,
} from "../../../../shared/codec/mp3/main-data.ts";
import { decodeHeader, mainDataOffset } from "../../../../shared/codec/mp3/header.ts";
import { reachOf } from "../../../../shared/codec/mp3/primer.ts";
import { decodeSideInfo } from "../../../../shared/codec/mp3/side-info.ts";
import { requireClient } from "../../../support/clients.ts";
import { complaintsOfPrograms } from "../../../support/decoders.ts";
import { concat, FIXTURES, fixtureFrames, noise, valueOrProtocolError } from "./streams.ts";

const cbr = fixtureFrames("cbr128-joint44.mp3");
const entries = (frames: readonly Uint8Array[], gaps: readonly number[] = []): LedgerEntry[] => {
  const ledger = new MainDataLedger(0);
  return frames.map((frame, at) => ledger.take(frame, gaps.includes(at)));
};
const verdicts = (...run: Parameters<typeof entries>): boolean[] => entries(...run).map(({ whole }) => whole);

describe("the ledger of main data", () => {
  it.each(FIXTURES)("finds every frame of $name whole", ({ name }) => {
    expect(verdicts(fixtureFrames(name).map(({ bytes }) => bytes))).not.toContain(false);
  });

  it("misses the data of a frame that reaches over a hole, until frames reach no further than it", () => {
    const at = cbr.findIndex(({ bytes }, i) => i > 100 && reachOf(bytes) > 300);
    const holed = cbr.map(({ bytes }) => bytes).toSpliced(at - 3, 3);
    for (const found of [verdicts(holed), verdicts(holed, [at - 3])]) {
      expect(found.slice(0, at - 3)).not.toContain(false);
      expect(found[at - 3]).toBe(false);
      expect(found.slice(at + 20)).not.toContain(false);
    }
  });

  it("knows what is there before the first frame", () => {
    const { bytes } = cbr.find((frame) => reachOf(frame.bytes) > 50) ?? { bytes: new Uint8Array(0) };
    const reach = reachOf(bytes);
    expect(new MainDataLedger(reach).take(bytes, false).whole).toBe(true);
    expect(new MainDataLedger(reach - 1).take(bytes, false).whole).toBe(false);
    expect(new MainDataLedger(reach).take(bytes, true).whole).toBe(false);
  });

  it.each([
    ["more data than there is", 6, [0x0f, 0xff]],
    ["over 288 big values", 8, [0xff, 0x80]],
    ["a special window of the reserved type", 10, [0x04]],
  ])("refuses a frame with %s", (_name, at, fields) => {
    const frame = cbr[0]?.bytes.slice() ?? new Uint8Array(0);
    frame.fill(0, 4, 36);
    expect(new MainDataLedger(0).take(frame, false).whole).toBe(true);
    // MPEG-1 stereo: after 20 bits of the frame's, 12 of length, 9 of big values, 8 of gain, 4 of scale factors.
    frame.set(fields, at);
    expect(new MainDataLedger(0).take(frame, false).whole).toBe(false);
  });

  it("is total: a verdict or ProtocolError", () => {
    const head = fc.constantFrom(
      [0xff, 0xfb, 0x90, 0x44],
      [0xff, 0xf2, 0x40, 0xc0],
      [0xff, 0xfd, 0x90, 0x44],
      [],
    );
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 80 }), fc.boolean(), (start, rest, gap) => {
        const frame = Uint8Array.of(...start, ...rest);
        valueOrProtocolError(() => new MainDataLedger(99).take(frame, gap));
        valueOrProtocolError(() => muteFrame(frame, 60));
        valueOrProtocolError(() => mainDataSize(frame));
      }),
    );
  });
});

describe("a muted frame", () => {
  it.each(FIXTURES.filter(({ name }) => name.endsWith(".mp3")))(
    "of $name is silent and keeps header and main data",
    ({ name }) => {
      for (const { bytes } of fixtureFrames(name).slice(20, 40)) {
        const muted = bytes.slice();
        muteFrame(muted, 200);
        const offset = mainDataOffset(decodeHeader(bytes));
        expect(decodeSideInfo(muted).part23Lengths.every((length) => length === 0)).toBe(true);
        expect(reachOf(muted)).toBe(200);
        expect(muted.subarray(0, 4)).toEqual(bytes.subarray(0, 4));
        expect(muted.subarray(offset)).toEqual(bytes.subarray(offset));
        expect(mainDataSize(muted)).toBe(bytes.length - offset);
      }
    },
  );

  it("in place of each frame that is not whole keeps decoders quiet, also with CRCs", (context) => {
    requireClient(context, "ffmpeg", "mpg123");
    for (const name of ["cbr128-joint44.mp3", "crc128.mp3", "mpeg2-22k-64.mp3"]) {
      const random = noise(400, 5);
      const frames = fixtureFrames(name).map(({ bytes }, at) => ({ bytes: bytes.slice(), at }));
      const holed = frames.filter(({ at }) => (random[at % 400] ?? 0) > 25);
      const bytes = holed.map((frame) => frame.bytes);
      expect(complaintsOfPrograms(concat(...bytes))).not.toEqual([]);
      const gaps = [...holed.keys()].filter((i) => i > 0 && holed[i]?.at !== (holed[i - 1]?.at ?? 0) + 1);
      const ledger = entries(bytes, gaps);
      for (const [i, { whole, known }] of ledger.entries()) {
        if (!whole) muteFrame(bytes[i] ?? new Uint8Array(0), known);
      }
      expect(complaintsOfPrograms(concat(...bytes))).toEqual([]);
      expect(ledger.filter(({ whole }) => !whole).length).toBeLessThan(gaps.length * 3);
    }
  });
});
