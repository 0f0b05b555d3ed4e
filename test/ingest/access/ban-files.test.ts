import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BanFiles } from "../../../ingest/access/ban-files.ts";
import { banLookMs } from "../../../ingest/limits.ts";
import { openLog } from "../../../ingest/log.ts";
import { eventually, RunningIngest } from "../running-ingest.ts";

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-bans-"));
  lines = [];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
async function open(files: { denyFile?: string; allowFile?: string }): Promise<BanFiles> {
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const bans = new BanFiles({ now: files }, log);
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
  // Whoever runs this process looks how it is.
  expect(bans.refuses("127.0.0.1")).toBe(false);
});

test("a deny file that cannot be read refuses nobody, an allow file lets nobody in; either is logged once", async () => {
  const deny = await open({ denyFile: join(folder, "none") });
  expect(deny.refuses("192.0.2.1")).toBe(false);
  const allow = await open({ allowFile: join(folder, "none") });
  expect(allow.refuses("192.0.2.1")).toBe(true);
  expect(lines).toHaveLength(2);
});

test("a file that changes is read again after ten seconds, one that goes away stays in force", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const denyFile = file("deny", "192.0.2.1\n");
  const bans = await open({ denyFile });
  file("deny", "192.0.2.22\n");
  vi.advanceTimersByTime(banLookMs - 1);
  expect(bans.refuses("192.0.2.22")).toBe(false);
  vi.advanceTimersByTime(1);
  bans.refuses("192.0.2.22");
  await eventually(() => bans.refuses("192.0.2.22"));
  expect(bans.refuses("192.0.2.1")).toBe(false);
  rmSync(denyFile);
  vi.advanceTimersByTime(banLookMs);
  bans.refuses("192.0.2.22");
  await eventually(() => lines.join("").includes("cannot be read"));
  expect(bans.refuses("192.0.2.22")).toBe(true);
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
