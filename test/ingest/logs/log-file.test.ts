import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LogFile } from "../../../ingest/logs/log-file.ts";

let folder: string;
const opened: LogFile[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-log-"));
});
afterEach(async () => {
  for (const file of opened.splice(0)) await file.reopen();
  rmSync(folder, { recursive: true, force: true });
});

const open = (options: { maxBytes?: number; archive?: boolean; now?: () => number } = {}) => {
  const file = new LogFile({
    path: join(folder, "sub", "access.log"),
    maxBytes: 0,
    archive: false,
    ...options,
  });
  opened.push(file);
  return file;
};
const text = (name: string) => readFileSync(join(folder, "sub", name), "utf8");
const names = () => readdirSync(join(folder, "sub")).toSorted();

test("pieces stand in the order in which they were given", async () => {
  const file = open();
  await Promise.all(Array.from({ length: 50 }, (_, index) => file.append(`${index}\n`)));
  expect(text("access.log")).toBe(Array.from({ length: 50 }, (_, index) => `${index}\n`).join(""));
});

test("a file that would grow too large is put aside as .old, in the place of the one before", async () => {
  const file = open({ maxBytes: 10 });
  for (const line of ["aaaaaa\n", "bbbbbb\n", "cccccc\n"]) await file.append(line);
  expect(names()).toEqual(["access.log", "access.log.old"]);
  expect([text("access.log.old"), text("access.log")]).toEqual(["bbbbbb\n", "cccccc\n"]);
});

test("an archive keeps them all, also those of one second", async () => {
  const now = new Date(2026, 10, 21, 0, 12, 24).getTime();
  const file = open({ maxBytes: 10, archive: true, now: () => now });
  for (const line of ["aaaaaa\n", "bbbbbb\n", "cccccc\n"]) await file.append(line);
  expect(names()).toEqual(["access.log", "access.log.20261121_001224", "access.log.20261121_001224.2"]);
});

test("a piece larger than the limit is written all the same", async () => {
  const file = open({ maxBytes: 3 });
  await file.append("aaaaaa\n");
  expect(names()).toEqual(["access.log"]);
});

test("a file that was moved away is followed until it is opened again", async () => {
  const file = open();
  await file.append("a\n");
  renameSync(file.path, `${file.path}.1`);
  await file.append("b\n");
  await file.reopen();
  await file.append("c\n");
  expect([text("access.log.1"), text("access.log")]).toEqual(["a\nb\n", "c\n"]);
});

test("a piece that fails is reported, and the next one is written", async () => {
  const file = open();
  await file.append("a\n");
  await expect(file.append("b\n", { before: () => Promise.reject(new Error("no note")) })).rejects.toThrow(
    "no note",
  );
  await file.append("c\n");
  expect(text("access.log")).toBe("a\nc\n");
});

test("a disk that takes only a part keeps none of it", async () => {
  // Linux: every write to it fails with ENOSPC.
  const full = new LogFile({ path: "/dev/full", maxBytes: 0, archive: false });
  await expect(full.append("a\n")).rejects.toThrow("ENOSPC");
});
