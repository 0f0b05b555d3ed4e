import { describe, expect, it } from "vitest";
import { epoch } from "../../../shared/units.ts";
import { historyCsv } from "../../../worker/history/history-csv.ts";
import { parseHistoryQuery } from "../../../worker/history/history-query.ts";
import type { CountedPlay } from "../../../worker/history/song-history.ts";

const startMs = Date.parse("2026-11-21T12:00:00Z");
const play = (text: string, endMs: number | null = startMs + 90_500): CountedPlay => ({
  epoch: epoch(1),
  startMs,
  endMs,
  text,
  parts: [{ fromMs: startMs, toMs: endMs }],
  audience: { atStart: 3, peak: 5, minutes: 4.256 },
});

describe("a history as a spreadsheet", () => {
  it("has a byte order mark, a head, and a row for each play", () => {
    const csv = historyCsv(
      [play("Sigur Rós - Hoppípolla"), play("Say \"no\", 'now'", null)],
      true,
      startMs + 1_000,
    );
    expect(csv).toBe(
      "\uFEFFstart,end,duration_seconds,artist,title,text,listeners_at_start,listener_peak,listener_minutes\r\n" +
        "2026-11-21T12:00:00.000Z,2026-11-21T12:01:30.500Z,90.5,Sigur Rós,Hoppípolla,Sigur Rós - Hoppípolla,3,5,4.26\r\n" +
        `2026-11-21T12:00:00.000Z,,1.0,,"Say ""no"", 'now'","Say ""no"", 'now'",3,5,4.26\r\n`,
    );
  });

  it("says nothing of listeners to who may not know", () => {
    expect(historyCsv([play("x")], false, startMs)).toBe(
      "\uFEFFstart,end,duration_seconds,artist,title,text\r\n2026-11-21T12:00:00.000Z,2026-11-21T12:01:30.500Z,90.5,,x,x\r\n",
    );
  });

  it("has no field that begins a formula", () => {
    for (const text of [
      "=1+1",
      "+1",
      "-1",
      "@x",
      "  =1",
      "\t=1",
      '=HYPERLINK("http://x","y")',
      "＝1",
      "A - =1+1",
    ]) {
      const [, row = ""] = historyCsv([play(text)], false, startMs).split("\r\n");
      for (const field of row.split(",").slice(3)) expect(field, text).not.toMatch(/^"?\s*[=+\-@\t＝]/u);
    }
  });
});

describe("what is asked of a history", () => {
  const limits = { usual: 100, most: 1_000 };
  const parsed = (query: string) => parseHistoryQuery(new URLSearchParams(query), limits);

  it("is what it says", () => {
    expect(parsed("")).toEqual({ limit: 100, counts: false });
    expect(
      parsed("from=2026-11-21T12:00:00Z&to=2026-11-21T14:00:00%2B01:00&limit=5&cursor=3.17&counts=true"),
    ).toEqual({
      fromMs: startMs,
      toMs: startMs + 3_600_000,
      limit: 5,
      cursor: { epoch: 3, atMs: 17 },
      counts: true,
    });
  });

  it("is refused in words where it is mistyped", () => {
    for (const query of [
      "from=yesterday",
      "to=1",
      "from=2026-11-21T12:00:00Z&to=2026-11-21T12:00:00Z",
      "limit=0",
      "limit=1001",
      "limit=1e2",
      "cursor=x",
      "counts=1",
    ])
      expect(parsed(query), query).toBeTypeOf("string");
  });
});
