import { beforeEach, describe, expect, it } from "vitest";
import { unknownEpoch } from "../../../shared/broadcast.ts";
import { defaultNaming } from "../../../shared/archive-format.ts";
import { minuteMs } from "../../../shared/plays.ts";
import type { SegmentRef, TitleMark } from "../../../shared/segment.ts";
import { epoch, sampleCount } from "../../../shared/units.ts";
import { ArchiveIndex } from "../../../worker/archive/archive-index.ts";
import { historyKeptMs } from "../../../worker/history/limits.ts";
import { SongHistory } from "../../../worker/history/song-history.ts";
import { fakeStorage } from "../../support/fake-storage.ts";
import { madeSegments } from "../../support/made-segments.ts";

type Sql = ConstructorParameters<typeof SongHistory>[0];
const startMs = Date.UTC(2026, 10, 21, 12);
const nowMs = startMs + 3_600_000;
const all = { limit: 1_000 };

const titled = (text: string): readonly TitleMark[] => [{ atSample: sampleCount(44_100), text }];

/** Five minutes, with a title in every tenth segment: a second into it. */
const segmentsOf = (number: number, fromMs: number, names: string): SegmentRef[] =>
  madeSegments({
    epoch: number,
    count: 150,
    startMs: fromMs,
    titles: Object.fromEntries(Array.from(names).map((name, at) => [at * 10, titled(name)])),
  });

describe("the song history of a mount", () => {
  let sql: Sql;
  let index: ArchiveIndex;
  let history: SongHistory;
  beforeEach(() => {
    sql = fakeStorage().sql;
    index = new ArchiveIndex(sql);
    history = new SongHistory(sql);
    sql.exec("CREATE TABLE follow (epoch INTEGER PRIMARY KEY, due_ms INTEGER, ended_ms INTEGER)");
    sql.exec("CREATE TABLE audience (minute INTEGER PRIMARY KEY, listeners INTEGER NOT NULL)");
  });

  const end = (number: number, how: "released" | null = "released"): void =>
    index.putFacts({ ...unknownEpoch(epoch(number)), end: how }, defaultNaming);
  const plays = (filter: Parameters<SongHistory["page"]>[0] = all) =>
    history
      .page(filter, nowMs)
      .plays.map(({ text, startMs: at, endMs }) => [
        text,
        (at - startMs) / 1_000,
        endMs === null ? null : (endMs - startMs) / 1_000,
      ]);

  it("has what was told, and what was found only when the bucket was listed", () => {
    const segments = segmentsOf(1, startMs, "abba");
    index.add(segments);
    end(1);
    history.add(segments.slice(0, 15));
    expect(plays()).toEqual([
      ["a", 1, 21],
      ["b", 21, 300],
    ]);
    history.keep(epoch(1), 0, nowMs);
    history.keep(epoch(1), 40, nowMs);
    expect(plays()).toEqual([
      ["a", 1, 21],
      ["b", 21, 61],
      ["a", 61, 300],
    ]);
  });

  it("goes on with the title on air", () => {
    index.add(segmentsOf(1, startMs, "a"));
    end(1, null);
    history.add(segmentsOf(1, startMs, "a"));
    expect(plays()).toEqual([["a", 1, null]]);
    // A listing on air does not end it.
    history.keep(epoch(1), 0, nowMs);
    sql.exec("INSERT INTO follow VALUES (1, 5, NULL)");
    expect(plays()).toEqual([["a", 1, null]]);
  });

  it("is there when the audio is gone, for some years", () => {
    for (const number of [1, 2]) {
      index.add(segmentsOf(number, startMs + (number - 1) * 600_000, "ab"));
      end(number);
      history.keep(epoch(number), 0, nowMs);
    }
    sql.exec("INSERT INTO audience VALUES (?, 7)", startMs / minuteMs);
    const before = plays();
    expect(before).toHaveLength(4);
    index.forget(epoch(1));
    sql.exec("DELETE FROM run");
    expect(plays()).toEqual(before);
    expect(history.page(all, nowMs).plays[0]?.audience).toMatchObject({ atStart: 7, peak: 7 });
    history.keep(epoch(2), 0, startMs + 400_000 + historyKeptMs);
    expect(plays()).toEqual(before.slice(2));
  });

  it("has each play in one page and in one span of time, whatever the size of both", () => {
    for (const [at, names] of ["aab", "bbb", "ca", "", "adefg"].entries()) {
      index.add(segmentsOf(at + 1, startMs + at * 320_000, names));
      end(at + 1);
      history.keep(epoch(at + 1), 0, nowMs);
    }
    const whole = plays();
    expect(whole.map(([text]) => text).join("")).toBe("abcaadefg");
    for (const limit of [1, 2, 3, 8, 9]) {
      const found = [];
      for (let cursor: { epoch: number; atMs: number } | null = { epoch: 0, atMs: 0 }; cursor; ) {
        const page = history.page({ limit, cursor }, nowMs);
        expect(page.plays.length).toBeGreaterThan(0);
        found.push(...page.plays.map(({ text }) => text));
        cursor = page.cursor;
      }
      expect(found.join("")).toBe("abcaadefg");
    }
    for (const spanMs of [10_000, 77_000, 400_000]) {
      const found = [];
      for (let fromMs = startMs; fromMs < startMs + 2_000_000; fromMs += spanMs)
        found.push(...plays({ limit: 100, fromMs, toMs: fromMs + spanMs }));
      expect(found).toEqual(whole);
    }
  });
});
