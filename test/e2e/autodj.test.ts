import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadStackSettings } from "../../config/settings.ts";
import { Ingest } from "../../ingest/ingest.ts";
import { openLog } from "../../ingest/log.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import { sampleCount } from "../../shared/units.ts";
import { FasterTime, isBehind } from "../support/faster-time.ts";
import { excerptOf, fixtures } from "../support/fixture-audio.ts";
import { FrameList } from "../support/frame-check.ts";
import { heardOf, outline } from "../support/heard.ts";
import { bucketOf } from "../support/bucket.ts";
import { basic } from "../support/icecast-wire.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { listen, type Listening } from "../support/listen.ts";
import { logLines } from "../support/log-lines.ts";
import { rawRequest } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const music = mkdtempSync(join(tmpdir(), "skywave-music-"));
const folder = (name: string): string => {
  const path = join(music, name);
  mkdirSync(path, { recursive: true });
  return path;
};
const fixture = (name: string): string => join(fixtures, name);

/** What each track's frames are called; excerpts of a fixture are its first seconds. */
const lists = {
  "one-hundred": new FrameList(framesOf(fixture("cbr128-joint44.mp3"))),
  "three-hundred": new FrameList(framesOf(fixture("cbr320.mp3"))),
  variable: new FrameList(framesOf(fixture("vbr-v2.mp3"))),
  checked: new FrameList(framesOf(fixture("crc128.mp3"))),
};
/** Without its tags: a track is called as its file then. */
function write(path: string, name: string, seconds = 60): void {
  writeFileSync(path, excerptOf(name, seconds).frames);
}

function fill(): void {
  const order = folder("order");
  write(join(order, "1 one-hundred.mp3"), "cbr128-joint44.mp3", 5);
  write(join(order, "2 three-hundred.mp3"), "cbr320.mp3", 5);
  write(join(order, "3 checked.mp3"), "crc128.mp3", 5);
  for (const name of ["resumed", "shared", "twin", "later"])
    write(join(folder(name), "variable.mp3"), "vbr-v2.mp3");
  const asked = folder("asked");
  write(join(asked, "1 variable.mp3"), "vbr-v2.mp3");
  write(join(asked, "2 three-hundred.mp3"), "cbr320.mp3");
  write(join(asked, "3 one-hundred.mp3"), "cbr128-joint44.mp3");
  const bad = folder("bad");
  writeFileSync(join(bad, "1 empty.mp3"), "");
  writeFileSync(join(bad, "2 text.mp3"), "This is no music. ".repeat(1_000));
  write(join(bad, "3 mono.mp3"), "mono48-64.mp3", 5);
  write(join(bad, "4 three-hundred.mp3"), "cbr320.mp3");
  folder("empty");
}
/** Of five seconds. */
const trackFrames = 192;

const autodj = (name: string, more = ""): string => `
[[autodj]]
mount = "/${name}.mp3"
music = [${JSON.stringify(join(music, name))}]
order = "sequential"
loudness_lufs = false
${more}`;

const bad = "transcode = false\nformat = '44100 stereo'";
const stationFile = join(music, "station.toml");
const fastFile = join(music, "fast.toml");
const twinFile = join(music, "twin.toml");
const station = (mounts: string): string => `[sources]
password = "source-pw"
[admin]
password = "admin-pw"
[limits]
segment_seconds = 1
[[user]]
name = "olga"
role = "operator"
password = "olga-pw"
[[user]]
name = "vera"
role = "viewer"
password = "vera-pw"
${mounts}`;
const mounts = `
${autodj("order", 'name = "Order FM"')}
${autodj("resumed")}
${autodj("shared")}
${autodj("asked")}
${autodj("bad", bad)}
${autodj("empty", 'name = "Empty FM"')}
`;

let stack: Stack;
let twins: readonly IngestProcess[] = [];
const listeners: Listening[] = [];

beforeAll(async () => {
  fill();
  writeFileSync(stationFile, station(mounts));
  writeFileSync(fastFile, station(autodj("order").replace("/order.mp3", "/fast.mp3")));
  writeFileSync(twinFile, station(autodj("twin")));
  stack = await startStack({ stationFile });
  const bucket = bucketOf(stack);
  const { password, adminPassword, edgeUrl } = stack;
  const twin = {
    stack,
    bucket,
    edgeUrl,
    bucketUrl: bucket.url,
    password,
    adminPassword,
    stationFile: twinFile,
  };
  twins = [await startIngest(twin), await startIngest(twin)];
});
afterAll(async () => {
  for (const listening of listeners) listening.close();
  await Promise.all(twins.map((twin) => twin.stop()));
  await stack?.stop();
  rmSync(music, { recursive: true, force: true });
});

const saying = (msg: string | RegExp, mount: string) =>
  logLines(stack.log()).filter((line) => line["mount"] === mount && line.msg.match(msg));

async function hear(mount: string): Promise<Listening> {
  const listener = await waitFor(`${mount} to be on air`, async () => {
    const each = await listen(`http://127.0.0.1:${stack.edgePort}${mount}`, { icy: true });
    if (each.status === 200) return each;
    each.close();
    return undefined;
  });
  listeners.push(listener);
  return listener;
}

const trackSchema = z.object({
  file: z.string(),
  kind: z.string().nullable(),
  title: z.string().nullable(),
  durationSeconds: z.number().nullable(),
});
const nowSchema = z.object({ onAir: z.boolean(), playing: trackSchema.nullable(), queued: z.number() });
const nextSchema = z.object({ next: z.array(trackSchema) });

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function command(line: string, login: string | null = "olga:olga-pw", headers = ""): Promise<Reply> {
  const [user = "", password = ""] = (login ?? "").split(":");
  const authorization = login === null ? "" : basic(user, password);
  const reply = (
    await rawRequest(stack.ingestPort, `${line} HTTP/1.0\r\n${authorization}${headers}\r\n`)
  ).toString();
  const [head = "", body = ""] = reply.split("\r\n\r\n", 2);
  const isJson = head.includes("application/json");
  return { status: Number(head.split(" ")[1]), body: isJson && body !== "" ? JSON.parse(body) : body };
}
const playing = async (mount: string) =>
  nowSchema.parse((await command(`GET /admin/autodj/now?mount=${mount}`)).body);

describe("an AutoDJ", () => {
  it.concurrent("plays its tracks one after the other, each whole, each title at its track's first frame", async () => {
    const listener = await hear("/order.mp3");
    const tracks = ["one-hundred", "three-hundred", "checked"] as const;
    const heard = await waitFor(
      "three whole tracks",
      () => {
        const all = heardOf(listener, lists);
        return outline(all).length >= 5 ? all : undefined;
      },
      40_000,
    );
    const runs = heard.runs.flatMap((run) => ("last" in run ? [run] : []));
    expect(outline(heard)).not.toContain("silence");
    expect(heard.rest).toBeLessThan(2_000);
    for (const run of runs.slice(1, -1)) {
      // Of each, all but what the encoder put before and behind it.
      expect(run.first).toBeLessThanOrEqual(2);
      expect(run.last).toBeGreaterThanOrEqual(trackFrames - 4);
    }
    const names = runs.map(({ of }) => of);
    for (const [index, name] of names.entries()) {
      const next = tracks[(tracks.findIndex((each) => each === name) + 1) % 3];
      if (index + 1 < names.length) expect(names[index + 1]).toBe(next);
    }
    // Where a run begins, in bytes of audio; a title can only come with the next metadata block.
    const metaint = Number(listener.headers["icy-metaint"]);
    for (const { text, atByte } of heard.titles.slice(1)) {
      const name = text.slice(2);
      const starts = startsOf(heard.audio).filter((start) => start.name === name);
      const lateBytes = starts.map(({ offset }) => atByte - offset).filter((late) => late >= -1_500);
      expect(Math.min(...lateBytes), `${text} at byte ${atByte}`).toBeLessThanOrEqual(metaint);
    }
    expect(heard.titles.slice(0, 3).map(({ text }) => text.slice(2))).toEqual(names.slice(0, 3));
    expect(listener.headers["icy-name"]).toBe("Order FM");
  }, 50_000);

  it.concurrent("gives its mount to a source at once, and goes on where it was when that has gone", async () => {
    const listener = await hear("/shared.mp3");
    await waitFor("music", () => heardOf(listener, lists).runs.some(({ of }) => of === "variable"));
    const live = await streamMp3(stack.ingestPort, "/shared.mp3", fixture("cbr128-joint44.mp3"), {
      password: "source-pw",
    });
    const isHeard = (outlined: readonly string[]) => () => {
      const heard = heardOf(listener, lists);
      return outline(heard)
        .filter((of) => of !== "silence")
        .join() === outlined.join()
        ? heard
        : undefined;
    };
    await waitFor("the source to be heard", isHeard(["variable", "one-hundred"]));
    await waitFor("four seconds of it", () => live.sent.length > 150);
    await live.stop();
    await waitFor("the AutoDJ to be heard again", isHeard(["variable", "one-hundred", "variable"]));
    const heard = heardOf(listener, lists);
    const [before, source, after] = heard.runs.flatMap((run) => ("last" in run ? [run] : []));
    expect(after?.first).toBe((before?.last ?? 0) + 1);
    expect(source?.first).toBe(0);
    // The source told none: it is the AutoDJ's from the beginning.
    expect(heard.titles.map(({ text }) => text)).toEqual(["variable"]);
  }, 50_000);

  it.concurrent("refuses what is no music by name, and plays the rest", async () => {
    const listener = await hear("/bad.mp3");
    await waitFor("music", () => heardOf(listener, lists).runs.some(({ of }) => of === "three-hundred"));
    const refused = await waitFor("three refusals", () => {
      const lines = saying(/^a file is not played/, "/bad.mp3");
      return lines.length >= 3 ? lines : undefined;
    });
    const told = refused
      .map((line) => [line["file"], line.msg])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    expect(told).toEqual([
      ["1 empty.mp3", expect.stringMatching(/^a file is not played: it is empty/)],
      ["2 text.mp3", expect.stringMatching(/^a file is not played: it /)],
      ["3 mono.mp3", expect.stringMatching(/^a file is not played: it is 48000 mono/)],
    ]);
  }, 50_000);

  it.concurrent("is silent under its station's name without music, and plays what appears", async () => {
    const listener = await hear("/empty.mp3");
    await waitFor("silence", () => heardOf(listener, lists).runs.some(({ of }) => of === "silence"));
    await waitFor("the name", () => heardOf(listener, lists).titles.some(({ text }) => text === "Empty FM"));
    write(join(music, "empty", "three-hundred.mp3"), "cbr320.mp3");
    const heard = await waitFor("music", () => {
      const all = heardOf(listener, lists);
      return all.runs.some(({ of }) => of === "three-hundred") && all.titles.length > 1 ? all : undefined;
    });
    expect(outline(heard)).toEqual(["silence", "three-hundred"]);
    expect(heard.titles.map(({ text }) => text)).toEqual(["Empty FM", "three-hundred"]);
    expect(saying(/nothing to play/, "/empty.mp3")).toHaveLength(1);
  }, 50_000);

  it.concurrent("plays what is asked for next, and tells what it plays", async () => {
    const at = "mount=/asked.mp3";
    await waitFor("the AutoDJ to play", async () => (await playing("/asked.mp3")).playing !== null);
    expect(await playing("/asked.mp3")).toMatchObject({
      onAir: true,
      playing: { file: "1 variable.mp3", kind: "track", title: "1 variable" },
      queued: 0,
    });
    const { next } = nextSchema.parse((await command(`GET /admin/autodj/next?${at}&count=3`)).body);
    expect(next.map(({ file }) => file)).toEqual([
      "2 three-hundred.mp3",
      "3 one-hundred.mp3",
      "1 variable.mp3",
    ]);

    const queued = await command(`POST /admin/autodj/queue?${at}&track=ONE-`);
    expect(queued).toMatchObject({
      status: 201,
      body: { position: 1, queued: { file: "3 one-hundred.mp3" } },
    });
    expect(
      (await command(`POST /admin/autodj/queue?${at}&track=${encodeURIComponent("3 one-hundred.mp3")}`))
        .status,
    ).toBe(409);
    expect((await command(`POST /admin/autodj/queue?${at}&track=hundred`)).status).toBe(409);
    expect((await command(`POST /admin/autodj/queue?${at}&track=nothing`)).status).toBe(404);
    expect((await command(`GET /admin/autodj/queue?${at}`)).body).toMatchObject({
      queue: [{ file: "3 one-hundred.mp3" }],
    });

    const skipped = await command(`POST /admin/autodj/skip?${at}`);
    expect(skipped).toMatchObject({ status: 200, body: { skipped: { file: "1 variable.mp3" } } });
    await waitFor(
      "the request",
      async () => (await playing("/asked.mp3")).playing?.file === "3 one-hundred.mp3",
    );
    expect((await playing("/asked.mp3")).playing?.kind).toBe("request");
    expect(await playing("/asked.mp3")).toMatchObject({ queued: 0 });
    await command(`POST /admin/autodj/skip?${at}`);
    await waitFor(
      "what was to come",
      async () => (await playing("/asked.mp3")).playing?.file === "2 three-hundred.mp3",
    );

    await command(`POST /admin/autodj/queue?${at}&track=variable`);
    expect(await command(`DELETE /admin/autodj/queue?${at}`)).toMatchObject({
      status: 200,
      body: { removed: 1 },
    });
    expect((await command(`GET /admin/autodj/queue?${at}`)).body).toMatchObject({ queue: [] });
  }, 50_000);

  it.concurrent.each([
    ["nobody", null, "GET /admin/autodj/now?mount=/asked.mp3", "", 401],
    ["a wrong password", "olga:wrong", "POST /admin/autodj/queue?mount=/asked.mp3&track=x", "", 401],
    ["a source", "source:source-pw", "POST /admin/autodj/queue?mount=/asked.mp3&track=x", "", 401],
    ["a viewer", "vera:vera-pw", "POST /admin/autodj/queue?mount=/asked.mp3&track=x", "", 403],
    ["a viewer who looks", "vera:vera-pw", "GET /admin/autodj/now?mount=/asked.mp3", "", 403],
    ["an administrator", "admin:admin-pw", "GET /admin/autodj/now?mount=/asked.mp3", "", 200],
    ["HEAD", "olga:olga-pw", "HEAD /admin/autodj/now?mount=/asked.mp3", "", 200],
    ["OPTIONS", null, "OPTIONS /admin/autodj/queue", "", 204],
    ["GET to skip", "olga:olga-pw", "GET /admin/autodj/skip?mount=/asked.mp3", "", 405],
    ["no mount", "olga:olga-pw", "GET /admin/autodj/now", "", 400],
    ["another mount", "olga:olga-pw", "GET /admin/autodj/now?mount=/other.mp3", "", 404],
    ["no such command", "olga:olga-pw", "GET /admin/autodj/then?mount=/asked.mp3", "", 404],
    ["no track", "olga:olga-pw", "POST /admin/autodj/queue?mount=/asked.mp3", "", 400],
    ["a count that is none", "olga:olga-pw", "GET /admin/autodj/next?mount=/asked.mp3&count=many", "", 400],
    [
      "another site's form",
      "olga:olga-pw",
      "POST /admin/autodj/skip?mount=/asked.mp3",
      "Origin: http://evil.example\r\n",
      403,
    ],
  ])("answers %s", async (_, login, line, headers, status) => {
    expect((await command(line, login, headers)).status).toBe(status);
  });
});

it("has each of many tracks' titles on its first frame, and no frame between them, through minutes at speed", async () => {
  const dataDir = folder("fast-data");
  const loaded = loadStackSettings(["--data", stack.dataDir, "--config", fastFile], {}).ingest;
  const bucket = bucketOf(stack);
  const settings = {
    ...loaded,
    ...{ host: "127.0.0.1", port: 0, shoutcastPort: 0, dataDir, ingestId: "fast" },
    edgeUrl: stack.edgeUrl,
    ingestToken: stack.ingestToken,
    storage: { ...loaded.storage, bucketUrl: bucket.url },
  };
  const log = openLog("warn", { write: () => undefined });
  const time = new FasterTime(200, () => isBehind(ingest));
  const ingest: Ingest = new Ingest({ settings, version: "0.0.0", log, autodjTime: time });
  await ingest.start();
  try {
    await waitFor("three minutes of programme", () => time.now() > 180_000, 40_000);
  } finally {
    await ingest.stop();
  }
  const heard: { readonly name: string; readonly index: number; readonly title: string | undefined }[] = [];
  for (const key of await bucket.keys("/fast.mp3")) {
    const { body, metadata } = await bucket.object(key);
    const titles = new Map(
      decodeSegmentMetadata(metadata).titles.map(({ atSample, text }) => [atSample, text]),
    );
    for (const [number, { offset, size }] of mp3.indexFrames(body).entries()) {
      const frame = body.subarray(offset, offset + size);
      const [name = "", list] = Object.entries(lists).find(([, each]) => each.indexOf(frame) >= 0) ?? [];
      heard.push({ name, index: list?.indexOf(frame) ?? -1, title: titles.get(sampleCount(number * 1152)) });
    }
  }
  const begins = heard.flatMap(({ title }, place) => (title === undefined ? [] : [place]));
  expect(begins.length).toBeGreaterThan(30);
  // Each frame follows the one before it, or begins a track: nothing else is there, not even silence.
  const strays = heard.filter(({ name, index, title }, place) => {
    const before = heard[place - 1];
    const follows = before?.name === name && index === before.index + 1;
    return !follows && (title === undefined || index > 2 || title.slice(2) !== name);
  });
  expect(strays).toEqual([]);
  const ends = begins.slice(1).map((place) => heard[place - 1]?.index ?? -1);
  expect(Math.min(...ends)).toBeGreaterThanOrEqual(trackFrames - 4);
}, 60_000);

it("plays on one of two hosts that have it, and on the other when that one has died", async () => {
  const listener = await hear("/twin.mp3");
  const onAir = () => twins.filter((twin) => twin.log().includes("source on air"));
  const [first, ...others] = onAir();
  expect(others).toEqual([]);
  await first?.end("SIGKILL");
  await waitFor("the other host to play", () => onAir().length === 2, 20_000);
  const heard = await waitFor("both to be heard", () => {
    const runs = heardOf(listener, lists).runs.flatMap((run) => ("last" in run ? [run] : []));
    return runs.length >= 2 ? runs : undefined;
  });
  expect(heard[1]?.first).toBeLessThanOrEqual(2);
}, 50_000);

it("is left alone, begun or ended as the settings say when they are read again", async () => {
  const onAir = (mount: string) => saying("source on air", mount).length;
  expect(onAir("/asked.mp3")).toBe(1);
  const changed = mounts.replace(autodj("bad", bad), autodj("later"));
  writeFileSync(stationFile, station(changed));
  process.kill(stack.pid, "SIGHUP");
  await waitFor("the new one to be on air", () => onAir("/later.mp3") === 1);
  const [ended] = await waitFor("the old one's end", () => {
    const lines = saying("source ended", "/bad.mp3");
    return lines.length > 0 ? lines : undefined;
  });
  expect(ended?.["reason"]).toBe("the AutoDJ was taken away");
  expect(onAir("/asked.mp3")).toBe(1);
  expect(saying("source ended", "/asked.mp3")).toEqual([]);
}, 30_000);

it("goes on within the track after a restart", async () => {
  const listener = await hear("/resumed.mp3");
  await waitFor("music", () => heardOf(listener, lists).runs.some(({ of }) => of === "variable"));
  stack.kill("ingest", "SIGTERM");
  await waitFor("the AutoDJ to be back", () => saying("source on air", "/resumed.mp3").length >= 2, 30_000);
  const runs = await waitFor("music after the restart", () => {
    const all = heardOf(listener, lists).runs.flatMap((run) => ("last" in run ? [run] : []));
    const [, after] = all;
    return after || (all[0] && all[0].last - all[0].first > 500) ? all : undefined;
  });
  const [before, after] = runs;
  // Without a break where it was fast enough.
  if (after) expect(after.first).toBe((before?.last ?? 0) + 1);
  else expect(before?.last).toBeGreaterThan(500);
}, 50_000);

/** Where in a listener's audio tracks begin. */
function startsOf(audio: Uint8Array): { readonly name: string; readonly offset: number }[] {
  const starts: { name: string; offset: number }[] = [];
  let last = "";
  for (const { offset, size } of mp3.indexFrames(audio)) {
    const frame = audio.subarray(offset, offset + size);
    const name = Object.entries(lists).find(([, list]) => list.indexOf(frame) >= 0)?.[0];
    if (name !== undefined && name !== last) starts.push({ name, offset });
    last = name ?? last;
  }
  return starts;
}
