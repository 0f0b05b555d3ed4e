import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { forgetRunning, runningOn, tellRunning } from "../../config/running-stack.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-running-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a stack tells where it is reached, until it has ended", () => {
  const addresses = { bucketUrl: "http://127.0.0.1:8801/bucket", edgeUrl: "http://[::1]:8787" };
  expect(runningOn(folder)).toBeUndefined();
  tellRunning(folder, addresses);
  expect(runningOn(folder)).toMatchObject(addresses);
  forgetRunning(folder);
  forgetRunning(folder);
  expect(runningOn(folder)).toBeUndefined();
});

test("nobody is sent signed requests whose address is not this machine's, or cannot be read", () => {
  for (const bucketUrl of ["http://10.0.0.1:80/bucket", "http://127.0.0.1:80@example.org/b", "file:///etc"]) {
    writeFileSync(
      join(folder, "running.json"),
      JSON.stringify({ version: 1, bucketUrl, edgeUrl: "http://a" }),
    );
    expect(runningOn(folder)).toBeUndefined();
  }
  writeFileSync(join(folder, "running.json"), "{");
  expect(runningOn(folder)).toBeUndefined();
});
