import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listDepth } from "../../../../ingest/autodj/sources/limits.ts";
import { Collection, namesOf, untilNames } from "./collection.ts";

let music: Collection;
beforeEach(() => {
  music = new Collection();
});
afterEach(() => music.close());

describe("a list of music", () => {
  it("has its files in its order with its titles, whatever they are called", async () => {
    music.write("b.mp3");
    music.write("sub/a.mpga");
    music.write("c d.mp3");
    music.write(
      "x.m3u",
      [
        "\uFEFF#EXTM3U",
        "#EXTINF:1,First - One",
        "sub/a.mpga",
        music.path("b.mp3"),
        "b.mp3",
        pathToFileURL(music.path("c d.mp3")).href,
      ].join("\r\n"),
    );
    const sources = await music.open([music.place("x.m3u")]);
    expect(sources.files.map(({ name, listedTitle }) => [name, listedTitle])).toEqual([
      ["sub/a.mpga", "First - One"],
      [music.path("b.mp3"), undefined],
      [pathToFileURL(music.path("c d.mp3")).href, undefined],
    ]);
    expect(await sources.files[0]?.path()).toBe(fs.realpathSync(music.path("sub/a.mpga")));
    expect(music.warnings).toEqual([]);
  });

  it("may be a PLS", async () => {
    music.write("a.mp3");
    music.write("b.mp3");
    music.write("x.pls", "[playlist]\nFile2=a.mp3\nTitle2=A\nFile1=b.mp3\n");
    const sources = await music.open([music.place("x.pls")]);
    expect(sources.files.map(({ name, listedTitle }) => [name, listedTitle])).toEqual([
      ["b.mp3", undefined],
      ["a.mp3", "A"],
    ]);
  });

  it("finds files by the bytes, the text, the accents and the slashes of its names", async () => {
    const euckr = Buffer.from("b3ebb7a1", "hex");
    const inBytes = Buffer.concat([Buffer.from(`${music.folder}/music/`), euckr, Buffer.from("1.mp3")]);
    music.write("노래2.mp3");
    music.write("sub/e\u0301.mp3");
    fs.writeFileSync(inBytes, "1");
    const line = (end: string) => Buffer.concat([euckr, Buffer.from(end)]);
    music.write("utf8.m3u8", "sub\\\u00e9.mp3\n");
    fs.writeFileSync(
      music.path("x.m3u"),
      Buffer.concat([line("1.mp3\n"), line("2.mp3\n"), Buffer.from("utf8.m3u8\n")]),
    );
    const sources = await music.open([music.place("x.m3u")]);
    expect(namesOf(sources)).toEqual(["노래1.mp3", "노래2.mp3", "sub\\\u00e9.mp3"]);
    expect(fs.readFileSync((await sources.files[0]?.path()) ?? "", "utf8")).toBe("1");
  });

  it("has what it cannot play left out with the reason, told once", async () => {
    music.write("a.mp3");
    music.write("x.m3u", "http://radio.example/a.mp3\ngone.mp3\n.\na.mp3\nC:\\Music\\b.mp3\nbad\0name.mp3\n");
    const sources = await music.open([music.place("x.m3u")], { reloadMs: 100 });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(namesOf(sources)).toEqual(["a.mp3"]);
    expect(music.warnings).toHaveLength(1);
    expect(JSON.parse(music.warnings[0] ?? "")).toMatchObject({
      place: "x.m3u",
      count: 5,
      entries: [
        "http://radio.example/a.mp3 is a URL",
        "gone.mp3 is not there",
        ". is a folder",
        "C:\\Music\\b.mp3 is not there",
        "bad\0name.mp3 is not there",
      ],
    });
  });

  it("may name lists, which may name it", async () => {
    music.write("a.mp3");
    music.write("sub/b.mp3");
    music.write("x.m3u", "sub/y.pls\na.mp3\nx.m3u\n");
    music.write("sub/y.pls", "[playlist]\nFile1=b.mp3\nFile2=../x.m3u\n");
    expect(namesOf(await music.open([music.place("x.m3u")]))).toEqual(["b.mp3", "a.mp3"]);
  });

  it("is not followed for ever", async () => {
    music.write("a.mp3");
    for (let depth = 0; depth < listDepth + 3; depth++)
      music.write(`${depth}.m3u`, `${depth + 1}.m3u\na.mp3\n`);
    expect(namesOf(await music.open([music.place("0.m3u")]))).toEqual(["a.mp3"]);
    expect(music.warnings[0]).toContain(`${listDepth}.m3u is a list ${listDepth} lists deep`);
  });

  it("that is edited, or one within it, or replaced, is read again", async () => {
    for (const name of ["a.mp3", "b.mp3", "c.mp3"]) music.write(name);
    music.write("x.m3u", "a.mp3\nsub/y.m3u");
    music.write("sub/y.m3u", "");
    const sources = await music.open([music.place("x.m3u")]);
    expect(namesOf(sources)).toEqual(["a.mp3"]);
    fs.writeFileSync(music.path("x.m3u"), "b.mp3\na.mp3\nsub/y.m3u");
    await untilNames(sources, "b.mp3", "a.mp3");
    music.write("sub/y.m3u", "../c.mp3");
    await untilNames(sources, "b.mp3", "a.mp3", "../c.mp3");
    music.write("x.m3u", "#EXTINF:1,A\na.mp3");
    await untilNames(sources, "a.mp3");
    expect(sources.files[0]?.listedTitle).toBe("A");
  });

  it("that names pipes, devices and folders as lists waits for none of them", async () => {
    music.write("a.mp3");
    execFileSync("mkfifo", [music.path("pipe.m3u"), music.path("pipe.mp3")]);
    fs.symlinkSync("/dev/zero", music.path("zero.pls"));
    fs.mkdirSync(music.path("folder.m3u"));
    music.write("x.m3u", "pipe.m3u\npipe.mp3\nzero.pls\nfolder.m3u\na.mp3\n");
    expect(namesOf(await music.open([music.place("x.m3u")]))).toEqual(["a.mp3"]);
    expect(JSON.parse(music.warnings[0] ?? "")).toMatchObject({
      entries: [
        "pipe.m3u is not a file",
        "pipe.mp3 is not a file",
        "zero.pls is not a file",
        "folder.m3u is a folder",
      ],
    });
  });

  it("of any bytes is read", async () => {
    fs.mkdirSync(music.path(""), { recursive: true });
    fs.writeFileSync(
      music.path("x.m3u"),
      Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 31) % 256)),
    );
    expect(namesOf(await music.open([music.place("x.m3u")]))).toEqual([]);
  });
});
