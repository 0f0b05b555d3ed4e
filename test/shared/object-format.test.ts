import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeSegmentMetadata,
  encodeSegmentMetadata,
  fitTitles,
  parseSegmentKey,
  segmentKey,
} from "../../shared/object-format.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { Segment } from "../../shared/segment.ts";
import { epoch, type MountPath, millis, sampleCount, sequence } from "../../shared/units.ts";

const at = (e: number, s: number) => ({ epoch: epoch(e), sequence: sequence(s) });
const segment = (titles: Segment["titles"], reservoir = new Uint8Array(0)): Segment => ({
  ...at(1, 0),
  startMs: millis(1_700_000_000_000),
  firstSample: sampleCount(88_200),
  samples: sampleCount(88_704),
  sampleRate: 44_100,
  bytes: 3,
  titles,
  body: new Uint8Array(3),
  reservoir,
});
const metadataBytes = (metadata: Record<string, string>): number =>
  Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);

describe("segment keys", () => {
  it.each([
    ["/live.mp3", 1, 0, "v1/live.mp3/0000000001/0000000000.mp3"],
    ["/a/b_c.mp3", 12, 345, "v1/a_2Fb_5Fc.mp3/0000000012/0000000345.mp3"],
    ["/라디오", 1, 0, "v1/_EB_9D_BC_EB_94_94_EC_98_A4/0000000001/0000000000.mp3"],
  ])("name %s epoch %i sequence %i as %s", (mount, e, s, key) => {
    expect(segmentKey(mount as MountPath, at(e, s))).toBe(key);
    expect(parseSegmentKey(key)).toEqual({ mount, ...at(e, s) });
  });

  it("sort as they play", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (e1, s1, e2, s2) => {
        const [a, b] = [at(e1, s1), at(e2, s2)].map((p) => segmentKey("/m" as MountPath, p));
        expect(Math.sign((a ?? "") < (b ?? "") ? -1 : a === b ? 0 : 1)).toBe(Math.sign(e1 - e2 || s1 - s2));
      }),
    );
  });

  it("are read or refused, whatever the text", () => {
    const text = fc.oneof(
      fc.string(),
      fc.stringMatching(/^v1\/[A-Za-z0-9._-]{0,12}\/[0-9]{10}\/[0-9]{10}\.mp3$/),
    );
    fc.assert(
      fc.property(text, (key) => {
        try {
          const { mount, ...position } = parseSegmentKey(key);
          expect(segmentKey(mount, position).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

describe("segment metadata", () => {
  const titles = [
    { atSample: sampleCount(0), text: "김철수 – 안녕" },
    { atSample: sampleCount(1_152), text: "A; 'B'", url: "https://example.org/c.jpg" },
  ];

  it("comes back as it was written", () => {
    const written = segment(titles, Uint8Array.of(1, 2, 254, 255));
    const { startMs, firstSample, samples, sampleRate, reservoir } = written;
    expect(decodeSegmentMetadata(encodeSegmentMetadata(written))).toEqual({
      startMs,
      firstSample,
      samples,
      sampleRate,
      titles,
      reservoir,
    });
  });

  it("is ASCII and stays below the storage's 8,192 bytes, whatever the titles", () => {
    const title = fc.record({
      atSample: fc.nat(88_200).map(sampleCount),
      text: fc.string({ unit: "binary", maxLength: 4_065, size: "max" }).map((text) => text.toWellFormed()),
      url: fc.string({ maxLength: 1_024, size: "max" }),
    });
    fc.assert(
      fc.property(fc.array(title, { maxLength: 40 }), (many) => {
        const metadata = encodeSegmentMetadata(segment(fitTitles(many), new Uint8Array(511)));
        expect(metadataBytes(metadata)).toBeLessThanOrEqual(8_192 - 10 * 11);
        for (const value of Object.values(metadata)) expect(value).toMatch(/^[\x20-\x7e]*$/);
      }),
      { numRuns: 50 },
    );
  });

  it("keeps the newest titles of a storm, and a long title before its URL", () => {
    const storm = Array.from({ length: 50 }, (_, index) => ({
      atSample: sampleCount(index),
      text: `T${index}`,
    }));
    expect(fitTitles(storm).map(({ text }) => text)).toEqual(storm.slice(-16).map(({ text }) => text));
    const long = { atSample: sampleCount(0), text: "x".repeat(4_065), url: "y".repeat(1_500) };
    expect(fitTitles([long])).toEqual([{ atSample: 0, text: long.text }]);
  });

  it("is read or refused, whatever the fields", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("format", "samples", "titles", "reservoir"), fc.string()),
        (fields) => {
          const written = { ...encodeSegmentMetadata(segment(titles)), ...fields };
          try {
            decodeSegmentMetadata(written);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
    );
  });
});
