import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLog } from "../../ingest/log.ts";
import { S3SegmentStore } from "../../ingest/segment-store.ts";
import { fileIndexSchema, fileSegmentKey } from "../../shared/stored-file.ts";
import { bucketOf } from "../support/bucket.ts";
import { openMpg123Wasm } from "../support/decoders.ts";
import { FrameList } from "../support/frame-check.ts";
import { splicedRuns } from "../support/heard.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { listen } from "../support/listen.ts";
import { logLines } from "../support/log-lines.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const decode = await openMpg123Wasm();
const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const before = fixture("cbr128-joint44.mp3");
const welcome = fixture("crc128.mp3");

const folder = mkdtempSync(join(tmpdir(), "skywave-reload-"));
const stationFile = join(folder, "station.toml");
const write = (burst: number, password: string, more = "") =>
  writeFileSync(
    stationFile,
    `[sources]\npassword = "${password}"\n[limits]\nsegment_seconds = 1\nburst_seconds = ${burst}\n${more}`,
  );

const bytesOf = (frames: readonly { readonly bytes: Uint8Array }[]) =>
  Buffer.concat(frames.map(({ bytes }) => bytes));
const secondsOf = (frames: Streaming["sent"]): number =>
  frames.reduce((seconds, { samples, format }) => seconds + samples / format.sampleRate, 0);

const framesPerSecond = 44_100 / 1152;

let stack: Stack;
beforeAll(async () => {
  write(4, "first");
  stack = await startStack({ stationFile });
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const saying = (msg: string) => logLines(stack.log()).filter((line) => line.msg === msg);
const source = (mount: string, password: string, options: { loop?: boolean } = {}) =>
  streamMp3(stack.ingestPort, mount, before, { password, ...options });

/** Writes the station file anew and waits until the edge has heard of it. */
async function reload(...settings: Parameters<typeof write>): Promise<void> {
  const heard = saying("the edge knows the station's settings").length;
  write(...settings);
  process.kill(stack.pid, "SIGHUP");
  await waitFor(`the edge to know\n${stack.log()}`, () => {
    return saying("the edge knows the station's settings").length > heard;
  });
}

describe("SIGHUP", () => {
  it("changes nothing when the station file has mistakes, and logs each with its line", async () => {
    write(4, "never", "sources = 0\nmax_listeners = -1\n");
    process.kill(stack.pid, "SIGHUP");
    await waitFor("the problems", () => saying("settings stay as they are").length === 2);
    const problems = saying("settings stay as they are").map(({ problem }) => String(problem));
    expect(problems[0]).toMatch(/station\.toml:6: limits\.sources must be a whole number .*got 0$/);
    expect(problems[1]).toMatch(/station\.toml:7: limits\.max_listeners /);
    await expect(source("/mistakes.mp3", "never")).rejects.toThrow("refused");
    await (await source("/mistakes.mp3", "first")).stop();
    expect(saying("settings read again")).toEqual([]);
  });

  it("applies new settings to whoever comes next; source and listener stay", async () => {
    const mount = "/stays.mp3";
    const sending = await source(mount, "first", { loop: true });
    const listener = await listen(stack.edgeUrl + mount);
    await waitFor("six seconds of audio", () => secondsOf(sending.sent) > 6);
    const list = new FrameList(framesOf(before));
    await reload(1, "second", `[mounts."${mount}"]\nmax_listeners = 2\n`);
    const framesBehind = async () => {
      const newcomer = await listen(stack.edgeUrl + mount);
      const run = await waitFor(
        "a newcomer's first frame",
        () => splicedRuns(newcomer.bytes(), list).runs[0],
      );
      newcomer.close();
      return (splicedRuns(listener.bytes(), list).runs.at(-1)?.last ?? 0) - run.first;
    };
    // With the burst of before it would be four seconds.
    await waitFor(
      "newcomers to join nearer to live",
      async () => (await framesBehind()) < 3 * framesPerSecond,
    );
    await waitFor("the limit to hold for newcomers", async () => {
      const two = await Promise.all([1, 2].map(() => listen(stack.edgeUrl + mount)));
      for (const newcomer of two) newcomer.close();
      return two.some(({ status }) => status !== 200);
    });
    await expect(source("/next.mp3", "first")).rejects.toThrow("refused");
    await (await source("/next.mp3", "second")).stop();

    const heard = listener.bytes().length;
    await waitFor("the listener to hear on", () => listener.bytes().length > heard + 40_000);
    expect(sending.socket.destroyed).toBe(false);
    const { runs } = splicedRuns(listener.bytes(), list);
    expect(runs, "heard without a gap").toHaveLength(1);
    await sending.stop();
    listener.close();
  });

  it("stores the files that it names, as a broadcast is stored", async () => {
    await reload(1, "second", `[mounts."/x.mp3"]\nfallback_file = ${JSON.stringify(welcome)}\n`);
    const bucket = bucketOf(stack);
    const indexKey = await waitFor("the index", async () =>
      (await bucket.keys()).find((key) => /^file\/v1\/.*index\.json$/.test(key)),
    );
    const id = indexKey.split("/")[2] ?? "";
    const index = fileIndexSchema.parse(JSON.parse((await bucket.object(indexKey)).body.toString()));
    const bodies = await Promise.all(
      index.segments.map(async (_, number) => (await bucket.object(fileSegmentKey(id, number))).body),
    );
    expect(Buffer.concat(bodies).equals(bytesOf(framesOf(welcome)))).toBe(true);
    const { url: bucketUrl, accessKeyId, secretAccessKey } = bucket;
    const store = new S3SegmentStore({ bucketUrl, accessKeyId, secretAccessKey }, { log: openLog("silent") });
    const has = (key: string) => store.has(key, AbortSignal.timeout(5_000));
    expect([await has(indexKey), await has(`${indexKey}x`)]).toEqual([true, false]);
    // Once more, now that it is there.
    await reload(2, "second", `[mounts."/x.mp3"]\nfallback_file = ${JSON.stringify(welcome)}\n`);
    expect((await bucket.keys()).filter((key) => key.endsWith("index.json"))).toEqual([indexKey]);
    expect(saying("a file could not be stored, trying on")).toEqual([]);
  });

  it("says which changed settings need a restart", async () => {
    await reload(1, "second", "[ingest]\nport = 9\n[edge]\nport = 10\n");
    // Flags come before the station file, so these never change; TLS has no flag.
    expect(saying("changed settings that need a restart")).toEqual([]);
    await reload(1, "second", '[ingest]\ntls = { cert = "c", key = "k" }\n');
    expect(saying("changed settings that need a restart").at(-1)?.["settings"]).toEqual(["ingest.tls"]);
  });
});

describe("SIGUSR2", () => {
  it("begins the ingest anew: the listener's connection stays, the source's frames go on", async () => {
    await reload(4, "second");
    const mount = "/renewed.mp3";
    const after = join(folder, "after.mp3");
    writeFileSync(after, bytesOf(framesOf(fixture("vbr-v2.mp3")).slice(100)));
    const lengthBefore = framesOf(before).length;
    const both = new FrameList([...framesOf(before), ...framesOf(after)]);
    const first = await source(mount, "second");
    const listener = await listen(stack.edgeUrl + mount);
    await waitFor("five seconds of audio", () => secondsOf(first.sent) > 5);
    const old = stack.pidOf("ingest");
    process.kill(stack.pid, "SIGUSR2");
    await first.finished;
    const again = await waitFor(
      `the ingest to be back\n${stack.log()}`,
      () => streamMp3(stack.ingestPort, mount, after, { password: "second" }).catch(() => undefined),
      20_000,
    );
    expect(stack.pidOf("ingest")).not.toBe(old);
    await waitFor("three seconds of audio", () => secondsOf(again.sent) > 3);
    await again.stop();
    const last = lengthBefore + again.sent.length - 1;
    const { runs } = await waitFor(`the listener to hear frame ${last}\n${stack.log()}`, () => {
      const spliced = splicedRuns(listener.bytes(), both);
      return spliced.runs.at(-1)?.last === last && spliced;
    });
    expect(runs[0]?.first, "the first source from its beginning").toBe(0);
    // Silence may stand in anywhere while the source is away or begins again, but no frame is missing or heard twice.
    for (const [at, run] of runs.entries()) {
      const next = runs[at + 1]?.first ?? run.last + 1;
      const isSplice = run.last < lengthBefore && next === lengthBefore;
      expect(isSplice || next === run.last + 1, JSON.stringify(runs)).toBe(true);
    }
    expect((await decode(listener.bytes())).complaints, "a decoder over the splice").toEqual([]);
    listener.close();
    expect(saying("starting the ingest again")).toHaveLength(1);
    expect(stack.log()).not.toContain("did not stop properly");
  });
});

describe("a spare ingest without a station file", () => {
  let spare: IngestProcess;
  afterAll(() => spare?.stop());

  it("serves sources of the same station and leaves its settings alone", async () => {
    await reload(4, "second", "max_listeners = 1\n");
    const bucket = bucketOf(stack);
    spare = await startIngest({
      stack,
      bucket,
      edgeUrl: stack.edgeUrl,
      bucketUrl: bucket.url,
      password: "second",
      adminPassword: "admin",
    });
    const mount = "/spare.mp3";
    const sending = await streamMp3(spare.port, mount, before, { password: "second" });
    const listener = await listen(stack.edgeUrl + mount);
    expect(listener.status).toBe(200);
    await waitFor("the listener to hear the source", () => listener.bytes().length > 30_000);
    await waitFor("the station's limit to hold", async () => {
      const newcomer = await listen(stack.edgeUrl + mount);
      newcomer.close();
      return newcomer.status !== 200;
    });
    expect(spare.log()).not.toContain("the edge knows");
    await sending.stop();
    listener.close();
  });
});
