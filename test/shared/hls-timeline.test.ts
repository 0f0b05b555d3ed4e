import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mediaPlaylist } from "../../shared/hls-playlist.ts";
import {
  append,
  emptied,
  emptyTimeline,
  type HlsContent,
  type HlsTimeline,
  newestOf,
  type NewEntry,
  targetSecondsOf,
} from "../../shared/hls-timeline.ts";
import { durationMs, type SegmentRef } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { ensureUpdate, readMedia, type ReadPlaylist } from "../support/hls-playlist.ts";

const limits = { keptMs: 20_000, entries: 100 };
const windowMs = 10_000;

const ref = (at: number, number: number, samples = 88_704): SegmentRef => ({
  epoch: epoch(at),
  sequence: sequence(number),
  startMs: millis(1_790_000_000_000 + at * 100_000 + number * 2_000),
  firstSample: sampleCount(number * 88_704),
  samples: sampleCount(samples),
  sampleRate: 44_100,
  bytes: 32_000,
  titles: [],
});

const segment = (at: number, number: number, stage = "/x"): NewEntry => ({
  content: { kind: "segment", stage, ref: ref(at, number), primerSamples: 0 },
  durationMs: durationMs(ref(at, number)),
  title: null,
});

const silence = (index: number): NewEntry => {
  const content: HlsContent = {
    kind: "silence",
    frame: "AAAA",
    frames: 76,
    samplesPerFrame: 1_152,
    sampleRate: 44_100,
    firstSample: index * 76 * 1_152,
  };
  return { content, durationMs: (76 * 1_152 * 1000) / 44_100, title: null };
};

const startOf = ({ content }: NewEntry): number => (content.kind === "segment" ? content.ref.startMs : 0);
const add = (timeline: HlsTimeline, entry: NewEntry): HlsTimeline =>
  append(timeline, entry, startOf(entry), limits);

function read(timeline: HlsTimeline): ReadPlaylist {
  const { entries, next, breaksBefore, targetSeconds } = newestOf(timeline, windowMs);
  const text = mediaPlaylist({
    targetSeconds,
    mediaSequence: next - entries.length,
    discontinuitySequence: breaksBefore,
    type: null,
    startSeconds: -12,
    isEnded: false,
    items: entries.map((entry) => ({
      ...entry,
      title: entry.title?.text ?? "",
      url: JSON.stringify(entry.content).length.toString() + `-${entry.number}.mp3`,
    })),
  });
  return readMedia(text);
}

describe("the timeline that HLS listeners hear", () => {
  it("numbers on over epochs, lost segments and silence, and marks each as a break", () => {
    let timeline = emptyTimeline(2);
    for (const entry of [
      segment(1, 7),
      segment(1, 8),
      segment(1, 10),
      silence(0),
      silence(1),
      segment(2, 0),
    ]) {
      timeline = add(timeline, entry);
    }
    expect(timeline.entries.map(({ number, isBreak }) => [number, isBreak])).toEqual([
      [0, false],
      [1, false],
      [2, true],
      [3, true],
      [4, false],
      [5, true],
    ]);
  });

  it("counts the breaks that have left it", () => {
    let timeline = emptyTimeline(2);
    for (let at = 1; at <= 20; at++) {
      timeline = add(add(timeline, segment(at, 0)), segment(at, 1));
    }
    const { entries, breaksBefore, next } = timeline;
    expect(next).toBe(40);
    expect(breaksBefore + entries.filter(({ isBreak }) => isBreak).length).toBe(19);
    expect(entries.length).toBeLessThan(13);
  });

  it("goes on with its numbers when it begins anew", () => {
    const before = add(add(emptyTimeline(2), segment(1, 0)), segment(2, 0));
    const after = add(emptied(before, 3), segment(5, 0));
    expect(after.entries.map(({ number, isBreak }) => [number, isBreak])).toEqual([[2, false]]);
    expect(after).toMatchObject({ breaksBefore: 2, targetSeconds: 3 });
  });

  it("has a target that no segment of that length exceeds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 500, max: 10_000 }),
        fc.constantFrom(8_000, 22_050, 44_100, 48_000),
        (ms, rate) => {
          const samples = rate >= 32_000 ? 1_152 : 576;
          const frames = Math.ceil((ms * rate) / 1000 / samples);
          expect(Math.round((frames * samples) / rate)).toBeLessThanOrEqual(targetSecondsOf(ms));
        },
      ),
    );
  });

  it("changes in a playlist only what RFC 8216 allows, whatever comes", () => {
    const step = fc.record({
      what: fc.constantFrom("next", "next", "next", "lost", "epoch", "fallback", "silence"),
      shown: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let timeline = emptyTimeline(2);
        let shown: ReadPlaylist | null = null;
        let [at, number, quiet] = [1, 0, 0];
        for (const { what, shown: isShown } of steps) {
          if (what === "epoch") [at, number] = [at + 1, 0];
          else number += what === "lost" ? 2 : 1;
          quiet = what === "silence" ? quiet + 1 : 0;
          const stage = what === "fallback" ? "/other" : "/x";
          timeline = add(timeline, what === "silence" ? silence(quiet) : segment(at, number, stage));
          if (!isShown) continue;
          const now = read(timeline);
          if (shown) ensureUpdate(shown, now);
          shown = now;
          expect(now.segments.at(-1)?.number).toBe(timeline.next - 1);
          const dates = now.segments.map(({ dateMs }) => dateMs);
          expect(dates.toSorted((a, b) => a - b)).toEqual(dates);
        }
      }),
    );
  });
});
