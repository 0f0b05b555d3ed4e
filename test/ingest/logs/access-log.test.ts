import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AccessLog } from "../../../ingest/logs/access-log.ts";
import { LogFile } from "../../../ingest/logs/log-file.ts";
import type { NumberedRecord } from "../../../shared/edge-api.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { millis } from "../../../shared/units.ts";

let folder: string;
let kept: NumberedRecord[];
/** What the edge was told to forget, in turn. */
let acknowledged: number[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-access-"));
  kept = [];
  acknowledged = [];
});
const opened: LogFile[] = [];
afterEach(async () => {
  for (const file of opened.splice(0)) await file.reopen();
  rmSync(folder, { recursive: true, force: true });
});

const record = (sequence: number): NumberedRecord => ({
  sequence,
  id: sequence,
  mount: mountPath("/a.mp3"),
  address: "192.0.2.1",
  userAgent: `player ${sequence}`,
  referer: "",
  country: null,
  user: null,
  request: "GET /a.mp3 HTTP/1.1",
  startedMs: millis(0),
  endedMs: millis(5_000),
  bytesSent: 100,
});

/** As the edge keeps them: up to a thousand at a time, those acknowledged forgotten. */
const records = async (after: number) => {
  acknowledged.push(after);
  kept = kept.filter(({ sequence }) => sequence > after);
  return kept.slice(0, 1_000);
};

/** A process: what it remembers is gone with it. */
const start = (path = join(folder, "access.log")) => {
  const file = new LogFile({ path, maxBytes: 0, archive: false });
  opened.push(file);
  return new AccessLog({
    records,
    file: () => file,
    positionFile: join(folder, "access-log.json"),
    offsetMinutes: () => 0,
  });
};
const players = () =>
  [...readFileSync(join(folder, "access.log"), "utf8").matchAll(/player (\d+)/g)].map((found) =>
    Number(found[1]),
  );

test("each record is one line, and is acknowledged with the next question", async () => {
  kept = [record(1), record(2)];
  const log = start();
  expect(await log.take()).toBe(2);
  expect(await log.take()).toBe(0);
  expect(players()).toEqual([1, 2]);
  expect(acknowledged).toEqual([0, 2]);
});

test("a new process goes on where the last one was", async () => {
  kept = [record(1), record(2)];
  await start().take();
  // The acknowledgement has not got there yet.
  kept = [record(1), record(2), record(3)];
  await start().take();
  expect(players()).toEqual([1, 2, 3]);
});

test("a batch written just before the process was killed is not written again", async () => {
  kept = [record(1), record(2)];
  await start().take();
  const position: unknown = JSON.parse(readFileSync(join(folder, "access-log.json"), "utf8"));
  kept.push(record(3));
  const noted = join(folder, "access-log.json");
  let before = "";
  const file = new LogFile({ path: join(folder, "access.log"), maxBytes: 0, archive: false });
  opened.push(file);
  const dying = new AccessLog({
    records,
    file: () =>
      ({
        path: file.path,
        read: (...range: Parameters<LogFile["read"]>) => file.read(...range),
        append: async (...piece: Parameters<LogFile["append"]>) => {
          await file.append(...piece);
          before = readFileSync(noted, "utf8");
        },
      }) as LogFile,
    positionFile: noted,
    offsetMinutes: () => 0,
  });
  await dying.take();
  expect(position).toEqual({ format: 1, after: 2 });
  // As if it had ended before the note that follows the writing.
  writeFileSync(noted, before);
  kept = [record(3), record(4)];
  await start().take();
  expect(players()).toEqual([1, 2, 3, 4]);
});

test("a batch that was noted and never written is written by the next process, whatever else is in the file", async () => {
  const noted = join(folder, "access-log.json");
  writeFileSync(
    noted,
    JSON.stringify({ format: 1, after: 0, writing: { sequence: 2, offset: 0, bytes: 20, digest: "other" } }),
  );
  appendFileSync(join(folder, "access.log"), "the line of a source that was there\n");
  kept = [record(1), record(2)];
  await start().take();
  expect(players()).toEqual([1, 2]);
});

test("a disk that is full loses nothing", async () => {
  kept = [record(1)];
  const log = start("/dev/full");
  await expect(log.take()).rejects.toThrow("ENOSPC");
  expect(acknowledged).toEqual([0]);
  await start().take();
  expect(players()).toEqual([1]);
});

test("a position that cannot be read is the beginning", async () => {
  writeFileSync(join(folder, "access-log.json"), "{");
  kept = [record(7)];
  await start().take();
  expect(players()).toEqual([7]);
  expect(existsSync(join(folder, "access-log.json.new"))).toBe(false);
});
