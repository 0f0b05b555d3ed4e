import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BanFiles } from "../../../ingest/access/ban-files.ts";
import { banLookMs } from "../../../ingest/login-limits.ts";
import { openLog } from "../../../ingest/log.ts";
import { eventually, RunningIngest } from "../running-ingest.ts";

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-bans-"));
  lines = [];
});
afterEach(() => {
  for (const bans of opened.splice(0)) bans.close();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const opened: BanFiles[] = [];
async function open(files: { denyFile?: string; allowFile?: string }): Promise<BanFiles> {
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const bans = new BanFiles({ now: files }, log);
  opened.push(bans);
  await bans.open();
  return bans;
}

test("addresses of the deny file are refused, each on its line, networks too", async () => {
  const denyFile = file(
    "deny",
    "192.0.2.1\r\n\n# a comment\n 198.51.100.0/24 \n2001:db8::/32\nnonsense\n1.2.3.4/99\n",
  );
  const bans = await open({ denyFile });
  const refused = ["192.0.2.1", "198.51.100.77", "2001:db8:1::9"];
  expect(refused.filter((address) => bans.refuses(address))).toEqual(refused);
  for (const address of ["192.0.2.10", "198.51.101.1", "2001:db9::1", "1.2.3.4"]) {
    expect(bans.refuses(address)).toBe(false);
  }
  expect(lines.join("")).toContain('"lines":[6,7]');
});

test("with an allow file nobody else may come, and the deny file comes first", async () => {
  const bans = await open({
    allowFile: file("allow", "192.0.2.0/24\n"),
    denyFile: file("deny", "192.0.2.9\n"),
  });
  expect(bans.refuses("192.0.2.1")).toBe(false);
  expect(bans.refuses("192.0.2.9")).toBe(true);
  expect(bans.refuses("198.51.100.1")).toBe(true);
});

test("a deny file that cannot be read refuses nobody, an allow file lets nobody in; either is logged once", async () => {
  const deny = await open({ denyFile: join(folder, "none") });
  expect(deny.refuses("192.0.2.1")).toBe(false);
  const allow = await open({ allowFile: join(folder, "none") });
  expect(allow.refuses("192.0.2.1")).toBe(true);
  expect(lines).toHaveLength(2);
});

test("a file that changes is read again within ten seconds, and who connects then finds it read", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const denyFile = file("deny", "192.0.2.1\n");
  const bans = await open({ denyFile });
  file("deny", "192.0.2.2\n");
  vi.advanceTimersByTime(banLookMs - 1);
  expect(bans.refuses("192.0.2.2")).toBe(false);
  vi.advanceTimersByTime(1);
  await eventually(() => lines.length === 2);
  expect(bans.refuses("192.0.2.2")).toBe(true);
  expect(bans.refuses("192.0.2.1")).toBe(false);
  rmSync(denyFile);
  vi.advanceTimersByTime(banLookMs);
  await eventually(() => lines.join("").includes("cannot be read"));
  expect(bans.refuses("192.0.2.2")).toBe(true);
});

test("other files are in force as soon as they are read, those before until then", async () => {
  const settings = { now: { denyFile: file("deny", "192.0.2.1\n") } };
  const bans = new BanFiles(settings, openLog("info", { write: (line) => void lines.push(line) }));
  opened.push(bans);
  await bans.open();
  settings.now = { denyFile: join(folder, "none") };
  await bans.look();
  expect(bans.refuses("192.0.2.1")).toBe(true);
  settings.now = { denyFile: file("other", "192.0.2.3\n") };
  await bans.look();
  expect(["192.0.2.1", "192.0.2.3"].map((address) => bans.refuses(address))).toEqual([false, true]);
});

test("this machine is never refused: its supervisor looks how its ingest is", async () => {
  const running = new RunningIngest();
  const allowFile = file("allow", "192.0.2.1\n");
  await running.open({ denyFile: file("deny", "127.0.0.0/8\n"), allowFile });
  const { port } = running.ports;
  expect(await running.exchange("GET /health HTTP/1.0\r\n\r\n", port)).toMatch(/^HTTP\/1\.0 200 /);
  expect(await running.exchange("GET /health HTTP/1.0\r\n\r\n", port, "127.9.0.1")).toBe("");
  await running.close();
});

test("a reload puts other files in force at once", async () => {
  const running = new RunningIngest();
  await running.open();
  const { port } = running.ports;
  const get = "GET /health HTTP/1.0\r\n\r\n";
  expect(await running.exchange(get, port, "127.9.0.1")).toMatch(/^HTTP/);
  running.change({ denyFile: file("deny", "127.9.0.1\n") });
  await eventually(() => running.logLines.join("").includes("addresses read"));
  expect(await running.exchange(get, port, "127.9.0.1")).toBe("");
  await running.close();
});

test("a connection of a banned address is closed without a word, whatever it came for", async () => {
  const running = new RunningIngest();
  await running.open({ denyFile: file("deny", "127.9.0.1\n") });
  running.edge.onRequest = (_, response) => response.end("from the edge");
  const get = "GET /live.mp3 HTTP/1.0\r\n\r\n";
  const { port, shoutcastPort } = running.ports;
  expect(await running.exchange(get, port, "127.9.0.1")).toBe("");
  expect(await running.exchange("hackme-pw\r\n", shoutcastPort, "127.9.0.1")).toBe("");
  expect(await running.exchange(get, port, "127.9.0.2")).toContain("from the edge");
  await running.close();
});
