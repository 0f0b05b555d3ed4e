import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { liveResumeMs } from "../../ingest/limits.ts";
import { decodeSpoolFile } from "../../ingest/spool-file.ts";
import { parseSegmentKey } from "../../shared/object-format.ts";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { type FaultProxy, openFaultProxy, type ProxiedRequest } from "../support/fault-proxy.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { listen } from "../support/listen.ts";
import { logLines } from "../support/log-lines.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = join(import.meta.dirname, "..", "fixtures", "vbr-v2.mp3");
const folder = mkdtempSync(join(tmpdir(), "skywave-spool-"));
const stationFile = join(folder, "station.toml");
const segmentMs = 500;
writeFileSync(stationFile, `[limits]\nsegment_seconds = ${segmentMs / 1000}\n`);

let stack: Stack;
let bucket: Bucket;
let storage: FaultProxy;
let edge: FaultProxy;
/** Mounts whose PUTs are answered with 500. */
const away = new Set<string>();

beforeAll(async () => {
  stack = await startStack({ stationFile });
  bucket = bucketOf(stack);
  storage = await openFaultProxy(new URL(bucket.url).origin, (request) =>
    away.has(mountOfPut(request)) ? "error" : "pass",
  );
  edge = await openFaultProxy(stack.edgeUrl, () => "pass");
});

afterAll(async () => {
  edge?.close();
  storage?.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(name: string): Promise<IngestProcess> {
  const dataDir = join(folder, name);
  mkdirSync(dataDir, { recursive: true });
  return startIngest({
    stack,
    bucket,
    edgeUrl: edge.url,
    bucketUrl: storage.url + new URL(bucket.url).pathname,
    password: "source-pw",
    adminPassword: "admin-pw",
    stationFile,
    dataDir,
  });
}

const stream = (ingest: IngestProcess, mount: string): Promise<Streaming> =>
  streamMp3(ingest.port, mount, fixture, { password: ingest.password, loop: true });

describe.concurrent("storage that is away for longer than listeners have patience", () => {
  it("live resumes at the live edge, and the bucket is completed behind it, in order", async () => {
    const mount = "/outage.mp3";
    const ingest = await start("outage");
    try {
      const source = await stream(ingest, mount);
      const listener = await listen(stack.edgeUrl + mount);
      let thrownOff = false;
      void listener.ended.then(() => (thrownOff = true));
      await waitFor("two segments", () => stored(mount).length >= 2);
      away.add(mount);
      await waitFor(
        "live to be late",
        () => logOf(ingest, mount, "too late for listeners").length > 0,
        25_000,
      );
      const refused = putsOf(mount).filter(({ status }) => status === 0).length;
      expect(refused, "attempts while storage was away").toBeLessThan(20);
      const before = stored(mount).length;
      const newest = Math.max(...spooled(ingest).map(({ sequence }) => sequence));
      away.delete(mount);

      await waitFor(
        "the backlog to be stored",
        () => logOf(ingest, mount, "everything that waited").length > 0,
      );
      const order = stored(mount)
        .slice(before)
        .map(({ path }) => sequenceOf(path));
      expect(order[0], "the first segment stored after the outage").toBeGreaterThanOrEqual(
        newest - liveResumeMs / segmentMs,
      );
      const live = announced(mount);
      expect(live, "positions announced").toEqual([...new Set(live)].toSorted((a, b) => a - b));
      const filled = order.filter((sequence) => !live.includes(sequence));
      expect(filled.length, "segments stored and not announced").toBeGreaterThan(5);
      expect(filled, "the backlog").toEqual(filled.toSorted((a, b) => a - b));
      expect(await queueOf(ingest, mount)).toMatchObject({ backlog: 0, dropped: 0 });

      expect(source.socket.destroyed, "the ingest hung up on its source").toBe(false);
      await source.stop();
      await expectStored(mount, [source], ingest);
      await waitFor("the spool to be empty", () => spooled(ingest).length === 0);
      expect(thrownOff, "the listener was thrown off").toBe(false);
      listener.close();
    } finally {
      await ingest.stop();
    }
  });
});

describe.concurrent("an ingest that ends while segments wait", () => {
  it("by kill -9 or SIGTERM: the next one finishes the job beside a new source", async () => {
    const mount = "/killed.mp3";
    const first = await start("killed");
    let second: IngestProcess | undefined;
    let third: IngestProcess | undefined;
    try {
      const source = await stream(first, mount);
      await waitFor("two segments", () => stored(mount).length >= 2);
      away.add(mount);
      await waitFor("six segments on disk", () => spooled(first).filter(isWhole).length >= 6);
      await first.end("SIGKILL");
      const files = spooled(first);
      // The kill may have come while another one was being written.
      const left = files.filter(isWhole);
      source.destroy();

      second = await start("killed");
      const queue = await queueOf(second, mount);
      expect(queue).toMatchObject({ segments: files.length, backlog: files.length, dropped: 0 });
      const next = await stream(second, mount);
      await waitFor("segments of the next source", () =>
        spooled(first).some(({ epoch }) => epoch !== left[0]?.epoch),
      );
      await next.stop();
      expect(await second.end("SIGTERM"), `exit code\n${second.log()}`).toBe(0);
      expect(logLines(second.log()).map(({ msg }) => msg)).toContain(
        "what waits for storage is in the spool",
      );

      away.delete(mount);
      third = await start("killed");
      await waitFor("the spool to be empty", () => spooled(first).length === 0);
      const keys = (await bucket.keys(mount)).map((key) => parseSegmentKey(key));
      for (const { epoch, sequence } of left) expect(keys).toContainEqual({ mount, epoch, sequence });
      // Of the first source the open segment is lost, and only that.
      const audio = await bucket.audio(mount);
      const ofNext = bytesOf(next);
      expect(audio.subarray(-ofNext.length).equals(ofNext), "what the next source sent").toBe(true);
      const ofFirst = audio.subarray(0, -ofNext.length);
      expect(bytesOf(source).subarray(0, ofFirst.length).equals(ofFirst), "what the first one sent").toBe(
        true,
      );
      const sequences = keys.filter(({ epoch }) => epoch === left[0]?.epoch).map(({ sequence }) => sequence);
      expect(sequences).toEqual(sequences.map((_, index) => index));
    } finally {
      for (const each of [first, second, third]) await each?.stop();
    }
  });
});

describe.concurrent("a full disk", () => {
  it("takes no source off the air, and is used again when it has space", async (context) => {
    const mount = "/disk.mp3";
    const disk = join(folder, "disk", "spool");
    if (!mountTinyDisk(disk)) context.skip("a small disk can be mounted by root on Linux only");
    const ingest = await start("disk");
    try {
      fill(disk);
      const source = await stream(ingest, mount);
      away.add(mount);
      await waitFor("a line about the disk", () => has(ingest, "segments cannot be kept on disk"));
      await waitFor("segments to wait", async () => ((await queueOf(ingest, mount))?.segments ?? 0) >= 4);
      expect(await spoolOf(ingest)).toMatchObject({ disk: "failing" });
      expect(spooled(ingest), "files on a full disk").toEqual([]);
      rmSync(join(disk, "filler"));
      await waitFor("the disk to be used again", () => has(ingest, "segments are kept on disk again"));
      await waitFor("what waited in memory to be on disk", () => spooled(ingest).length >= 4);
      away.delete(mount);
      await waitFor("what waits to be stored", () => spooled(ingest).length === 0);
      expect(source.socket.destroyed, "the ingest hung up on its source").toBe(false);
      await source.stop();
      await expectStored(mount, [source], ingest);
    } finally {
      await ingest.stop();
      execFileSync("umount", [disk], { stdio: "ignore" });
    }
  });
});

/** Everything sent is in the bucket, each frame once and in order. */
async function expectStored(mount: string, sources: Streaming[], ingest: IngestProcess): Promise<void> {
  const sent = Buffer.concat(sources.map(bytesOf));
  await waitFor(
    `the bucket to have the ${sent.length} bytes sent to ${mount}\n${ingest.log()}`,
    async () => (await bucket.audio(mount)).length >= sent.length,
    20_000,
  );
  expect((await bucket.audio(mount)).equals(sent), `${mount}: stored is what was sent`).toBe(true);
}

const bytesOf = ({ sent }: Streaming): Buffer => Buffer.concat(sent.map(({ bytes }) => bytes));

/** Positions of the files in an ingest's spool. */
function spooled({ dataDir }: IngestProcess): SpooledFile[] {
  const spool = join(dataDir, "spool");
  return (existsSync(spool) ? readdirSync(spool) : []).flatMap((name) => {
    const match = /-(\d{10})-(\d{10})\.seg$/.exec(name);
    return match ? [{ epoch: Number(match[1]), sequence: Number(match[2]), path: join(spool, name) }] : [];
  });
}

interface SpooledFile {
  readonly epoch: number;
  readonly sequence: number;
  readonly path: string;
}

function isWhole({ path }: SpooledFile): boolean {
  try {
    decodeSpoolFile(readFileSync(path));
    return true;
  } catch {
    return false;
  }
}

interface HealthParts {
  readonly queues: Record<string, { segments: number; backlog: number; dropped: number }>;
  readonly spool: Record<string, unknown>;
}
const healthOf = async ({ url }: IngestProcess): Promise<HealthParts> =>
  (await (await fetch(`${url}/health`)).json()) as HealthParts;
const queueOf = async (ingest: IngestProcess, mount: string) => (await healthOf(ingest)).queues[mount];
const spoolOf = async (ingest: IngestProcess) => (await healthOf(ingest)).spool;

function mountTinyDisk(disk: string): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    mkdirSync(disk, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Takes all the space there is. */
function fill(disk: string): void {
  while (statfsSync(disk).bavail > 0) writeFileSync(join(disk, "filler"), Buffer.alloc(4096), { flag: "a" });
}

const mountOfPut = ({ path }: Pick<ProxiedRequest, "path">): string => {
  const key = /\/(v1\/.*)$/.exec(path)?.[1];
  return key === undefined ? "" : parseSegmentKey(key).mount;
};
const sequenceOf = (path: string): number => Number(/(\d+)\.mp3$/.exec(path)?.[1]);
const putsOf = (mount: string): ProxiedRequest[] =>
  storage.requests.filter((request) => mountOfPut(request) === mount);
const stored = (mount: string): ProxiedRequest[] => putsOf(mount).filter(({ status }) => status === 200);
const announced = (mount: string): number[] =>
  edge.requests
    .filter(({ path }) => path.endsWith("/announce"))
    .map(({ body }) => JSON.parse(body.toString()) as { mount: string; segment: { sequence: number } })
    .flatMap((call) => (call.mount === mount ? [call.segment.sequence] : []));
const has = (ingest: IngestProcess, msg: string): boolean =>
  logLines(ingest.log()).some((line) => line.msg.startsWith(msg));
const logOf = (ingest: IngestProcess, mount: string, msg: string) =>
  logLines(ingest.log()).filter((line) => line["mount"] === mount && line.msg.startsWith(msg));
