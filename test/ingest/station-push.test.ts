import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MountFile } from "../../config/edge-settings.ts";
import { openLog } from "../../ingest/log.ts";
import { StationPush } from "../../ingest/station-push.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { noSecrets } from "../../shared/edge-secrets.ts";
import { type EdgeStation, edgeStationSchema } from "../../shared/edge-station.ts";
import { eventually } from "./running-ingest.ts";

const music = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const otherMusic = join(import.meta.dirname, "..", "fixtures", "vbr-v2.mp3");
const rules = { fallbackOverride: "own", fallbackWhenFull: false } as const;
const station = (name: string): EdgeStation =>
  edgeStationSchema.parse({ name, mounts: { "/a": rules, "/b": rules } });

let folder: string;
let told: EdgeStation[];
let secrets: unknown[];
let lines: string[];
/** What the edge does with the next calls; "ok" when there is nothing more. */
let answers: ({ refused: string } | Error)[];
let storageIsUp: boolean;
/** Whether puts end, while storage is up. */
let puts: Promise<void>;
let push: StationPush;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-push-"));
  [told, secrets, lines, answers, storageIsUp, puts] = [[], [], [], [], true, Promise.resolve()];
  objects.clear();
  push = openPush();
});

const objects = new Set<string>();

const openPush = () =>
  new StationPush({
    edge: {
      station: async (call) => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        if (answer === undefined) told.push(call.station);
        if (answer === undefined) secrets.push(call.secrets);
        return answer ?? "ok";
      },
    },
    store: {
      put: async (key) => {
        await puts;
        if (!storageIsUp) throw new Error("storage is down");
        objects.add(key);
        return "stored";
      },
      has: async (key) => {
        if (!storageIsUp) throw new Error("storage is down");
        return objects.has(key);
      },
    },
    codec: mp3,
    log: openLog("info", { write: (line) => void lines.push(line) }),
    limits: { filesPatienceMs: 50 },
  });
afterEach(() => {
  push.stop();
  rmSync(folder, { recursive: true });
});

const logged = (text: string) => lines.filter((line) => line.includes(text));
const file = (mount: string, use: MountFile["use"], path = music): MountFile => ({ mount, use, path });

describe("the station's settings", () => {
  it("are told until the edge has heard them, and the first failure alone is logged", async () => {
    answers = [new Error("no answer"), new Error("no answer"), new Error("no answer")];
    push.tell({ edge: station("A"), files: [] });
    await eventually(() => told.length > 0);
    expect(told).toEqual([station("A")]);
    expect(logged("could not be told")).toHaveLength(1);
    await eventually(() => logged("knows the station's settings").length === 1);
  });

  it("are told no more when newer ones are", async () => {
    answers = Array.from({ length: 3 }, () => new Error("no answer"));
    push.tell({ edge: station("old"), files: [] });
    await eventually(() => answers.length < 3);
    push.tell({ edge: station("new"), files: [] });
    await eventually(() => logged("knows the station's settings").length > 0);
    expect(told.map(({ name }) => name)).toEqual(["new"]);
  });

  it("are given up when the edge cannot read them", async () => {
    answers = [{ refused: "a body has at most 8 bytes" }];
    push.tell({ edge: station("A"), files: [] });
    await eventually(() => logged("the edge refuses the station's settings").length > 0);
    expect(logged("the edge refuses the station's settings")[0]).toContain("a body has at most 8 bytes");
    expect(told).toEqual([]);
  });

  it("come with the files once these are stored, titled as they are named", async () => {
    push.tell({ edge: station("A"), files: [file("/a", "fallback"), file("/b", "intro")] });
    await eventually(() => told.length > 0);
    const stored = { id: expect.stringMatching(/^[0-9a-f]{32}$/), title: "cbr128-joint44" };
    expect(told[0]?.mounts).toEqual({
      "/a": { ...rules, fallback: { kind: "file", file: stored } },
      "/b": { ...rules, intro: stored },
    });
    expect(edgeStationSchema.parse(told[0])).toEqual(told[0]);
  });

  it("wait for the files while storage is down and nobody knows what the edge plays", async () => {
    storageIsUp = false;
    push.tell({ edge: station("A"), files: [file("/a", "intro")] });
    await eventually(() => logged("keeps the settings that it has").length > 0);
    await eventually(() => logged("could not be stored").length > 0);
    expect(told).toEqual([]);
    storageIsUp = true;
    await eventually(() => told.length > 0);
    expect(told[0]?.mounts["/a"]?.intro?.title).toBe("cbr128-joint44");
    expect(logged("could not be stored")).toHaveLength(1);
  });

  it("come with the files that the edge knows while storage is down", async () => {
    push.tell({ edge: station("A"), files: [file("/a", "fallback")] });
    await eventually(() => logged("knows the station's settings").length === 1);
    storageIsUp = false;
    push.tell({ edge: station("B"), files: [file("/a", "fallback"), file("/b", "intro", otherMusic)] });
    await eventually(() => told.length === 2);
    expect(told[1]?.name).toBe("B");
    expect(told[1]?.mounts["/a"]).toEqual(told[0]?.mounts["/a"]);
    expect(told[1]?.mounts["/b"]).toEqual(rules);
    storageIsUp = true;
    await eventually(() => told.length === 3);
    expect(told[2]?.mounts["/a"]).toEqual(told[0]?.mounts["/a"]);
    expect(told[2]?.mounts["/b"]?.intro?.title).toBe("vbr-v2");
  });

  it("keep a file as it was, and a mount's file before another one, until the new one is stored", async () => {
    const path = join(folder, "jingle.mp3");
    copyFileSync(music, path);
    push.tell({ edge: station("A"), files: [file("/a", "intro", path), file("/b", "fallback", path)] });
    await eventually(() => logged("knows the station's settings").length === 1);
    const stored = Promise.withResolvers<void>();
    puts = stored.promise;
    copyFileSync(otherMusic, path);
    const another = join(folder, "another.mp3");
    writeFileSync(another, readFileSync(otherMusic).subarray(0, 100_000));
    push.tell({ edge: station("B"), files: [file("/a", "intro", path), file("/b", "fallback", another)] });
    await eventually(() => told.length === 2);
    expect(told[1]?.mounts).toEqual(told[0]?.mounts);
    stored.resolve();
    await eventually(() => told.length === 3);
    const before = told[0]?.mounts["/a"]?.intro;
    const after = told[2]?.mounts;
    expect(after?.["/a"]?.intro?.id).not.toBe(before?.id);
    expect(after?.["/b"]?.fallback).toMatchObject({ kind: "file", file: { title: "another" } });
  });

  it("come with every file that is in storage already, whatever else has to be stored first", async () => {
    push.tell({ edge: station("A"), files: [file("/b", "fallback")] });
    await eventually(() => told.length === 1);
    push.tell({ edge: station("B"), files: [] });
    await eventually(() => told.length === 2);
    puts = new Promise(() => undefined);
    push.tell({ edge: station("C"), files: [file("/a", "intro", otherMusic), file("/a", "fallback")] });
    await eventually(() => told.length === 3);
    expect(told[2]?.mounts["/a"]).toMatchObject({ fallback: { kind: "file" } });
  });

  it("are told by the next process at once when storage has the files", async () => {
    push.tell({ edge: station("A"), files: [file("/a", "intro")] });
    await eventually(() => told.length === 1);
    push.stop();
    push = openPush();
    puts = new Promise(() => undefined);
    push.tell({ edge: station("A"), files: [file("/a", "intro")] });
    await eventually(() => told.length === 2);
    expect(told[1]).toEqual(told[0]);
  });

  it("go without a file that cannot be played, which is logged with its reason", async () => {
    const text = join(folder, "notes.mp3");
    writeFileSync(text, "no music");
    push.tell({ edge: station("A"), files: [file("/a", "intro", text), file("/b", "intro")] });
    await eventually(() => told.length > 0);
    expect(told[0]?.mounts["/a"]).toEqual(rules);
    expect(told[0]?.mounts["/b"]?.intro).toBeDefined();
    expect(logged("cannot be played")[0]).toContain("no frame of audio/mpeg");
  });
});

it("tells who may do what along, and leaves it to the edge where this host does not know", async () => {
  const known = { ...noSecrets, users: [{ name: "ann", role: "viewer" as const, hash: "h" }] };
  push.tell({ edge: station("one"), secrets: known, files: [] });
  await eventually(() => told.length === 1);
  push.tell({ edge: station("two"), files: [] });
  await eventually(() => told.length === 2);
  expect(secrets).toEqual([known, undefined]);
});
