import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MountFile } from "../../config/edge-settings.ts";
import { openLog } from "../../ingest/log.ts";
import { StationPush } from "../../ingest/station-push.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { type EdgeStation, edgeStationSchema } from "../../shared/edge-station.ts";
import { eventually } from "./running-ingest.ts";

const music = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const rules = { fallbackOverride: "own", fallbackWhenFull: false } as const;
const station = (name: string): EdgeStation =>
  edgeStationSchema.parse({ name, mounts: { "/a": rules, "/b": rules } });

let folder: string;
let told: EdgeStation[];
let lines: string[];
/** What the edge does with the next calls; "ok" when there is nothing more. */
let answers: ("refused" | Error)[];
let storageIsUp: boolean;
let push: StationPush;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-push-"));
  [told, lines, answers, storageIsUp] = [[], [], [], true];
  const objects = new Set<string>();
  push = new StationPush({
    edge: {
      station: async (value) => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        if (answer === undefined) told.push(value);
        return answer ?? "ok";
      },
    },
    store: {
      put: async (key) => {
        if (!storageIsUp) throw new Error("storage is down");
        objects.add(key);
        return "stored";
      },
      has: async (key) => objects.has(key),
    },
    codec: mp3,
    log: openLog("info", { write: (line) => void lines.push(line) }),
    limits: { filesPatienceMs: 50 },
  });
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
    answers = ["refused"];
    push.tell({ edge: station("A"), files: [] });
    await eventually(() => logged("the edge refuses the station's settings").length > 0);
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

  it("go without the files while storage is down, and once more with them", async () => {
    storageIsUp = false;
    push.tell({ edge: station("A"), files: [file("/a", "intro")] });
    await eventually(() => told.length === 1);
    expect(told[0]).toEqual(station("A"));
    storageIsUp = true;
    await eventually(() => told.length === 2);
    expect(told[1]?.mounts["/a"]?.intro?.title).toBe("cbr128-joint44");
    expect(logged("could not be stored")).toHaveLength(1);
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
