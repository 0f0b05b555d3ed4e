import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listKind, parseMusicList } from "../../../../ingest/autodj/sources/music-list.ts";

const m3u = (content: string | Buffer) => parseMusicList(bytesOf(content), "m3u", 100);
const pls = (content: string) => parseMusicList(bytesOf(content), "pls", 100);
const bytesOf = (content: string | Buffer) => (typeof content === "string" ? Buffer.from(content) : content);
const named = (entries: ReturnType<typeof m3u>) => entries.map(({ location, title }) => [location, title]);

describe("an M3U list", () => {
  it.each([
    ["\n", ""],
    ["\r\n", ""],
    ["\r", ""],
    ["\r\n", "\uFEFF"],
  ])("names a file per line, with the title before it, whatever ends the lines: %j after %j", (end, mark) => {
    const lines = [
      "#EXTM3U",
      "#EXTINF:213,The Band - A, B",
      "a b.mp3",
      "",
      "# a comment",
      "  sub/c.MP3 ",
      "#EXTINF:-1,",
      "d.mp3",
    ];
    expect(named(m3u(mark + lines.join(end)))).toEqual([
      ["a b.mp3", "The Band - A, B"],
      ["sub/c.MP3", undefined],
      ["d.mp3", undefined],
    ]);
  });

  it.each([
    ['#EXTINF:12 tvg-name="x, y" group="z",Artist - Title', "Artist - Title"],
    ['#EXTINF:12,The 12" Mix, Live', 'The 12" Mix, Live'],
    ['#EXTINF:12 7" version,Title', "Title"],
    ["#extinf:12,Title", "Title"],
    ["#EXTINF:12", undefined],
  ])("has titles as players write them: %s", (line, title) => {
    expect(named(m3u(`${line}\nx.mp3`))).toEqual([["x.mp3", title]]);
  });

  it("gives a title to the file after it alone", () => {
    expect(named(m3u("#EXTINF:1,One\n#EXTGRP:x\na.mp3\nb.mp3"))).toEqual([
      ["a.mp3", "One"],
      ["b.mp3", undefined],
    ]);
  });

  it.each([
    ["EUC-KR", Buffer.from("b3ebb7a1", "hex"), "노래"],
    ["Shift_JIS", Buffer.from("82a082a282a4", "hex"), "あいう"],
    ["Latin-1", Buffer.from("Beyonc\xe9", "latin1"), "Beyoncé"],
  ])("may be in %s: the name is there as text and as its bytes", (_, bytes, text) => {
    const [entry] = m3u(Buffer.concat([Buffer.from("#EXTM3U\r\n"), bytes, Buffer.from(".mp3\r\n")]));
    expect(entry?.location).toBe(`${text}.mp3`);
    expect(entry?.bytes).toEqual(Buffer.concat([bytes, Buffer.from(".mp3")]));
  });

  it("believes #EXTENC, unless there is no such encoding", () => {
    const list = (encoding: string) =>
      Buffer.concat([
        Buffer.from(`#EXTENC: ${encoding}\n`),
        Buffer.from("d0c5d3ced1", "hex"),
        Buffer.from(".mp3"),
      ]);
    expect(m3u(list("koi8-r"))[0]?.location).toBe("песня.mp3");
    expect(m3u(list("klingon"))).toHaveLength(1);
  });

  it.each(["utf-16le", "utf-16be"] as const)("may be in %s, as Windows writes it", (encoding) => {
    const little = Buffer.from("\uFEFF#EXTINF:1,한국\r\n노래.mp3\r\n", "utf16le");
    const [entry] = m3u(encoding === "utf-16le" ? little : little.swap16());
    expect(entry).toEqual({ location: "노래.mp3", bytes: null, title: "한국" });
  });

  it("has no more entries than are asked for", () => {
    expect(parseMusicList(Buffer.from("a\nb\nc\n"), "m3u", 2)).toHaveLength(2);
  });
});

describe("a PLS list", () => {
  it("has its entries by number, wherever their titles stand", () => {
    const text =
      "[playlist]\r\nTitle2=Two\r\nFile10=ten.mp3\r\nfile2 = two.mp3\r\nFILE1=a=b.mp3\r\nTitle1=One = 1\r\nLength1=-1\r\nNumberOfEntries=3\r\nVersion=2\r\nFile=none\r\nFile3=\r\n";
    expect(named(pls(text))).toEqual([
      ["a=b.mp3", "One = 1"],
      ["two.mp3", "Two"],
      ["ten.mp3", undefined],
    ]);
    expect(pls(text)[0]?.bytes?.toString()).toBe("a=b.mp3");
  });
});

describe("a list of any bytes", () => {
  it("costs no more than one with as many entries as may be, whatever its lines are", () => {
    const comments = "#\n".repeat(400);
    expect(m3u(`${comments.slice(2)}a.mp3\nb.mp3`)).toHaveLength(1);
    expect(m3u(`${comments}a.mp3`)).toEqual([]);
    expect(m3u(`${"\n \r\n".repeat(5_000)}a.mp3`)).toHaveLength(1);
    expect(m3u("a.mp3\n".repeat(101))).toHaveLength(100);
    expect(pls(Array.from({ length: 401 }, (_, index) => `File${index}=a`).join("\n"))).toHaveLength(100);
    expect(pls(`${"x\n".repeat(400)}File1=a`)).toEqual([]);
  });

  it("names nothing by lines longer than any path", () => {
    const long = "a".repeat(16_385);
    expect(named(m3u(`${long}\nb.mp3\n${long.slice(1)}`))).toEqual([
      ["b.mp3", undefined],
      [long.slice(1), undefined],
    ]);
    expect(pls(`File1=${long}`)).toEqual([]);
  });

  it("is told by its name", () => {
    expect(["a.m3u", "A.M3U8", "b.Pls", "c.mp3", "m3u"].map(listKind)).toEqual([
      "m3u",
      "m3u",
      "pls",
      null,
      null,
    ]);
  });

  it("has entries without line breaks, or none", () => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom("#EXTINF:1,x\n", "File1=a\n", "Title1=\n", "\r", "\uFEFF", '"', ",")
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom("m3u", "pls"), (lines, kind) => {
        for (const { location, title = "x" } of parseMusicList(Buffer.concat(lines), kind, 5)) {
          expect(location).not.toBe("");
          expect(location + title).not.toMatch(/[\r\n]/);
        }
      }),
    );
  });

  it("that is one line of quotes takes no time", () => {
    expect(m3u(`#EXTINF:${'"'.repeat(4_000_000)}\na.mp3`)).toHaveLength(1);
  });
});
