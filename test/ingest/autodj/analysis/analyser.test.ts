import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { Analyser } from "../../../../ingest/autodj/analysis/analyser.ts";
import { AnalysisThread } from "../../../../ingest/autodj/analysis/analysis-thread.ts";
import { TranscodeCache } from "../../../../ingest/autodj/analysis/transcode-cache.ts";
import type { Analysis, TrackPlan } from "../../../../ingest/autodj/track.ts";
import { TrackError } from "../../../../ingest/autodj/track-error.ts";
import { openLog } from "../../../../ingest/log.ts";
import { fixturePath } from "../../../shared/codec/mp3/streams.ts";
import { temporaryFolder, tone, trackAt, trackFile } from "./music-folder.ts";

const folder = temporaryFolder();
let audio: Uint8Array;
let caches = 0;
const open: Analyser[] = [];

beforeAll(async () => {
  audio = await tone({ amplitude: 0.1 });
});
afterEach(() => {
  for (const analyser of open.splice(0)) analyser.stop();
});

const freshCache = (): string => join(folder, `cache-${caches++}`);

function analyserOf(options: Partial<ConstructorParameters<typeof Analyser>[0]> = {}): Analyser {
  const analyser = new Analyser({
    cacheDir: freshCache(),
    loudnessLufs: -16,
    log: openLog("silent"),
    ...options,
  });
  open.push(analyser);
  return analyser;
}

/** A thread that must not be asked anything. */
const noThread = (): AnalysisThread =>
  new AnalysisThread(() => {
    throw new Error("the thread was started");
  });

function planOf(analysis: Analysis): TrackPlan {
  if (analysis.kind === "refused") throw new Error(analysis.reason);
  return analysis.plan;
}

describe("a file", () => {
  test("is looked at in a thread, and known from then on", async () => {
    const analyser = analyserOf();
    const file = trackFile(folder, "A b.mp3", audio);
    expect(analyser.known(file)).toBeUndefined();
    const analysis = await analyser.analyse(file);
    expect(planOf(analysis)).toMatchObject({
      title: "A b",
      frames: 116,
      gainSteps: 3,
      loudnessLufs: expect.closeTo(-20.4, 0),
    });
    expect(analyser.known(file)).toEqual(analysis);
    expect(analyser.known({ ...file, version: "2" })).toBeUndefined();
  });

  test("is looked at once, whoever asks, also after a restart and for another level", async () => {
    const cacheDir = freshCache();
    const file = trackFile(folder, "once.mp3", audio);
    const first = analyserOf({ cacheDir });
    const [one, two] = await Promise.all([first.analyse(file), first.analyse(file)]);
    expect(one).toEqual(two);
    const again = await analyserOf({ cacheDir, thread: noThread() }).analyse(file);
    expect(again).toEqual(one);
    const softer = await analyserOf({ cacheDir, loudnessLufs: -23, thread: noThread() }).analyse(file);
    expect(planOf(softer)).toEqual({ ...planOf(one), gainSteps: -2 });
    const asIs = await analyserOf({ cacheDir, loudnessLufs: null, thread: noThread() }).analyse(file);
    expect(planOf(asIs).gainSteps).toBe(0);
  });

  test("whose level was not asked for is looked at again when it is", async () => {
    const cacheDir = freshCache();
    const file = trackFile(folder, "level.mp3", audio);
    const asIs = planOf(await analyserOf({ cacheDir, loudnessLufs: null }).analyse(file));
    expect(asIs).not.toHaveProperty("loudnessLufs");
    expect(planOf(await analyserOf({ cacheDir }).analyse(file))).toMatchObject({ gainSteps: 3 });
  });

  test("that is another one than it is taken for is refused, and looked at again the next time", async () => {
    const file = { ...trackFile(folder, "other.mp3", audio), isCurrent: async () => isCurrent };
    let isCurrent = false;
    const analyser = analyserOf();
    const { kind, ...rest } = await analyser.analyse(file);
    expect([kind, rest]).toEqual(["refused", { reason: "has changed since it was listed" }]);
    expect(analyser.known(file)).toBeUndefined();
    isCurrent = true;
    const plan = planOf(await analyser.analyse(file));
    isCurrent = false;
    const made = analyser.transcoded(file, plan, { sampleRate: 22_050, channels: 2 }, 64);
    await expect(made).rejects.toThrow("cannot be encoded anew: it has changed since it was listed");
  });

  test("that is written to while it is looked at is refused, and looked at again the next time", async () => {
    const bytes = Buffer.concat(Array.from({ length: 60 }, () => audio));
    const file = trackFile(folder, "written.mp3", bytes);
    const path = await file.path();
    const { atime, mtime } = statSync(path);
    const analyser = analyserOf();
    const analysis = analyser.analyse(file);
    const isOver = () => Promise.race([analysis.then(() => true), sleep(20).then(() => false)]);
    // As a copy does that keeps the time of what it copies.
    do {
      writeFileSync(path, bytes, { flag: "r+" });
      utimesSync(path, atime, mtime);
    } while (!(await isOver()));
    expect(await analysis).toEqual({ kind: "refused", reason: "was changed while it was looked at" });
    expect(await analyser.analyse(file)).toMatchObject({ kind: "plays" });
  });

  test("of another version is looked at anew", async () => {
    const cacheDir = freshCache();
    const file = trackFile(folder, "replaced.mp3", audio);
    await analyserOf({ cacheDir }).analyse(file);
    writeFileSync(await file.path(), "no music any more");
    const analyser = analyserOf({ cacheDir });
    expect(await analyser.analyse({ ...file, version: "2" })).toEqual({ kind: "refused", reason: "is text" });
  });

  test("takes its title from its list where it has none itself", async () => {
    const file = { ...trackFile(folder, "x.mp3", audio), listedTitle: "From the list" };
    expect(planOf(await analyserOf().analyse(file)).title).toBe("From the list");
  });

  test("that cannot be had is refused, and asked for again the next time", async () => {
    const analyser = analyserOf();
    let tries = 0;
    const file = {
      ...trackFile(folder, "had.mp3", audio),
      path: async () => join(folder, tries++ === 0 ? "gone" : "had.mp3"),
    };
    expect(await analyser.analyse(file)).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("ENOENT"),
    });
    expect(analyser.known(file)).toBeUndefined();
    expect(await analyser.analyse(file)).toMatchObject({ kind: "plays" });
    const lost = { ...file, id: "lost", path: () => Promise.reject(new Error("404 from storage")) };
    expect(await analyser.analyse(lost)).toEqual({
      kind: "refused",
      reason: "cannot be had: 404 from storage",
    });
  });

  test("whose record is damaged is looked at again, and a cache that cannot be written hinders nothing", async () => {
    const cacheDir = freshCache();
    const file = trackFile(folder, "damaged.mp3", audio);
    const first = await analyserOf({ cacheDir }).analyse(file);
    const records = readdirSync(cacheDir, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(records).toHaveLength(1);
    const path = join(records[0]?.parentPath ?? "", records[0]?.name ?? "");
    const thread = new AnalysisThread();
    for (const bytes of [
      "",
      "{",
      "null",
      readFileSync(path, "utf8").replace(/"frames":\d+/, '"frames":-1'),
      "x".repeat(1e6),
    ]) {
      writeFileSync(path, bytes);
      expect(await analyserOf({ cacheDir, thread }).analyse(file)).toEqual(first);
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ id: file.id });
    }
    const occupied = join(folder, "occupied");
    writeFileSync(occupied, "");
    expect(await analyserOf({ cacheDir: occupied, thread }).analyse(file)).toEqual(first);
  });
});

describe("an analysis", () => {
  test("that nobody waits for any more is given up, and the next one is made", async () => {
    const analyser = analyserOf();
    const long = trackFile(folder, "long.mp3", Buffer.concat(Array.from({ length: 400 }, () => audio)));
    const abort = new AbortController();
    const given = analyser.analyse(long, abort.signal);
    const queued = analyser.analyse(trackFile(folder, "queued.mp3", audio), abort.signal);
    const wanted = analyser.analyse(trackFile(folder, "wanted.mp3", audio));
    abort.abort(new Error("not wanted"));
    await expect(given).rejects.toThrow("not wanted");
    await expect(queued).rejects.toThrow("not wanted");
    expect(await wanted).toMatchObject({ kind: "plays" });
    expect(analyser.known(long)).toBeUndefined();
  });

  test("goes on while one of those who wait is left", async () => {
    const analyser = analyserOf();
    const file = trackFile(folder, "shared.mp3", audio);
    const abort = new AbortController();
    const left = analyser.analyse(file, abort.signal);
    const stays = analyser.analyse(file);
    abort.abort(new Error("not wanted"));
    await expect(left).rejects.toThrow("not wanted");
    expect(await stays).toMatchObject({ kind: "plays" });
  });

  test("that kills the thread refuses that file only", async () => {
    const thread = new AnalysisThread(
      () => new Worker(new URL("./mortal-worker.ts", import.meta.url), { stdout: true, stderr: true }),
    );
    const analyser = analyserOf({ thread });
    const names = ["throws.mp3", "good.mp3", "exits.mp3", "better.mp3"];
    const analyses = await Promise.all(names.map((name) => analyser.analyse(trackFile(folder, name, audio))));
    expect(analyses).toMatchObject([
      { kind: "refused", reason: "makes the decoder fail: unreachable executed" },
      { kind: "plays" },
      { kind: "refused", reason: "makes the decoder fail" },
      { kind: "plays" },
    ]);
    expect(analyser.known(trackAt(join(folder, "throws.mp3"), "throws.mp3"))).toMatchObject({
      kind: "refused",
    });
  });

  test("that no thread can be had for is no fault of the file, and is made when there is one", async () => {
    let tries = 0;
    const thread = new AnalysisThread(() => {
      tries++;
      if (tries < 3) throw new Error("no more threads");
      return new Worker(new URL("./mortal-worker.ts", import.meta.url), { stdout: true, stderr: true });
    });
    const analyser = analyserOf({ thread });
    const files = ["first", "second", "third"].map((name) => trackFile(folder, `${name}.mp3`, audio));
    const analyses = await Promise.all(files.map((file) => analyser.analyse(file)));
    // Whichever two are there first.
    const refused = files.filter((_, index) => analyses[index]?.kind === "refused");
    expect(refused).toHaveLength(2);
    for (const [index, file] of files.entries())
      if (refused.includes(file))
        expect(analyses[index]).toEqual({
          kind: "refused",
          reason: "cannot be looked at, no thread can be had: no more threads",
        });
      else expect(analyses[index]).toMatchObject({ kind: "plays" });
    for (const file of refused) {
      expect(analyser.known(file)).toBeUndefined();
      expect(await analyser.analyse(file)).toMatchObject({ kind: "plays" });
    }
  });

  test("in a loop is ended at its limit", async () => {
    const thread = new AnalysisThread(
      () => new Worker(new URL("./mortal-worker.ts", import.meta.url), { stdout: true, stderr: true }),
    );
    const signal = new AbortController().signal;
    const job = { kind: "analyse", path: join(folder, "loops.mp3"), wantsLevel: true } as const;
    const finding = await thread.run(job, { limitMs: 500, signal });
    expect(finding).toEqual({ kind: "refused", reason: "takes too long to be looked at", kept: "memory" });
    const path = await trackFile(folder, "after.mp3", audio).path();
    expect(await thread.run({ ...job, path }, { limitMs: 20_000, signal })).toMatchObject({ kind: "facts" });
    thread.stop();
    await expect(thread.run(job, { limitMs: 500, signal })).rejects.toThrow("is not looked at any more");
  });
});

describe("a file of another format", () => {
  test("is encoded anew, once, and kept while there is room", async () => {
    const cacheDir = freshCache();
    const room = statSync(fixturePath("mono48-64.mp3")).size * 4;
    const make = (): Analyser =>
      analyserOf({ cacheDir, transcodes: new TranscodeCache(join(cacheDir, "transcoded"), room) });
    const analyser = make();
    const file = trackAt(fixturePath("mono48-64.mp3"), "mono48-64.mp3");
    const plan = planOf(await analyser.analyse(file));
    const format = { sampleRate: 44_100, channels: 2 } as const;
    const [one, two] = await Promise.all([
      analyser.transcoded(file, plan, format, 192),
      analyser.transcoded(file, plan, format, 192),
    ]);
    expect(one).toEqual(two);
    expect(one.plan).toMatchObject({
      title: "mono48-64",
      format: { key: "mpeg1/3/44100/2" },
      bitrateKbps: 192,
    });
    const before = statSync(one.path).mtimeMs;
    expect(await make().transcoded(file, plan, format, 192)).toEqual(one);
    expect(statSync(one.path).ino).toBe(statSync(two.path).ino);
    expect(statSync(one.path).mtimeMs).toBeGreaterThanOrEqual(before);
    const other = await analyser.transcoded(file, plan, format, 128);
    expect(other.path).not.toBe(one.path);
    expect(readdirSync(join(cacheDir, "transcoded")).filter((name) => name.endsWith(".mp3"))).toHaveLength(1);
  });

  test("of which the kept file is damaged is encoded again", async () => {
    const analyser = analyserOf();
    const file = trackFile(folder, "again.mp3", await tone({ sampleRate: 48_000, seconds: 1 }));
    const plan = planOf(await analyser.analyse(file));
    const format = { sampleRate: 44_100, channels: 2 } as const;
    const { path } = await analyser.transcoded(file, plan, format, 128);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, 1_000));
    await analyser.transcoded(file, plan, format, 128);
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  test("that cannot be is an error that follows its name, and leaves nothing behind", async () => {
    const cacheDir = freshCache();
    const analyser = analyserOf({ cacheDir });
    const file = trackFile(folder, "cannot.mp3", audio);
    const plan = planOf(await analyser.analyse(file));
    const format = { sampleRate: 22_050, channels: 1 } as const;
    const refusal = analyser.transcoded(file, plan, format, 320);
    await expect(refusal).rejects.toThrow(TrackError);
    await expect(refusal).rejects.toThrow("cannot be encoded anew: MP3 has no 320 kb/s at 22050 Hz");
    expect(readdirSync(join(cacheDir, "transcoded-v1"))).toEqual([]);
    const abort = new AbortController();
    const given = analyser.transcoded(file, plan, format, 64, abort.signal);
    abort.abort(new Error("not wanted"));
    await expect(given).rejects.toThrow("not wanted");
  });
});
