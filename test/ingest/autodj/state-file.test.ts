import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { type AutoDjState, StateFile } from "../../../ingest/autodj/state-file.ts";
import { openLog } from "../../../ingest/log.ts";
import { mountPath } from "../../../shared/mount-path.ts";

const folder = mkdtempSync(join(tmpdir(), "autodj-state-"));
afterEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
});

const lines: string[] = [];
const log = openLog("info", { write: (line) => void lines.push(line) });
const fileOf = (mount: string) => new StateFile({ folder, mount: mountPath(mount), log });

const state: AutoDjState = {
  format: 1,
  programme: { format: 1, queue: ["file:/a.mp3"] },
  playing: { id: "file:/b.mp3", kind: "track", rotation: "music", version: "1", frame: 12 },
  ahead: [{ id: "file:/c.mp3", kind: "jingle", rotation: "jingle 1" }],
  mp3: { sampleRate: 44_100, channels: 2 },
};

it("gives back what was kept last, and nothing where there is nothing", async () => {
  const file = fileOf("/autodj.mp3");
  expect(await file.load()).toBeNull();
  file.save({ ...state, playing: null });
  file.save(state);
  await file.saved();
  expect(await fileOf("/autodj.mp3").load()).toEqual(state);
  expect(lines).toEqual([]);
});

it("has a file of its own for every mount, whatever its name", async () => {
  const mounts = ["/a b", "/a-b", "/ü", `/${"long/".repeat(35)}x`, "/.x", "/con"];
  for (const mount of mounts) fileOf(mount).save(state);
  await expect
    .poll(() => readdirSync(folder).filter((name) => name.endsWith(".json")).length)
    .toBe(mounts.length);
});

it.each([
  "",
  "{",
  "null",
  '{"format":2}',
  JSON.stringify({ ...state, playing: { id: 1 } }),
  JSON.stringify({ ...state, playing: { ...state.playing, frame: 1e300 } }),
  JSON.stringify({ ...state, mp3: { sampleRate: 7, channels: 2 } }),
])("puts a state that is none aside, with a warning: %s", async (text) => {
  const file = fileOf("/autodj.mp3");
  file.save(state);
  await file.saved();
  const [name = ""] = readdirSync(folder);
  writeFileSync(join(folder, name), text);
  lines.length = 0;
  expect(await file.load()).toBeNull();
  expect(await file.load()).toBeNull();
  expect(lines).toHaveLength(1);
  expect(readFileSync(join(folder, `${name}.unreadable`), "utf8")).toBe(text);
});

it("is one state or another when two of one mount write at the same moment", async () => {
  const files = [fileOf("/autodj.mp3"), fileOf("/autodj.mp3")];
  const long = { ...state, programme: "x".repeat(1_000_000) };
  for (let round = 0; round < 20; round++) {
    files[0]?.save(long);
    files[1]?.save(state);
    await Promise.all(files.map((file) => file.saved()));
    expect([state, long]).toContainEqual(await fileOf("/autodj.mp3").load());
  }
  expect(readdirSync(folder)).toHaveLength(1);
});

it("goes on without a disk, and says so once", async () => {
  writeFileSync(join(folder, "file"), "");
  lines.length = 0;
  const file = new StateFile({ folder: join(folder, "file"), mount: mountPath("/m"), log });
  for (let count = 0; count < 3; count++) {
    file.save(state);
    await file.saved();
  }
  expect(lines).toHaveLength(1);
});
