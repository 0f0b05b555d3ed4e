import { describe, expect, it } from "vitest";
import { chaptersOf } from "../../shared/chapters.ts";
import { cueSheet } from "../../shared/cue.ts";

const file = { file: "a.mp3", title: "The show", performer: "Radio" };

describe("chapters", () => {
  it("last until the next title, which may be none", () => {
    const titles = [
      { atMs: 0, text: "One" },
      { atMs: 5_000, text: "" },
      { atMs: 7_000, text: "Two" },
      { atMs: 7_000, text: "Three" },
      { atMs: 12_000, text: "After the end" },
    ];
    expect(chaptersOf(titles, 10_000)).toEqual([
      { startMs: 0, endMs: 5_000, text: "One" },
      { startMs: 7_000, endMs: 10_000, text: "Three" },
    ]);
  });
});

describe("a cue sheet", () => {
  it("has a track for each chapter, in minutes that go on after 99", () => {
    const chapters = [
      { startMs: 0, endMs: 1, text: 'Ann "A" - Song - live' },
      { startMs: 6_001_000 + 500, endMs: 1, text: "Talk\r\nFILE" },
    ];
    expect(cueSheet(file, chapters).split("\r\n")).toEqual([
      'PERFORMER "Radio"',
      'TITLE "The show"',
      'FILE "a.mp3" MP3',
      "  TRACK 01 AUDIO",
      '    TITLE "Song - live"',
      `    PERFORMER "Ann 'A'"`,
      "    INDEX 01 00:00:00",
      "  TRACK 02 AUDIO",
      '    TITLE "Talk FILE"',
      "    INDEX 01 100:01:38",
      "",
    ]);
  });

  it("has one track where there are no titles", () => {
    expect(cueSheet(file, [])).toContain('  TRACK 01 AUDIO\r\n    TITLE "The show"\r\n    INDEX 01 00:00:00');
  });
});
