import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MountPrograms } from "../../ingest/mount-programs.ts";
import { openLog } from "../../ingest/log.ts";
import { SourceEvents, type SourceOnAir } from "../../ingest/source-events.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { epoch, millis } from "../../shared/units.ts";
import { isAlive } from "../support/processes.ts";
import { eventually } from "./running-ingest.ts";

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave programs "));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const program = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
};
const out = (name: string) => join(folder, name);
const log = () => openLog("info", { write: (line) => void lines.push(line) });

function open(onConnect: string, timeoutMs?: number, onDisconnect?: string) {
  const events = new SourceEvents(log());
  const rules = { onConnect, ...(onDisconnect !== undefined && { onDisconnect }) };
  const settings = { now: { mounts: new Map([["/*", rules]]) } };
  const tested = new MountPrograms({
    settings,
    events,
    log: log(),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  const source = (mount: string): SourceOnAir => ({
    mount: mountPath(mount),
    epoch: epoch(1),
    info: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT" },
    user: null,
    startedMs: millis(0),
    bytes: 0,
    counts: { frames: 0, garbageBytes: 0, tagBytes: 0, infoFrames: 0, resyncs: 0 },
    listeners: 0,
    title: null,
  });
  const connect = (mount: string) =>
    events.emit({ kind: "connected", source: source(mount), atMs: millis(0) });
  const disconnect = (mount: string) =>
    events.emit({ kind: "disconnected", source: source(mount), reason: "", atMs: millis(0) });
  return { tested, connect, disconnect };
}

test("a program gets the mount as it is, whatever a shell would make of it, and none of our secrets", async () => {
  process.env["SKYWAVE_SOURCE_PASSWORD"] = "env-secret";
  const path = program(
    "on",
    `printf '%s|%s|' "$#" "$1" > '${out("args")}'; env > '${out("env")}'; echo said`,
  );
  const { tested, connect } = open(path);
  connect("/a$(id);b'c.mp3");
  await eventually(() => lines.join("").includes("program ended"));
  expect(readFileSync(out("args"), "utf8")).toBe("1|/a$(id);b'c.mp3|");
  expect(readFileSync(out("env"), "utf8")).not.toContain("env-secret");
  expect(lines.join("")).toContain("said");
  delete process.env["SKYWAVE_SOURCE_PASSWORD"];
  await tested.stop(1_000);
});

test("its coming and its going have a program each; one that is not there is logged", async () => {
  const path = program("off", `echo "$1" > '${out("off")}'; exit 3`);
  const { tested, connect, disconnect } = open(out("none"), undefined, path);
  connect("/a.mp3");
  disconnect("/a.mp3");
  await tested.stop(10_000);
  expect(readFileSync(out("off"), "utf8")).toBe("/a.mp3\n");
  expect(lines.join("")).toContain("ENOENT");
  expect(lines.join("")).toContain("it ended with 3");
});

test("one that cannot even be tried keeps nothing else from going on, also when it has waited for its turn", async () => {
  const path = program("on", "exit 0");
  // A path through a file: Node throws this one.
  const { tested, connect, disconnect } = open(path, undefined, join(path, "none"));
  for (let index = 0; index < 6; index++) connect(`/m${index}`);
  disconnect("/m0");
  connect("/last");
  await eventually(() => lines.filter((line) => line.includes("program ended")).length === 7);
  await tested.stop(10_000);
  expect(lines.filter((line) => line.includes("ENOTDIR"))).toHaveLength(1);
});

test("one that does not end is ended, with what it has started", async () => {
  const path = program("on", `sleep 600 & echo $! > '${out("pid")}'; wait`);
  const { tested, connect } = open(path, 300);
  connect("/a.mp3");
  await eventually(() => lines.join("").includes("it ran for 300 ms"));
  const child = Number(readFileSync(out("pid"), "utf8"));
  await eventually(() => !isAlive(child));
  await tested.stop(0);
});

test("at the end those that run are ended and those that wait are not started", async () => {
  const path = program("on", `touch '${folder}'/started$(basename "$1"); exec sleep 600`);
  const { tested, connect } = open(path);
  for (let index = 0; index < 6; index++) connect(`/m${index}`);
  await eventually(() => existsSync(out("startedm3")));
  await tested.stop(0);
  expect(existsSync(out("startedm4"))).toBe(false);
  expect(lines.filter((line) => line.includes("SIGKILL"))).toHaveLength(4);
});

test("what a talkative program says is cut", async () => {
  const path = program("on", "yes | head -c 100000");
  const { tested, connect } = open(path);
  connect("/a.mp3");
  await tested.stop(10_000);
  expect(lines.join("").length).toBeLessThan(20_000);
});
