import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { nodeDumpDisk } from "../../../ingest/dump/dump-disk.ts";
import type { DumpPath } from "../../../shared/dump-path.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-dump-disk-"));
  mkdirSync(join(folder, "elsewhere"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inside = (folders: readonly string[], name: string): DumpPath => ({
  kind: "inside",
  root: join(folder, "dumps"),
  folders,
  name,
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it("makes folders and appends", async () => {
  for (const text of ["one", "two"]) {
    const file = await nodeDumpDisk.open(inside(["a", "b"], "c.mp3"), false);
    expect(file.bytes).toBe(text === "one" ? 0 : 3);
    await file.write(bytes(text));
    await file.sync();
    await file.close();
  }
  expect(readFileSync(join(folder, "dumps/a/b/c.mp3"), "utf8")).toBe("onetwo");
  expect(await nodeDumpDisk.look(inside(["a", "b"], "c.mp3"))).toMatchObject({ bytes: 6 });
  expect(await nodeDumpDisk.look(inside(["a", "x"], "c.mp3"))).toBeNull();
  await expect(nodeDumpDisk.open(inside(["a", "b"], "c.mp3"), true)).rejects.toMatchObject({
    code: "EEXIST",
  });
});

it("takes away what is after whole frames", async () => {
  const file = await nodeDumpDisk.open(inside([], "c.mp3"), true);
  await file.write(bytes("whole part"));
  await file.cut(5);
  await file.write(bytes(" on"));
  await file.close();
  expect(readFileSync(join(folder, "dumps/c.mp3"), "utf8")).toBe("whole on");
});

it("follows no link that somebody laid in its folder, to a file or to a folder", async () => {
  mkdirSync(join(folder, "dumps"));
  writeFileSync(join(folder, "elsewhere/secret"), "untouched");
  symlinkSync(join(folder, "elsewhere/secret"), join(folder, "dumps/c.mp3"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "dumps/a"));
  await expect(nodeDumpDisk.open(inside([], "c.mp3"), false)).rejects.toThrow(/ELOOP/);
  await expect(nodeDumpDisk.open(inside(["a"], "c.mp3"), false)).rejects.toThrow(/is no folder/);
  await expect(nodeDumpDisk.open(inside(["a", "b"], "c.mp3"), false)).rejects.toThrow(/is no folder/);
  expect(readdirSync(join(folder, "elsewhere"))).toEqual(["secret"]);
  expect(readFileSync(join(folder, "elsewhere/secret"), "utf8")).toBe("untouched");
});

it("does not wait for somebody to read a pipe", async () => {
  mkdirSync(join(folder, "dumps"));
  execFileSync("mkfifo", [join(folder, "dumps/c.mp3")]);
  await expect(nodeDumpDisk.open(inside([], "c.mp3"), false)).rejects.toMatchObject({ code: "ENXIO" });
});

it("writes where the operator says, links and all", async () => {
  symlinkSync(join(folder, "elsewhere"), join(folder, "link"));
  const file = await nodeDumpDisk.open({ kind: "absolute", path: join(folder, "link/new/c.mp3") }, false);
  await file.write(bytes("x"));
  await file.close();
  expect(readFileSync(join(folder, "elsewhere/new/c.mp3"), "utf8")).toBe("x");
  const device = await nodeDumpDisk.open({ kind: "absolute", path: "/dev/null" }, false);
  expect(device.bytes).toBeNull();
  await device.write(bytes("x"));
  await device.sync();
  await device.close();
});
