import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../../support/wait.ts";
import { Collection, namesOf, untilNames } from "./collection.ts";

let music: Collection;
beforeEach(() => {
  music = new Collection();
});
afterEach(() => music.close());

const bytesPath = (...parts: readonly (string | Buffer)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
const nobody = 65_534;
/** "노래" in EUC-KR. */
const song = Buffer.from("b3ebb7a1", "hex");

describe("a folder of music", () => {
  it("has its MP3 files and those of its folders, in the order that people expect", async () => {
    for (const name of ["10.mp3", "2.MP3", "1.mp3", "b/1.mp3", "B a/x.Mp3", "cover.jpg", "mp3", "a.mp3.txt"])
      music.write(name);
    const sources = await music.open();
    expect(namesOf(sources)).toEqual(["1.mp3", "2.MP3", "10.mp3", "b/1.mp3", "B a/x.Mp3"]);
    const [first] = sources.files;
    expect(first?.id).toBe(`file:${fs.realpathSync(music.path("1.mp3"))}`);
    expect(await first?.path()).toBe(fs.realpathSync(music.path("1.mp3")));
    expect(first?.listedTitle).toBeUndefined();
  });

  it("has nothing hidden, no folder that looks like a file, and nothing to wait for", async () => {
    for (const name of [".a.mp3", "._b.mp3", ".hidden/c.mp3", "d.mp3/e.mp3"]) music.write(name);
    const fifo = music.path("pipe.mp3");
    execFileSync("mkfifo", [fifo]);
    fs.symlinkSync(fifo, music.path("to-pipe.mp3"));
    expect(namesOf(await music.open())).toEqual(["d.mp3/e.mp3"]);
  });

  it("follows links, each file and folder once, loops and all", async () => {
    music.write("a/1.mp3");
    music.write("b/2.mp3");
    fs.mkdirSync(join(music.folder, "elsewhere"));
    fs.writeFileSync(join(music.folder, "elsewhere", "3.mp3"), "3");
    fs.utimesSync(join(music.folder, "elsewhere", "3.mp3"), 1, 1);
    fs.symlinkSync("..", music.path("a/up"));
    fs.symlinkSync("../b", music.path("a/to-b"));
    fs.symlinkSync("self", music.path("self"));
    fs.symlinkSync("gone.mp3", music.path("dangling.mp3"));
    fs.symlinkSync("../a/1.mp3", music.path("b/again.mp3"));
    fs.symlinkSync("../elsewhere", music.path("z"));
    const sources = await music.open();
    expect(namesOf(sources)).toEqual(["a/1.mp3", "a/to-b/2.mp3", "z/3.mp3"]);
    expect(sources.files[2]?.id).toBe(`file:${fs.realpathSync(join(music.folder, "elsewhere/3.mp3"))}`);
    expect(music.warnings).toEqual([]);
  });

  it("has names in any bytes: shown as they may be meant, and playable", async () => {
    music.write("plain.mp3");
    const folder = bytesPath(music.path(""), "/", song);
    fs.mkdirSync(folder);
    for (const name of [bytesPath(song, " 1.mp3"), bytesPath(song, " 2.mp3")]) {
      const path = bytesPath(folder, "/", name);
      fs.writeFileSync(path, name);
      fs.utimesSync(path, 1, 1);
    }
    const sources = await music.open();
    expect(namesOf(sources).toSorted()).toEqual(["plain.mp3", "노래/노래 1.mp3", "노래/노래 2.mp3"]);
    expect(new Set(sources.files.map(({ id }) => id)).size).toBe(3);
    for (const file of sources.files.filter(({ name }) => name.startsWith("노래"))) {
      const content = await readFile(await file.path());
      expect(content.subarray(0, 4)).toEqual(song);
      expect(await file.path()).toBe(await file.path());
    }
    // What is put into such a folder is seen as well.
    const more = bytesPath(folder, "/", "3.mp3");
    fs.writeFileSync(more, "3");
    fs.utimesSync(more, 1, 1);
    await waitFor("the third", () => sources.files.length === 4, 5_000);
  });

  it("that cannot be read is told once, and the others are read", async () => {
    music.write("a/1.mp3");
    music.write("b/2.mp3");
    fs.chmodSync(music.folder, 0o755);
    fs.chmodSync(music.path("a"), 0);
    // Root reads everything.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(nobody);
    try {
      const sources = await music.open(undefined, { reloadMs: 100 });
      expect(namesOf(sources)).toEqual(["b/2.mp3"]);
      await sleep(500);
      expect(music.warnings).toHaveLength(1);
      expect(music.warnings[0]).toContain("EACCES");
      if (isRoot) process.seteuid?.(0);
      fs.chmodSync(music.path("a"), 0o755);
      await untilNames(sources, "a/1.mp3", "b/2.mp3");
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it("that is not there is waited for, told once, and noticed when it goes and comes again", async () => {
    const sources = await music.open([music.place("later/deep")]);
    expect(sources.files).toEqual([]);
    music.write("later/deep/1.mp3");
    await untilNames(sources, "1.mp3");
    fs.rmSync(music.path("later"), { recursive: true });
    await untilNames(sources);
    music.write("later/deep/2.mp3");
    await untilNames(sources, "2.mp3");
    expect(music.warnings).toEqual([
      '{"place":"later/deep","reason":"is not there yet"}',
      '{"place":"later/deep","reason":"is not there yet"}',
    ]);
  });
});

describe("a change in a folder of music", () => {
  it("is told, once for many files", async () => {
    music.write("1.mp3");
    const sources = await music.open();
    let told = 0;
    const stop = sources.onChange(() => told++);
    for (let index = 2; index <= 9; index++) music.write(`${index}.mp3`);
    await waitFor("all of them", () => sources.files.length === 9, 5_000);
    expect(told).toBeLessThanOrEqual(2);
    fs.rmSync(music.path("1.mp3"));
    await waitFor("one less", () => sources.files.length === 8, 5_000);
    const before = told;
    stop();
    fs.rmSync(music.path("2.mp3"));
    await waitFor("one less still", () => sources.files.length === 7, 5_000);
    expect(told).toBe(before);
  });

  it("leaves the files that stay what they were: the same objects", async () => {
    music.write("1.mp3");
    music.write("2.mp3", "one");
    const sources = await music.open();
    const [first, second] = sources.files;
    music.write("2.mp3", "another");
    await waitFor("another version", () => sources.files[1]?.version !== second?.version, 5_000);
    expect(sources.files[0]).toBe(first);
    expect(sources.files[1]?.id).toBe(second?.id);
  });

  it("is a new folder, with all that is in it, a folder moved, and one in the place of another", async () => {
    music.write("a/1.mp3");
    const sources = await music.open();
    music.write("new/deep/2.mp3");
    await untilNames(sources, "a/1.mp3", "new/deep/2.mp3");
    music.write("new/deep/3.mp3");
    await untilNames(sources, "a/1.mp3", "new/deep/2.mp3", "new/deep/3.mp3");
    fs.renameSync(music.path("new"), music.path("z"));
    await untilNames(sources, "a/1.mp3", "z/deep/2.mp3", "z/deep/3.mp3");
    fs.rmSync(music.path("a"), { recursive: true });
    music.write("a/4.mp3");
    await untilNames(sources, "a/4.mp3", "z/deep/2.mp3", "z/deep/3.mp3");
    music.write("a/5.mp3");
    await untilNames(sources, "a/4.mp3", "a/5.mp3", "z/deep/2.mp3", "z/deep/3.mp3");
  });

  it("is no file while it is being written, and what it was while it is written anew", async () => {
    music.write("old.mp3", "old");
    const sources = await music.open();
    const before = sources.files[0]?.version;
    const out = fs.openSync(music.path("new.mp3"), "w");
    const again = fs.openSync(music.path("old.mp3"), "w");
    for (let index = 0; index < 12; index++) {
      fs.writeSync(out, "x".repeat(100));
      fs.writeSync(again, "x".repeat(100));
      await sleep(200);
      expect(namesOf(sources)).toEqual(["old.mp3"]);
      expect(sources.files[0]?.version).toBe(before);
    }
    fs.closeSync(out);
    fs.closeSync(again);
    await untilNames(sources, "new.mp3", "old.mp3");
    expect(sources.files.map(({ version }) => version.split("-")[0])).toEqual(["1200", "1200"]);
  });

  it("knows whether a file still is what it was listed as", async () => {
    const path = music.write("a.mp3");
    const [file] = (await music.open()).files;
    expect(await file?.isCurrent?.()).toBe(true);
    fs.utimesSync(path, 1, 1);
    expect(await file?.isCurrent?.()).toBe(false);
    fs.rmSync(path);
    expect(await file?.isCurrent?.()).toBe(false);
  });

  it("that nothing told of is seen when all is read again", async () => {
    const file = music.write("1.mp3", "12345");
    const link = music.path("linked");
    fs.mkdirSync(join(music.folder, "x"));
    fs.symlinkSync(join(music.folder, "x", "later.mp3"), music.path("2.mp3"));
    fs.symlinkSync("nowhere", link);
    const sources = await music.open(undefined, { reloadMs: 300 });
    expect(namesOf(sources)).toEqual(["1.mp3"]);
    fs.renameSync(file, join(music.folder, "x", "later.mp3"));
    await untilNames(sources, "2.mp3");
  });
});

describe("places together", () => {
  it("are in their order, and a file that two have counts once", async () => {
    music.write("b/1.mp3");
    music.write("a/2.mp3");
    music.write("3.mp3");
    const sources = await music.open([music.place("b"), music.place("3.mp3"), music.place("")]);
    expect(namesOf(sources)).toEqual(["1.mp3", "3.mp3", "a/2.mp3"]);
  });

  it("may be a file that becomes a folder, and a folder that becomes a list", async () => {
    music.write("x.m3u", "y.mp3\n");
    music.write("y.mp3");
    const sources = await music.open([music.place("x.m3u")], { reloadMs: 300 });
    expect(namesOf(sources)).toEqual(["y.mp3"]);
    fs.rmSync(music.path("x.m3u"));
    music.write("x.m3u/z.mp3");
    await untilNames(sources, "z.mp3");
    fs.rmSync(music.path("x.m3u"), { recursive: true });
    music.write("x.m3u", "y.mp3\n");
    await untilNames(sources, "y.mp3");
  });

  it("are silent after they were stopped", async () => {
    music.write("1.mp3");
    const sources = await music.open(undefined, { reloadMs: 100 });
    sources.onChange(() => expect.unreachable());
    sources.stop();
    music.write("2.mp3");
    await sleep(600);
    expect(namesOf(sources)).toEqual(["1.mp3"]);
  });
});

it("a tree of 20,000 files is read without holding up anything else, and one change in it is one folder's", async () => {
  for (let folder = 0; folder < 200; folder++) {
    const path = music.path(`artist ${folder % 20}/album ${folder}`);
    fs.mkdirSync(path, { recursive: true });
    for (let file = 0; file < 100; file++) {
      const name = join(path, `${file}.mp3`);
      fs.writeFileSync(name, "");
      fs.utimesSync(name, 1, 1);
    }
  }
  const sources = await music.open();
  expect(sources.files).toHaveLength(20_000);
  expect(sources.files[101]?.name).toBe("artist 0/album 20/1.mp3");
  const first = sources.files[0];
  music.write("artist 3/album 3/100.mp3");
  await waitFor("the new file", () => sources.files.length === 20_001, 5_000);
  expect(sources.files[0]).toBe(first);
}, 60_000);
