import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame } from "../../shared/codec/codec.ts";
import type { Segment } from "../../shared/segment.ts";
import { Segmenter } from "../../shared/segmenter.ts";
import { epoch, millis, sampleCount } from "../../shared/units.ts";

const frame = (id: number, rate = 44_100, key = `mpeg1/3/${rate}`): Frame => ({
  bytes: Uint8Array.of(0xff, id >> 8, id & 0xff),
  samples: sampleCount(1_152),
  format: { key, sampleRate: rate, channels: 2, bitrateKbps: 128, description: key },
  reservoir: Uint8Array.of(id & 0xff),
});
const segmenter = (targetMs = 2_000): Segmenter => new Segmenter({ epoch: epoch(3), targetMs });
const feed = (into: Segmenter, count: number, from = 0, rate = 44_100): Segment[] =>
  Array.from({ length: count }, (_, index) =>
    into.push(frame(from + index, rate), millis(1_000 + index)),
  ).flat();

describe("the segmenter", () => {
  it("cuts at the first frame boundary at or after the target", () => {
    const cut = segmenter();
    // 76 frames of 1,152 samples are 1,985 ms, 77 are 2,011 ms.
    expect(feed(cut, 76)).toEqual([]);
    const [segment] = feed(cut, 1, 76);
    expect(segment).toMatchObject({
      epoch: 3,
      sequence: 0,
      samples: 77 * 1_152,
      sampleRate: 44_100,
      bytes: 231,
    });
    // At 48 kHz a frame is 24 ms: 84 of them are 2,016 ms to the sample.
    const exact = new Segmenter({ epoch: epoch(1), targetMs: 2_016 });
    expect(feed(exact, 84, 0, 48_000)).toHaveLength(1);
  });

  it("keeps every frame once and in order, and media time without drift", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 30, max: 3_000 }),
        (count, targetMs) => {
          const cut = segmenter(targetMs);
          const segments = [...feed(cut, count), ...cut.flush()];
          const bytes = segments.flatMap(({ body }) => [...body]);
          expect(bytes).toEqual(Array.from({ length: count }, (_, id) => [...frame(id).bytes]).flat());
          let samples = 0;
          for (const [index, segment] of segments.entries()) {
            expect(segment.sequence).toBe(index);
            expect(segment.firstSample).toBe(samples);
            expect(segment.bytes).toBe(segment.body.length);
            samples += segment.samples;
          }
          expect(samples).toBe(count * 1_152);
        },
      ),
    );
  });

  it("stores what the first frame reaches back to, and when it came", () => {
    const cut = segmenter();
    const [first] = feed(cut, 77);
    const [second] = feed(cut, 77, 77);
    expect(first?.reservoir).toEqual(Uint8Array.of(0));
    expect(second?.reservoir).toEqual(Uint8Array.of(77));
    expect(first?.startMs).toBe(1_000);
  });

  it("begins a segment where the format changes, with media time in the new rate", () => {
    const cut = segmenter();
    feed(cut, 10);
    const [ended] = cut.push(frame(10, 48_000), millis(5_000));
    expect(ended).toMatchObject({ samples: 11_520, sampleRate: 44_100 });
    const [next] = cut.flush();
    expect(next).toMatchObject({
      sequence: 1,
      sampleRate: 48_000,
      firstSample: Math.round((11_520 * 48) / 44.1),
    });
  });

  it("gives a title the sample it begins at", () => {
    const cut = segmenter();
    cut.setTitle({ text: "Before the first frame" });
    feed(cut, 5);
    cut.setTitle({ text: "Replaced" });
    cut.setTitle({ text: "Fifth frame", url: "https://example.org/" });
    feed(cut, 1);
    cut.setTitle({ text: "Not yet" });
    expect(cut.flush()[0]?.titles).toEqual([
      { atSample: 0, text: "Before the first frame" },
      { atSample: 5 * 1_152, text: "Fifth frame", url: "https://example.org/" },
    ]);
    feed(cut, 1);
    expect(cut.flush()[0]?.titles).toEqual([{ atSample: 0, text: "Not yet" }]);
  });

  it("flushes nothing when nothing is open", () => {
    expect(segmenter().flush()).toEqual([]);
  });
});
