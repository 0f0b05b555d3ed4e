import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Aired,
  artistAndTitle,
  audienceOf,
  onAirMs,
  playsOf,
  type SongMark,
} from "../../shared/plays.ts";
import { epoch } from "../../shared/units.ts";

const mark = (number: number, atMs: number, text: string): SongMark => ({ epoch: epoch(number), atMs, text });
const aired = (number: number, startMs: number, endMs: number | null): Aired => ({
  epoch: epoch(number),
  startMs,
  endMs,
});
const short = (marks: readonly SongMark[], spans: readonly Aired[]) =>
  [...playsOf(marks, spans)].map(({ text, startMs, endMs, parts }) => ({
    text,
    startMs,
    endMs,
    onAir: parts.map(({ fromMs, toMs }) => [fromMs, toMs]),
  }));

describe("what was played", () => {
  it("is each title until the next, and the last until the source went", () => {
    expect(short([mark(1, 0, "a"), mark(1, 10, "b")], [aired(1, 0, 25)])).toEqual([
      { text: "a", startMs: 0, endMs: 10, onAir: [[0, 10]] },
      { text: "b", startMs: 10, endMs: 25, onAir: [[10, 25]] },
    ]);
  });

  it("goes on while the source does", () => {
    expect(short([mark(1, 0, "a")], [aired(1, 0, null)])).toEqual([
      { text: "a", startMs: 0, endMs: null, onAir: [[0, null]] },
    ]);
  });

  it("is one play when a title is set again while it holds, and two with another or none between", () => {
    const marks = ["a", "a", "b", "a", "", "a"].map((text, at) => mark(1, at * 10, text));
    expect(short(marks, [aired(1, 0, 60)]).map((play) => [play.text, play.startMs, play.endMs])).toEqual([
      ["a", 0, 20],
      ["b", 20, 30],
      ["a", 30, 40],
      ["a", 50, 60],
    ]);
  });

  it("goes on over a short break, of which nothing was played", () => {
    const spans = [aired(1, 0, 100_000), aired(2, 130_000, 300_000), aired(4, 370_000, 400_000)];
    const marks = [mark(1, 0, "a"), mark(2, 131_000, "a"), mark(4, 370_000, "a")];
    const plays = short(marks, spans);
    expect(plays).toEqual([
      {
        text: "a",
        startMs: 0,
        endMs: 300_000,
        onAir: [
          [0, 100_000],
          [131_000, 300_000],
        ],
      },
      { text: "a", startMs: 370_000, endMs: 400_000, onAir: [[370_000, 400_000]] },
    ]);
    expect([...playsOf(marks, spans)].map((play) => onAirMs(play, 0))).toEqual([269_000, 30_000]);
  });

  it("ends where another source takes the mount, though the first one's end was told later", () => {
    const spans = [aired(1, 0, 50), aired(2, 30, 60), aired(3, 60, 70)];
    expect(short([mark(1, 0, "a"), mark(3, 60, "b")], spans)).toEqual([
      { text: "a", startMs: 0, endMs: 30, onAir: [[0, 30]] },
      { text: "b", startMs: 60, endMs: 70, onAir: [[60, 70]] },
    ]);
  });

  it("does not vanish when the next host's clock is behind", () => {
    const spans = [aired(1, 100, 200), aired(2, 50, 300)];
    expect(short([mark(1, 100, "a"), mark(2, 250, "b")], spans).map(({ text }) => text)).toEqual(["a", "b"]);
  });

  it("is in order, ends after it begins and never overlaps, whatever came", () => {
    const text = fc.constantFrom("", "a", "b");
    const epochs = fc.array(
      fc.record({
        waitMs: fc.integer({ min: 0, max: 90_000 }),
        lateMs: fc.nat(5_000),
        titles: fc.array(fc.tuple(fc.nat(50_000), text)),
      }),
    );
    fc.assert(
      fc.property(epochs, (given) => {
        let nowMs = 0;
        const spans: Aired[] = [];
        const marks = given.flatMap(({ waitMs, lateMs, titles }, at) => {
          const startMs = nowMs + waitMs;
          nowMs = startMs + 60_000;
          spans.push(aired(at + 1, startMs, nowMs + lateMs));
          return titles
            .toSorted(([a], [b]) => a - b)
            .map(([atMs, title]) => mark(at + 1, startMs + atMs, title));
        });
        const parts = [...playsOf(marks, spans)].flatMap((play) => {
          expect(play.text).not.toBe("");
          expect([play.startMs, play.endMs]).toEqual([play.parts[0]?.fromMs, play.parts.at(-1)?.toMs]);
          return play.parts;
        });
        let endMs = 0;
        for (const { fromMs, toMs } of parts) {
          expect(fromMs).toBeGreaterThanOrEqual(endMs);
          expect(toMs ?? 0).toBeGreaterThan(fromMs);
          endMs = toMs ?? 0;
        }
      }),
    );
  });
});

it("counts listeners by the minutes that a play had of each", () => {
  const listeners = new Map([
    [0, 10],
    [1, 4],
    [3, 20],
  ]);
  const play = {
    parts: [
      { fromMs: 30_000, toMs: 150_000 },
      { fromMs: 225_000, toMs: null },
    ],
  };
  expect(audienceOf(play, listeners, 240_000)).toEqual({ atStart: 10, peak: 20, minutes: 5 + 4 + 5 });
  expect(audienceOf(play, new Map(), 240_000)).toEqual({ atStart: 0, peak: 0, minutes: 0 });
});

it("tells artist and title apart at the first dash between spaces", () => {
  expect(artistAndTitle("AC/DC - Hells Bells - Live")).toEqual({
    artist: "AC/DC",
    title: "Hells Bells - Live",
  });
  expect(artistAndTitle("a-ha – Take On Me")).toEqual({ artist: "a-ha", title: "Take On Me" });
  expect(artistAndTitle("News")).toEqual({ artist: "", title: "News" });
  expect(artistAndTitle(" - x")).toEqual({ artist: "", title: " - x" });
});
