import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CurrentEditions,
  currentEditionsKey,
  type LibraryEdition,
  libraryEditionKey,
} from "../../shared/library.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { requireClient, spawnClient } from "../support/clients.ts";
import { type Fault, type FaultProxy, openFaultProxy } from "../support/fault-proxy.ts";
import { excerptOf } from "../support/fixture-audio.ts";
import { listen } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";

/** `npm run library` against the real stack's storage, as its user runs it. */
const script = join(import.meta.dirname, "../../ingest/library/main.ts");
let stack: Stack;
let bucket: Bucket;
let folder: string;
let proxies: FaultProxy[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "skywave library "));
  writeFileSync(stationFile(), '[[autodj]]\nmount = "/plain.mp3"\nkind = "edge"\nlibrary = "plain"\n');
  stack = await startStack({ stationFile: stationFile() });
  bucket = bucketOf(stack);
});
afterAll(async () => {
  for (const proxy of proxies) proxy.close();
  proxies = [];
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const stationFile = (): string => join(folder, "station.toml");

const audio = ["cbr128-joint44.mp3", "vbr-v2.mp3"];
let folders = 0;

/** A folder of six tracks of some seconds; no other has the same audio, so that no test stores another's. */
function musicFolder(name: string, seconds: number): string {
  const path = join(folder, name);
  mkdirSync(path);
  const startSeconds = 3 * folders++;
  for (let track = 1; track <= 6; track++) {
    const from = startSeconds + track * 0.2;
    const file = audio[track % 2] ?? "";
    const skipped = excerptOf(file, from).frames.length;
    writeFileSync(
      join(path, `${track} ${name}.mp3`),
      excerptOf(file, from + seconds).frames.subarray(skipped),
    );
  }
  return path;
}

/** Flags for the stack's own station file and ports. */
const config = (): string[] => ["--config", stationFile()];

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function library(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const client = spawnClient(process.execPath, [script, ...args, "--data", stack.dataDir], {
    env: { INIT_CWD: folder, SKYWAVE_LOG_LEVEL: "", ...env },
  });
  const status = await client.exited(90_000);
  return { status, stdout: client.stdout().toString(), stderr: client.stderr() };
}

async function currentOf(name: string): Promise<CurrentEditions["editions"]> {
  const { body } = await bucket.object(currentEditionsKey(name));
  return (JSON.parse(body.toString()) as CurrentEditions).editions;
}

async function newestOf(name: string): Promise<LibraryEdition> {
  const id = (await currentOf(name)).at(-1)?.id ?? "none";
  const { body } = await bucket.object(libraryEditionKey(name, id));
  return JSON.parse(body.toString()) as LibraryEdition;
}

/** The storage as the command sees it, with faults; what was asked for is counted. */
async function storageBehind(decide: (path: string, method: string) => Fault): Promise<{
  readonly proxy: FaultProxy;
  readonly env: Readonly<Record<string, string>>;
}> {
  const { origin, pathname } = new URL(bucket.url);
  const proxy = await openFaultProxy(origin, ({ path, method }) => decide(path, method));
  proxies.push(proxy);
  return {
    proxy,
    env: {
      SKYWAVE_S3_URL: proxy.url + pathname,
      SKYWAVE_S3_ACCESS_KEY_ID: bucket.accessKeyId,
      SKYWAVE_S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
    },
  };
}

/** Listens to the mount that plays a library, and holds what comes against the objects of its edition. */
async function hearFrom(name: string, edition: LibraryEdition): Promise<void> {
  const url = `${stack.edgeUrl}/${name}.mp3`;
  const listening = await waitFor(
    `${url} to be on the air`,
    async () => {
      const reply = await listen(url, { icy: true });
      if (reply.status === 200) return reply;
      reply.close();
      return false;
    },
    90_000,
  );
  const metaint = Number(listening.headers["icy-metaint"]);
  await waitFor("some seconds of music", () => listening.bytes().length > 120_000, 60_000);
  listening.close();
  const { audio: heard, titles } = deinterleave(listening.bytes(), metaint);
  const stored: Buffer[] = [];
  for (const { id } of edition.tracks) {
    for (const key of (await bucket.keys()).filter(
      (each) => each.startsWith(`file/v1/${id}/`) && each.endsWith(".mp3"),
    ))
      stored.push((await bucket.object(key)).body);
  }
  const all = new Set(stored.flatMap((body) => framesIn(body).map((frame) => frame.toString("base64"))));
  const frames = framesIn(heard).slice(0, -1);
  // Nothing else but silence, where it has just begun, and a primer where it was joined and after silence.
  const others = frames.filter((frame) => !all.has(frame.toString("base64")) && !isSilent(frame));
  expect(frames.length).toBeGreaterThan(100);
  const told = `${others.length} of ${frames.length} frames are neither the library's nor silence`;
  expect(others.length, told).toBeLessThan(4);
  expect(edition.tracks.map(({ title }) => title)).toContain(titles[0]);
}

/** Nothing after the header and side information. */
const isSilent = (frame: Buffer): boolean => frame.subarray(4 + 32).every((byte) => byte === 0);

const framesIn = (body: Buffer): Buffer[] =>
  mp3.indexFrames(body).map(({ offset, size }) => body.subarray(offset, offset + size));

function deinterleave(bytes: Buffer, metaint: number): { audio: Buffer; titles: string[] } {
  const parts: Buffer[] = [];
  const titles: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    parts.push(bytes.subarray(at, at + metaint));
    at += metaint;
    const length = (bytes[at] ?? 0) * 16;
    const title = /StreamTitle='(.*?)';/.exec(bytes.subarray(at + 1, at + 1 + length).toString())?.[1];
    if (title) titles.push(title);
    at += 1 + length;
  }
  return { audio: Buffer.concat(parts), titles };
}

const pass = (): Fault => "pass";
const putsOf = ({ requests }: FaultProxy, part: string) =>
  requests.filter(({ method, path, status }) => method === "PUT" && path.includes(part) && status === 200);

describe("npm run library", () => {
  it.concurrent("uploads a folder, then nothing again, then what has changed", async () => {
    const music = musicFolder("plain", 9);
    writeFileSync(join(music, "broken \u001b[31m.mp3"), "This is no music.");
    const first = await library(["upload", "plain", ...config()]);
    expect(first.stdout, first.stderr).toMatch(/^Library plain: 6 tracks, \d:\d\d of music, 44100 stereo\n/);
    expect(first.stdout).toContain("6 tracks uploaded");
    expect(first.stdout).toMatch(/1 file refused:\n {4}broken \\x1b\[31m\.mp3 \S+/);
    expect(first.stdout).toContain("it plays within a minute");
    expect(first.stdout).toContain(`Listen: ${stack.edgeUrl}/plain.mp3\n`);
    expect(first.stdout + first.stderr).not.toContain("\u001b");
    expect(first.status).toBe(0);

    const edition = await newestOf("plain");
    expect(edition.tracks).toHaveLength(6);
    expect(edition.tracks.map(({ title }) => title)).toEqual(
      [1, 2, 3, 4, 5, 6].map((track) => `${track} plain`),
    );
    for (const { id, samples } of edition.tracks) {
      const index = JSON.parse((await bucket.object(`file/v1/${id}/index.json`)).body.toString()) as {
        segments: { samples: number; bytes: number }[];
      };
      expect(index.segments.reduce((sum, segment) => sum + segment.samples, 0)).toBe(samples);
      for (const [number, { bytes }] of index.segments.entries()) {
        const { body } = await bucket.object(`file/v1/${id}/${String(number).padStart(10, "0")}.mp3`);
        expect(body.length).toBe(bytes);
      }
    }

    const { proxy, env } = await storageBehind(pass);
    const again = await library(["upload", "plain"], env);
    expect(again.stdout).toContain("storage had them all");
    expect(again.stdout).toContain("nothing has changed in what plays");
    expect(again.status).toBe(0);
    expect(putsOf(proxy, "/file/v1/")).toEqual([]);
    expect(putsOf(proxy, "/library/v1/plain/")).toEqual([]);

    rmSync(join(music, "3 plain.mp3"));
    const third = await library(["upload", "plain"]);
    expect(third.stdout).toContain("Library plain: 5 tracks");
    expect(third.stdout).toContain("everywhere at once");
    const editions = await currentOf("plain");
    expect(editions, "the edition that plays stays named").toHaveLength(2);
    await hearFrom("plain", edition);
    expect((await newestOf("plain")).tracks.map(({ title }) => title)).not.toContain("3 plain");
    expect((await newestOf("plain")).seed).toBe(edition.seed);

    const listed = await library(["list", "plain"]);
    expect(listed.stdout).toMatch(/^plain: 5 tracks, 44100 Hz, random order, plays from /);
    expect((await library(["list"])).stdout).toMatch(/^plain +5 tracks/m);

    const removed = await library(["remove", "plain", "4 plain"]);
    expect(removed.stdout, removed.stderr).toContain("taken out of plain: 4 plain");
    expect((await newestOf("plain")).tracks).toHaveLength(4);
    const misspelt = await library(["remove", "plain", "5 plian"]);
    expect(misspelt).toMatchObject({ status: 2, stdout: "" });
    expect(misspelt.stderr).toContain('did you mean "5 plain"?');
  });

  it.concurrent("goes on where it was killed, and uploads only the rest", async () => {
    musicFolder("killed", 9);
    // Every put is late, so that there is a middle to be killed in.
    const slow = await storageBehind((path, method) =>
      method === "PUT" && path.includes("/file/") ? "slow" : "pass",
    );
    const args = ["upload", "killed", "--data", stack.dataDir];
    const client = spawnClient(process.execPath, [script, ...args], {
      env: { ...slow.env, INIT_CWD: folder },
    });
    await waitFor("some segments to be stored", () => putsOf(slow.proxy, "/file/v1/").length >= 6, 60_000);
    client.child.kill("SIGKILL");
    await client.exited();
    slow.proxy.close();
    const before = new Set((await bucket.keys()).filter((key) => key.startsWith("file/v1/")));
    expect(before.size).toBeGreaterThanOrEqual(6);
    expect((await bucket.keys()).filter((key) => key.startsWith("library/v1/killed/"))).toEqual([]);

    const { proxy, env } = await storageBehind(pass);
    const again = await library(["upload", "killed"], env);
    expect(again.status, again.stderr).toBe(0);
    const put = putsOf(proxy, "/file/v1/").map(({ path }) => path.slice(path.indexOf("file/v1/")));
    expect(put.length).toBeGreaterThan(0);
    expect(put.filter((key) => before.has(key))).toEqual([]);
    const { tracks } = await newestOf("killed");
    expect(tracks).toHaveLength(6);
    const keys = new Set(await bucket.keys());
    for (const { id } of tracks) expect(keys.has(`file/v1/${id}/index.json`)).toBe(true);
  });

  it.concurrent("survives a storage that fails, loses replies and drops connections for a while", async () => {
    musicFolder("storm", 8);
    let asked = 0;
    const faults: Fault[] = ["error", "cut", "lose-reply"];
    const { env } = await storageBehind((path) => {
      if (!path.includes("/file/v1/") && !path.includes("/library/v1/storm/")) return "pass";
      return asked++ % 3 === 1 ? (faults[Math.floor(asked / 3) % 3] ?? "pass") : "pass";
    });
    const { status, stdout, stderr } = await library(["upload", "storm"], env);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("6 tracks uploaded");
    expect(stderr).toContain("trying again");
    expect((await newestOf("storm")).tracks).toHaveLength(6);
    expect(await currentOf("storm"), "a put whose reply was lost names its edition once").toHaveLength(1);
  });

  it.concurrent("an interrupted upload says so, and changes nothing of what plays", async () => {
    musicFolder("stopped", 9);
    const slow = await storageBehind((path, method) =>
      method === "PUT" && path.includes("/file/") ? "slow" : "pass",
    );
    const args = ["upload", "stopped", "--data", stack.dataDir];
    const client = spawnClient(process.execPath, [script, ...args], {
      env: { ...slow.env, INIT_CWD: folder },
    });
    await waitFor(
      "the first puts",
      () => slow.proxy.requests.some(({ path }) => path.includes("/file/v1/")),
      60_000,
    );
    client.child.kill("SIGINT");
    expect(await client.exited(20_000)).toBe(130);
    expect(client.stderr()).toContain("interrupted: what was uploaded stays");
    const signs = slow.proxy.requests.filter(({ path }) => path.includes("/.work/"));
    expect(signs.map(({ method }) => method)).toEqual(["PUT", "DELETE"]);
    expect((await bucket.keys()).filter((key) => key.startsWith("library/v1/stopped/"))).toEqual([]);
  });

  it.concurrent("draws a bar on a terminal, in one line that is gone in the end", async (context) => {
    if (process.platform !== "linux") context.skip("script takes other flags here");
    requireClient(context, "script");
    const music = musicFolder("terminal", 8);
    cpSync(join(music, "1 terminal.mp3"), join(music, "\u001b[2J\u202eevil.mp3"));
    const command = [process.execPath, script, "upload", "terminal", "--data", stack.dataDir]
      .map((part) => `'${part}'`)
      .join(" ");
    const typed = ["-qec", `stty cols 70; ${command}`, "/dev/null"];
    const client = spawnClient("script", typed, { env: { INIT_CWD: folder } });
    expect(await client.exited(90_000)).toBe(0);
    const stdout = client.stdout().toString();
    expect(stdout).toMatch(/analysing [█░]{24} \d\/7/);
    expect(stdout).toMatch(/uploading [█░]{24} \d\/7/);
    expect(stdout).not.toContain("\u001b[2J");
    expect(stdout).not.toContain("\u202e");
    // oxlint-disable-next-line no-control-regex -- what a terminal is sent
    for (const drawn of stdout.split(/\u001b\[[0-9;?]*[A-Za-z]|[\r\n]/)) {
      if (/[█░]/.test(drawn)) expect(Array.from(drawn).length).toBeLessThan(70);
    }
    expect(stdout).toContain("left out");
    expect(stdout).toContain("Library terminal: 6 tracks");
  });

  it.concurrent("keeps what somebody else named at the same time", async () => {
    musicFolder("both", 7);
    await library(["upload", "both"]);
    const [first] = await currentOf("both");
    const orders = await Promise.all(
      ["3", "4", "5"].map((memory) => library(["upload", "both", "--memory", memory])),
    );
    for (const { status, stderr } of orders) expect(status, stderr).toBe(0);
    const editions = await currentOf("both");
    // What plays stays, the one that came last comes next; those that would begin later than it never will.
    expect(editions.length).toBeGreaterThanOrEqual(2);
    expect(editions[0]).toEqual(first);
    expect(["3", "4", "5"]).toContain(`${(await newestOf("both")).rotations[0]?.memory}`);
    expect(new Set(editions.map(({ id }) => id)).size).toBe(editions.length);
    expect(editions.map(({ fromMs }) => fromMs)).toEqual(
      editions.map(({ fromMs }) => fromMs).toSorted((a, b) => a - b),
    );
  });

  it.concurrent("says what is missing where there is no stack, no folder or no music", async () => {
    const elsewhere = join(folder, "no stack");
    const nobody = spawnClient(process.execPath, [script, "list", "--data", elsewhere]);
    expect(await nobody.exited()).toBe(1);
    expect(nobody.stderr()).toMatch(/^no stack runs on the data folder .* while npm start runs/);

    expect(await library(["upload", "nowhere"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('there is no folder "nowhere"'),
    });
    mkdirSync(join(folder, "empty"));
    expect(await library(["upload", "empty"])).toMatchObject({
      status: 1,
      stderr: "empty makes no library: there is no MP3 in it\n",
    });

    const wrong = await library(["list"], {
      SKYWAVE_S3_URL: bucket.url,
      SKYWAVE_S3_SECRET_ACCESS_KEY: "not-it-at-all",
    });
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toContain("does not take the credentials");
    expect(wrong.stderr).not.toContain("not-it-at-all");
  });
});
