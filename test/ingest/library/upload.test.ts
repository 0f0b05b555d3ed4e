import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseCommandLine } from "../../../ingest/library/command-line.ts";
import { KnownTracks } from "../../../ingest/library/known-tracks.ts";
import { prune } from "../../../ingest/library/prune.ts";
import { abandonedMs } from "../../../ingest/library/limits.ts";
import { Upload, type UploadSummary } from "../../../ingest/library/upload.ts";
import { putUpSign } from "../../../ingest/library/work-sign.ts";
import type { Progress } from "../../../ingest/library/progress.ts";
import {
  currentEditionsKey,
  currentEditionsSchema,
  editionKeepMs,
  editionLeadMs,
  type LibraryEdition,
  libraryEditionKey,
} from "../../../shared/library.ts";
import { LibrarySchedule } from "../../../shared/library-schedule.ts";
import { fixtures } from "../../support/fixture-audio.ts";
import { type FakeTools, type FakeTrack, fakeTools, framesFrom, trackFile } from "./fake-music.ts";
import { MemoryObjects } from "./memory-objects.ts";

const stereo = join(fixtures, "cbr128-joint44.mp3");
const mono = join(fixtures, "mono48-64.mp3");
/** Ten seconds each: three segments. */
const song = (name: string, at: number): FakeTrack => ({ name, frames: framesFrom(stereo, at, 390) });
const songs = [song("a.mp3", 0), song("b.mp3", 100), song("sub/c.mp3", 200)];

let folder: string;
let store: MemoryObjects;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-upload-"));
  store = new MemoryObjects();
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Wanted {
  readonly music?: readonly FakeTrack[];
  readonly jingles?: readonly FakeTrack[];
  readonly flags?: readonly string[];
  readonly tools?: FakeTools;
  readonly signal?: AbortSignal;
}

function upload({
  music = songs,
  jingles = [],
  flags = [],
  tools,
  signal,
}: Wanted = {}): Promise<UploadSummary> {
  const command = parseCommandLine(["upload", "day", ...flags]);
  if (command.kind !== "upload") throw new Error("no upload");
  const progress: Progress = {
    begin: () => undefined,
    at: () => undefined,
    end: () => undefined,
    say: (line) => void said.push(line),
    note: (line) => void said.push(line),
  };
  const given = {
    options: command.options,
    music: music.map(trackFile),
    jingles: jingles.map(trackFile),
    tools: tools ?? fakeTools([...music, ...jingles]),
    known: new KnownTracks(join(folder, "known.json")),
    progress,
    signal: signal ?? new AbortController().signal,
    now: () => store.nowMs,
  };
  return new Upload(given, store).run();
}

function editions(): readonly { readonly id: string; readonly fromMs: number }[] {
  const kept = store.kept.get(currentEditionsKey("day"));
  return kept ? currentEditionsSchema.parse(JSON.parse(Buffer.from(kept.body).toString())).editions : [];
}

function newest(): LibraryEdition {
  const kept = store.kept.get(libraryEditionKey("day", editions().at(-1)?.id ?? ""));
  return JSON.parse(Buffer.from(kept?.body ?? []).toString()) as LibraryEdition;
}

const titles = () => newest().tracks.map(({ title }) => title);

describe("an upload", () => {
  it("stores each track's segments, then its index, then the edition, then what is current", async () => {
    const whole: number[] = [];
    store.before = async (request) => {
      // Segments take their time; their index is not to wait for less.
      if (/^PUT file.*mp3$/.test(request)) await sleep(5);
      const [, prefix] = /^PUT (file\/.*\/)index\.json$/.exec(request) ?? [];
      if (prefix !== undefined) whole.push(store.keys(prefix).length);
    };
    const summary = await upload();
    expect(summary).toMatchObject({ tracks: 3, jingles: 0, refused: [], fromMs: store.nowMs });
    expect(summary.stored).toMatchObject({ tracks: 3 });
    expect(whole, "segments that are there before the index").toEqual([3, 3, 3]);
    expect(titles()).toEqual(["a", "b", "sub/c"]);
    const puts = store.asked.filter((each) => each.startsWith("PUT "));
    expect(puts.at(-1)).toBe(`PUT ${currentEditionsKey("day")}`);
    expect(puts.at(-2)).toContain("PUT library/v1/day/");
    for (const { id } of newest().tracks) {
      const own = puts.filter((each) => each.includes(id));
      expect(own).toHaveLength(4);
      expect(own.at(-1)).toContain("index.json");
    }
  });

  it("of what is there already stores nothing, names no new edition, and reads no file", async () => {
    await upload();
    const before = store.keys();
    store.asked.length = 0;
    const tools = fakeTools(songs);
    const summary = await upload({ tools });
    expect(summary.stored).toMatchObject({ tracks: 0, bytes: 0 });
    expect(summary.fromMs).toBeUndefined();
    expect(store.count("PUT")).toBe(0);
    expect(tools.opened.size).toBe(0);
    expect(store.keys()).toEqual(before);
    // Storage decides, not the memory of this host.
    const lost = store.keys("file/").find((key) => key.endsWith("index.json")) ?? "";
    store.kept.delete(lost);
    expect((await upload()).stored.tracks).toBe(1);
    expect(store.keys()).toEqual(before);
  });

  it("without this host's memory, or with a damaged one, does the same", async () => {
    await upload();
    for (const text of ["", "{", '{"version":1,"tracks":{"x":{"id":5}}}']) {
      writeFileSync(join(folder, "known.json"), text);
      store.asked.length = 0;
      expect((await upload()).stored.tracks).toBe(0);
      expect(store.count("PUT")).toBe(0);
    }
    expect(readdirSync(folder)).toEqual(["known.json"]);
  });

  it("that breaks off at any request leaves nothing half named, and goes on with what is missing", async () => {
    await upload();
    const whole = store.keys("file/");
    const requests = store.asked.length;
    for (let at = 1; at < requests; at += 2) {
      store = new MemoryObjects();
      let left = at;
      store.before = () => {
        if (left-- <= 0) throw new Error("gone");
      };
      await expect(upload(), `broken off after ${at} requests`).rejects.toThrow("gone");
      for (const { id } of editions())
        for (const track of newest().tracks)
          expect([id, store.keys(`file/v1/${track.id}/`).length]).toEqual([id, 4]);
      const there = store.keys("file/");
      for (const key of there.filter((each) => each.endsWith("index.json"))) {
        expect(store.keys(key.replace("index.json", "")), "who finds an index finds all").toHaveLength(4);
      }
      store.before = () => undefined;
      store.asked.length = 0;
      await upload();
      expect(store.keys("file/")).toEqual(whole);
      for (const key of there) expect(store.asked).not.toContain(`PUT ${key}`);
    }
  });

  it("takes out what is not in the folder any more, in the same order of play", async () => {
    await upload();
    const { seed } = newest();
    store.nowMs += 1_000;
    await upload({ music: songs.slice(1) });
    expect(titles()).toEqual(["b", "sub/c"]);
    expect(newest().seed).toBe(seed);
    expect(editions()).toHaveLength(2);
  });

  it("refuses files by name and goes on with the others", async () => {
    const music = [...songs, { name: "bad.mp3", frames: [], refused: "is empty" }];
    const summary = await upload({ music });
    expect(summary.refused).toEqual([{ name: "bad.mp3", reason: "is empty" }]);
    expect(summary.tracks).toBe(3);
    await expect(upload({ music: music.slice(3) })).rejects.toMatchObject({ name: "NoMusicError" });
    await expect(upload({ music: [] })).rejects.toMatchObject({ name: "NoMusicError" });
  });

  it("encodes what has another format anew, or refuses it where that is not wanted", async () => {
    const other: FakeTrack = { name: "mono.mp3", frames: framesFrom(mono, 0, 300) };
    const tools = fakeTools([...songs, other]);
    const summary = await upload({ music: [...songs, other], tools });
    expect(summary.format).toEqual({ sampleRate: 44_100, channels: 2 });
    expect(tools.transcodedNames).toContain("mono.mp3");
    expect([...new Set(tools.transcodedNames)]).toEqual(["mono.mp3"]);
    const strict = await upload({ music: [...songs, other], flags: ["--no-transcode"] });
    expect(strict.refused).toEqual([
      { name: "mono.mp3", reason: "is 48000 mono, the library is 44100 stereo" },
    ]);
  });

  it("refuses a file that is another one when it is read again", async () => {
    const tools = fakeTools(songs);
    const swapped: FakeTools = {
      ...tools,
      open: async (path, plan) =>
        tools.open(path === "b.mp3" && tools.opened.has("b.mp3") ? "a.mp3" : path, plan),
    };
    const summary = await upload({ tools: swapped });
    expect(summary.refused).toEqual([{ name: "b.mp3", reason: "was changed while it was uploaded" }]);
    expect(titles()).toEqual(["a", "sub/c"]);
  });

  it("makes titles what an edition may have", async () => {
    const name = `${"長い ".repeat(2_000)}\u0007.mp3`;
    await upload({ music: [{ name, frames: songs[0]?.frames ?? [] }] });
    const [title = ""] = titles();
    expect(title).toMatch(/^(長い ?)+長?$/);
    expect(title.length).toBeGreaterThan(300);
    expect(Buffer.byteLength(title)).toBeLessThanOrEqual(1024);
  });

  it("stores the same audio under two names once, and says which is left out", async () => {
    const copy: FakeTrack = { name: "copy of a.mp3", frames: songs[0]?.frames ?? [] };
    const summary = await upload({ music: [...songs, copy] });
    expect(summary.tracks).toBe(3);
    expect(said).toContain("left out copy of a.mp3: the same audio as a.mp3");
    expect(store.asked.filter((each) => each.endsWith("index.json") && each.startsWith("PUT"))).toHaveLength(
      3,
    );
  });

  it("has jingles and weights, by file and by folder; a rule for nothing is a mistake", async () => {
    const jingle = song("jingle.mp3", 300);
    const flags = ["--jingles", "j", "--every-tracks", "2", "--weight", "./sub/=3", "--weight", "a.mp3=2"];
    const summary = await upload({ jingles: [jingle], flags });
    expect(summary).toMatchObject({ tracks: 3, jingles: 1 });
    expect(newest().tracks.map(({ weight }) => weight)).toEqual([2, undefined, 3, undefined]);
    expect(newest().jingles).toEqual({ everyTracks: 2, order: "random", tracks: [3] });
    await expect(upload({ flags: ["--weight", "sub/d.mp3=2"] })).rejects.toThrow('did you mean "sub/c.mp3"?');
  });

  it("that is only tried asks nothing of storage", async () => {
    const summary = await upload({ flags: ["--dry-run"] });
    expect(summary).toMatchObject({ tracks: 3, stored: { tracks: 0 } });
    expect(store.asked).toEqual([]);
  });

  it("plays from the end of a track on, and cuts into one that lasts too long", async () => {
    await upload();
    const [first] = editions();
    const schedule = new LibrarySchedule([{ fromMs: first?.fromMs ?? 0, edition: newest() }]);
    store.nowMs += 12_345;
    const summary = await upload({ flags: ["--memory", "1"] });
    const atLeast = store.nowMs + editionLeadMs;
    expect(summary.fromMs).toBe(schedule.borderFrom(atLeast));
    expect(summary.fromMs).not.toBe(atLeast);

    const long = JSON.stringify({
      ...newest(),
      tracks: newest().tracks.map((track) => ({ ...track, samples: 44_100 * 36_000 })),
    });
    const id = editions().at(-1)?.id ?? "";
    await store.put(libraryEditionKey("day", id), {
      body: new TextEncoder().encode(long),
      contentType: "",
      metadata: {},
    });
    store.nowMs = (summary.fromMs ?? 0) + 1_000;
    const { fromMs } = await upload({ flags: ["--memory", "2"] });
    expect(fromMs).toBe(store.nowMs + editionLeadMs);
  });

  it("keeps what another uploader named in between, and comes after it", async () => {
    await upload();
    store.nowMs += 1_000;
    let raced = false;
    store.before = async (request) => {
      if (raced || request !== `PUT ${currentEditionsKey("day")}`) return;
      raced = true;
      const read = await store.get(currentEditionsKey("day"));
      const theirs = { id: "theirs", fromMs: store.nowMs + 100_000 };
      const text = JSON.stringify({ version: 1, editions: [...editions(), theirs] });
      const body = new TextEncoder().encode(text);
      await store.put(
        currentEditionsKey("day"),
        { body, contentType: "", metadata: {} },
        { etag: read?.etag ?? "" },
      );
    };
    await upload({ flags: ["--memory", "1"] });
    expect(editions().map(({ id }) => id === "theirs")).toEqual([false, true, false]);
    expect(newest().rotations[0]?.memory).toBe(1);
    expect(said).toContain("note: somebody else changed the library at the same time: what is newest plays");
  });
});

describe("pruning", () => {
  const run = () => prune({ store, now: () => store.nowMs, warn: (text) => void said.push(text) });

  it("deletes the tracks that only editions name which nobody hears, and no file that no edition ever named", async () => {
    await upload();
    const fallback = `file/v1/${"f".repeat(32)}/index.json`;
    await store.put(fallback, { body: new Uint8Array(3), contentType: "", metadata: {} });
    const [first] = newest().tracks;
    store.nowMs += 1_000;
    await upload({ music: songs.slice(1) });
    const all = store.keys("file/");
    expect(await run(), "the old edition is still heard").toMatchObject({ tracks: 0, editions: 0 });
    expect(store.keys("file/")).toEqual(all);
    store.nowMs += editionKeepMs + 200_000;
    expect(await run()).toMatchObject({ tracks: 1, objects: 4, editions: 1 });
    expect(store.keys(`file/v1/${first?.id ?? ""}`)).toEqual([]);
    expect(store.keys("file/")).toEqual(all.filter((key) => !key.includes(first?.id ?? "none")));
    expect(editions()).toHaveLength(1);
    expect(await run()).toMatchObject({ tracks: 0, editions: 0 });
  });

  it("deletes what an upload left that was never run again, a day later, and no mount's file", async () => {
    const fallback = `file/v1/${"f".repeat(32)}/`;
    for (const name of ["0000000000.mp3", "index.json"])
      await store.put(fallback + name, {
        body: new Uint8Array(3),
        contentType: "",
        metadata: { format: "1" },
      });
    let left = 9;
    store.before = (request) => {
      if (request.startsWith("PUT") && left-- <= 0) throw new Error("gone");
    };
    await expect(upload()).rejects.toThrow("gone");
    store.before = () => undefined;
    const leftBehind = store.keys("file/").filter((key) => !key.startsWith(fallback)).length;
    expect(leftBehind).toBeGreaterThan(4);
    store.nowMs += abandonedMs;
    expect(await run()).toMatchObject({ tracks: 0, objects: 0 });
    store.nowMs += 1;
    expect(await run()).toMatchObject({ objects: leftBehind, editions: 0 });
    expect(store.keys("file/")).toEqual([`${fallback}0000000000.mp3`, `${fallback}index.json`]);
  });

  it("deletes nothing where an edition cannot be read", async () => {
    await upload();
    store.nowMs += 10 * editionKeepMs;
    await upload({ music: songs.slice(1) });
    store.nowMs += 10 * editionKeepMs;
    const key = libraryEditionKey("day", editions().at(-1)?.id ?? "");
    await store.put(key, { body: new TextEncoder().encode('{"version":2}'), contentType: "", metadata: {} });
    const before = store.keys();
    await expect(run()).rejects.toMatchObject({ name: "LibraryError" });
    expect(store.keys()).toEqual(before.filter((each) => store.kept.has(each)));
    expect(store.count("DELETE")).toBe(0);
  });

  it("goes on where it was broken off", async () => {
    await upload();
    store.nowMs += 1_000;
    await upload({ music: songs.slice(2) });
    store.nowMs += 10 * editionKeepMs;
    let left = 3;
    store.before = (request) => {
      if (request.startsWith("DELETE") && left-- <= 0) throw new Error("gone");
    };
    await expect(run()).rejects.toThrow("gone");
    store.before = () => undefined;
    await run();
    expect(store.keys("file/")).toHaveLength(4);
    expect(store.keys("library/v1/day/")).toHaveLength(2);
  });

  it("and uploads keep off each other; a sign that was left behind is worth nothing in the end", async () => {
    const sign = (work: "upload" | "prune" | "remove", who: string) =>
      putUpSign(work, { store, who, now: () => store.nowMs });
    const uploading = await sign("upload", "one");
    expect(typeof uploading).toBe("object");
    expect(typeof (await sign("upload", "two")), "two uploads go together").toBe("object");
    expect(await sign("prune", "me")).toBe("upload");
    store.nowMs += 61 * 60_000;
    const pruning = await sign("prune", "me");
    expect(await sign("upload", "one")).toBe("prune");
    if (typeof pruning === "object") await pruning.end();
    const removed = await sign("remove", "one");
    if (typeof removed === "object") removed.leave();
    expect(await sign("prune", "me"), "somebody still hears it").toBe("remove");
    store.nowMs += editionKeepMs;
    expect(typeof (await sign("prune", "me"))).toBe("object");
  });
});
