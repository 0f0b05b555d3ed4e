import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSegmentKey } from "../../shared/object-format.ts";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { type Fault, type FaultProxy, openFaultProxy, type ProxiedRequest } from "../support/fault-proxy.ts";
import { FrameList } from "../support/frame-check.ts";
import { splicedRuns } from "../support/heard.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { listen, type Listening } from "../support/listen.ts";
import { logLines, spellingsOf } from "../support/log-lines.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = join(import.meta.dirname, "..", "fixtures", "vbr-v2.mp3");
const source = new FrameList(framesOf(fixture));
const folder = mkdtempSync(join(tmpdir(), "skywave-faults-"));
const stationFile = join(folder, "station.toml");
writeFileSync(stationFile, "[limits]\nsegment_seconds = 0.5\n");

let stack: Stack;
let bucket: Bucket;
let storage: FaultProxy;
let edge: FaultProxy;
let ingest: IngestProcess;
/** What becomes of requests that concern a mount; without an entry they pass. */
const storageFaults = new Map<string, (request: Attempt) => Fault>();
const edgeFaults = new Map<string, (request: Attempt) => Fault>();

interface Attempt {
  readonly path: string;
  /** How often this very thing was asked before. */
  readonly earlier: number;
}

beforeAll(async () => {
  stack = await startStack({ stationFile });
  bucket = bucketOf(stack);
  const { origin, pathname } = new URL(bucket.url);
  const decideBy = (faults: typeof edgeFaults, mountOf: typeof mountOfPut) => {
    const seen = new Map<string, number>();
    return (request: Pick<ProxiedRequest, "path" | "body">): Fault => {
      const what = request.path + request.body.toString("latin1");
      const earlier = seen.get(what) ?? 0;
      seen.set(what, earlier + 1);
      return faults.get(mountOf(request))?.({ path: request.path, earlier }) ?? "pass";
    };
  };
  storage = await openFaultProxy(origin, decideBy(storageFaults, mountOfPut));
  edge = await openFaultProxy(stack.edgeUrl, decideBy(edgeFaults, mountOfCall));
  ingest = await startIngest({
    stack,
    bucket,
    edgeUrl: edge.url,
    bucketUrl: storage.url + pathname,
    password: "hack+me if/you=can",
    adminPassword: "queen:of hearts",
    stationFile,
  });
});

afterAll(async () => {
  await ingest?.stop();
  edge?.close();
  storage?.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A source and a listener on a mount of their own, on air with at least two segments. */
async function onAir(mount: string): Promise<{ source: Streaming; listener: Listening }> {
  const streaming = await streamMp3(ingest.port, mount, fixture, { password: ingest.password });
  const listener = await listen(stack.edgeUrl + mount);
  expect(listener.status, `listening to ${mount}`).toBe(200);
  await waitFor(`two segments of ${mount}`, () => stored(mount).length >= 2);
  return { source: streaming, listener };
}

/** The source goes; everything it sent is in the bucket, and everything was heard, each frame once and in order. */
async function expectComplete(mount: string, on: { source: Streaming; listener: Listening }): Promise<void> {
  expect(on.source.socket.destroyed, `${mount}: the ingest hung up on its source\n${ingest.log()}`).toBe(
    false,
  );
  await on.source.stop();
  const sent = Buffer.concat(on.source.sent.map(({ bytes }) => bytes));
  await waitFor(
    `the bucket to have the ${sent.length} bytes sent to ${mount}\n${ingest.log()}`,
    async () => (await bucket.audio(mount)).length >= sent.length,
    20_000,
  );
  expect((await bucket.audio(mount)).equals(sent), `${mount}: stored is what was sent`).toBe(true);
  const sequences = stored(mount).map(({ path }) => sequenceOf(path));
  expect(sequences, `${mount}: stored in order`).toEqual(sequences.toSorted((a, b) => a - b));
  const heard = await waitFor(
    `the listener of ${mount} to hear the last of ${on.source.sent.length} frames\n${stack.log()}`,
    () => {
      const spliced = splicedRuns(on.listener.bytes(), source);
      return spliced.runs.at(-1)?.last === on.source.sent.length - 1 && spliced;
    },
    20_000,
  );
  expect(heard.runs, `${mount}: heard without a gap`).toEqual([
    { first: 0, last: on.source.sent.length - 1, primers: expect.any(Number) },
  ]);
  on.listener.close();
}

const health = async (): Promise<{ status: number; report: Record<string, unknown> }> => {
  const response = await fetch(`${ingest.url}/health`);
  return { status: response.status, report: (await response.json()) as Record<string, unknown> };
};

describe("storage that fails", () => {
  it.concurrent("answers 500: the source goes on, the health says so, then all arrives in order", async () => {
    const mount = "/storage-500.mp3";
    const on = await onAir(mount);
    storageFaults.set(mount, () => "error");
    await waitFor(
      "five refused segments",
      () => puts(mount).filter(({ fault }) => fault === "error").length >= 5,
    );
    const ill = await health();
    expect(ill).toMatchObject({ status: 503, report: { ok: false, storage: "failing" } });
    expect(on.source.socket.destroyed).toBe(false);
    storageFaults.delete(mount);
    await waitFor("what waits to be stored", () => logOf(mount, "publishing again").length > 0);
    await expectComplete(mount, on);
    expect(logOf(mount, "cannot publish, trying again")[0]).toMatchObject({
      level: 40,
      what: "storage",
      reason: "storage answered 500",
    });
  });

  it.concurrent("never answers: an attempt ends after its time, the next one succeeds", async () => {
    const mount = "/storage-hangs.mp3";
    const on = await onAir(mount);
    let hung = "";
    storageFaults.set(mount, ({ path, earlier }) => {
      if (hung === "") hung = path;
      return path === hung && earlier === 0 ? "hang" : "pass";
    });
    await waitFor("a segment to hang", () => hung !== "");
    await waitFor(
      "the hanging segment to be tried again",
      () => puts(mount).filter(({ path }) => path === hung).length >= 2,
      20_000,
    );
    await expectComplete(mount, on);
    expect(logOf(mount, "cannot publish, trying again")[0]).toMatchObject({
      what: "storage",
      reason: expect.stringMatching(/time/i),
    });
  });

  it.concurrent("is slower than the source: segments wait, none is lost", async () => {
    const mount = "/storage-slow.mp3";
    const on = await onAir(mount);
    storageFaults.set(mount, () => "slow");
    await waitFor(
      "three slow segments",
      () => puts(mount).filter(({ fault }) => fault === "slow").length >= 3,
    );
    await waitFor("segments to wait", async () => {
      const { report } = await health();
      const queues = report["queues"] as Record<string, { segments: number }>;
      return (queues[mount]?.segments ?? 0) >= 3;
    });
    storageFaults.delete(mount);
    await expectComplete(mount, on);
    expect(logOf(mount, "cannot publish, trying again")).toEqual([]);
  });

  it.concurrent("cuts connections", async () => {
    const mount = "/storage-cut.mp3";
    const on = await onAir(mount);
    storageFaults.set(mount, () => "cut");
    await waitFor(
      "four cut connections",
      () => puts(mount).filter(({ fault }) => fault === "cut").length >= 4,
    );
    storageFaults.delete(mount);
    await waitFor("what waits to be stored", () => logOf(mount, "publishing again").length > 0);
    await expectComplete(mount, on);
    expect(logOf(mount, "cannot publish, trying again")[0]).toMatchObject({ level: 40, what: "storage" });
  });

  it.concurrent("stores, but its answer is lost: the segment counts as stored and is announced once", async () => {
    const mount = "/storage-mute.mp3";
    storageFaults.set(mount, ({ earlier }) => (earlier === 0 ? "lose-reply" : "pass"));
    const on = await onAir(mount);
    await waitFor("five segments", () => stored(mount).length >= 5);
    storageFaults.delete(mount);
    await expectComplete(mount, on);
    const statuses = puts(mount)
      .slice(0, 6)
      .map(({ status }) => status);
    expect(statuses).toEqual([200, 412, 200, 412, 200, 412]);
    const announced = calls(mount, "announce").map(({ body }) => announcedSequence(body));
    expect(announced).toEqual(announced.map((_, index) => index));
  });
});

describe("an edge that fails", () => {
  it.concurrent("refuses announcements with 500: they come again, in order, nothing is lost", async () => {
    const mount = "/edge-500.mp3";
    const on = await onAir(mount);
    edgeFaults.set(mount, () => "error");
    await waitFor(
      "four failed calls",
      () => calls(mount, "announce").filter(({ fault }) => fault === "error").length >= 4,
    );
    expect(await health()).toMatchObject({ status: 503, report: { ok: false, edge: "failing" } });
    edgeFaults.delete(mount);
    await waitFor("announcements to be heard", () => logOf(mount, "publishing again").length > 0);
    await expectComplete(mount, on);
    expect(logOf(mount, "cannot publish, trying again")[0]).toMatchObject({
      what: "edge",
      reason: "announce: the edge answered 500",
    });
  });

  it.concurrent("hears announcements, but its answers are lost: nobody hears anything twice", async () => {
    const mount = "/edge-mute.mp3";
    edgeFaults.set(mount, ({ path, earlier }) =>
      path.endsWith("/announce") && earlier === 0 ? "lose-reply" : "pass",
    );
    const on = await onAir(mount);
    await waitFor("five segments", () => stored(mount).length >= 5);
    await expectComplete(mount, on);
    const announced = calls(mount, "announce").map(({ body }) => announcedSequence(body));
    expect(announced.slice(0, 6)).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it.concurrent.each(["error", "cut", "hang"] as const)(
    "does not grant a mount (%s): the source is told 503 and may come again",
    async (fault) => {
      const mount = `/edge-claim-${fault}.mp3`;
      edgeFaults.set(mount, () => fault);
      const options = { password: ingest.password };
      const refused = streamMp3(ingest.port, mount, fixture, options);
      await expect(refused).rejects.toThrow("HTTP/1.0 503 Service Unavailable");
      edgeFaults.delete(mount);
      const again = await streamMp3(ingest.port, mount, fixture, options);
      await again.stop();
      expect(logOf(mount, "the mount could not be claimed")).toHaveLength(1);
      expect(logOf(mount, "source refused")[0]).toMatchObject({ level: 40, reason: "edge-unavailable" });
    },
  );
});

describe("afterwards", () => {
  it("the ingest is well again and has told no secret", async () => {
    await waitFor("the ingest to be well", async () => (await health()).status === 200);
    const { accessKeyId, secretAccessKey } = bucket;
    const passwords = [ingest.password, ingest.adminPassword];
    for (const secret of [...passwords, stack.ingestToken, accessKeyId, secretAccessKey]) {
      for (const spelling of spellingsOf(secret)) expect(ingest.log()).not.toContain(spelling);
    }
    expect(logLines(ingest.log()).filter(({ level }) => level >= 50)).toEqual([]);
  });
});

describe("a full disk", () => {
  it("is told in the log, stops nobody, and is forgotten when there is space again", async (context) => {
    const disk = join(folder, "disk");
    if (!mountSmallDisk(disk)) context.skip("a small disk can be mounted by root on Linux only");
    try {
      const { before, after } = await onSmallDisk(disk);
      expect(after, "processes of edge, runtime and ingest").toEqual(before);
    } finally {
      await waitFor("the disk to be idle", () => unmounted(disk));
    }
  });
});

async function onSmallDisk(disk: string): Promise<Record<"before" | "after", (number | undefined)[]>> {
  const small = await startStack({ dataDir: join(disk, "data"), stationFile });
  try {
    const mount = "/full.mp3";
    const { password } = small;
    const streaming = await streamMp3(small.ingestPort, mount, fixture, { password });
    const listener = await listen(small.edgeUrl + mount);
    const objects = bucketOf(small);
    await waitFor("two segments", async () => (await objects.keys(mount)).length >= 2);
    const before = partsOf(small);

    const filler = join(disk, "filler");
    fill(disk, filler);
    const lines = (msg: string) =>
      logLines(small.log()).filter((line) => line["mount"] === mount && line.msg === msg);
    await waitFor(
      `a line about storage\n${small.log()}`,
      () => lines("cannot publish, trying again").length > 0,
      20_000,
    );
    expect(streaming.socket.destroyed).toBe(false);
    const other = "/other.mp3";
    await expect(streamMp3(small.ingestPort, other, fixture, { password })).rejects.toThrow("HTTP/1.0 503 ");
    expect(small.log()).toContain("no space left on the disk of the data folder");

    rmSync(filler);
    await waitFor(`storage to recover\n${small.log()}`, () => lines("publishing again").length > 0, 20_000);
    await (await streamMp3(small.ingestPort, other, fixture, { password })).stop();
    await streaming.stop();
    const sent = Buffer.concat(streaming.sent.map(({ bytes }) => bytes));
    await waitFor(
      `the bucket to be complete\n${small.log()}`,
      async () => (await objects.audio(mount)).length >= sent.length,
      20_000,
    );
    expect((await objects.audio(mount)).equals(sent)).toBe(true);
    await waitFor("the listener to hear the last frame", () => {
      const { runs } = splicedRuns(listener.bytes(), source);
      return runs.length === 1 && runs[0]?.first === 0 && runs[0]?.last === streaming.sent.length - 1;
    });
    listener.close();
    return { before, after: partsOf(small) };
  } finally {
    await small.stop();
  }
}

const partsOf = (of: Stack) => [of.pidOf("edge"), of.pidOf("workerd"), of.pidOf("ingest")];

function mountSmallDisk(disk: string): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("mkdir", ["-p", disk]);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m", "none", disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** False while a process that is just ending still has a file there. */
function unmounted(disk: string): boolean {
  try {
    execFileSync("umount", [disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Takes all the space there is, and what the stack frees in the meantime. */
function fill(disk: string, filler: string): void {
  for (const block of [1024 * 1024, 4096]) {
    try {
      while (statfsSync(disk).bavail > 0) writeFileSync(filler, Buffer.alloc(block), { flag: "a" });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }
}

function mountOfPut({ path }: Pick<ProxiedRequest, "path" | "body">): string {
  const key = /\/(v1\/.*)$/.exec(path)?.[1];
  return key === undefined ? "" : parseSegmentKey(key).mount;
}

function mountOfCall({ path, body }: Pick<ProxiedRequest, "path" | "body">): string {
  if (!path.startsWith("/api/ingest/")) return "";
  return (JSON.parse(body.toString()) as { mount: string }).mount;
}

const sequenceOf = (path: string): number => Number(/(\d+)\.mp3$/.exec(path)?.[1]);
const announcedSequence = (body: Buffer): number =>
  (JSON.parse(body.toString()) as { segment: { sequence: number } }).segment.sequence;
const puts = (mount: string): ProxiedRequest[] =>
  storage.requests.filter((request) => mountOfPut(request) === mount);
/** PUTs after which the segment was known to be stored. */
const stored = (mount: string): ProxiedRequest[] =>
  puts(mount).filter(({ status, fault }) => fault !== "lose-reply" && (status === 200 || status === 412));
const calls = (mount: string, call: string): ProxiedRequest[] =>
  edge.requests.filter((request) => request.path.endsWith(`/${call}`) && mountOfCall(request) === mount);
const logOf = (mount: string, msg: string) =>
  logLines(ingest.log()).filter((line) => line["mount"] === mount && line.msg === msg);
