import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import { bucketOf } from "../support/bucket.ts";
import { complaintsOfPrograms } from "../support/decoders.ts";
import { takeMount } from "../support/encoder.ts";
import { fixtures } from "../support/fixture-audio.ts";
import { FrameList } from "../support/frame-check.ts";
import { type Heard, heardFrames, heardOf, outline } from "../support/heard.ts";
import { listen, type Listening } from "../support/listen.ts";
import { seeded } from "../support/seeded.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const mount = "/live.mp3";
/** For those with a login, and for so long. */
const closedMount = "/closed.mp3";
const longestListenMs = 3_000;
const login = { Authorization: `Basic ${btoa("ann:secret")}` };
const frameMs = (1152 * 1000) / 44_100;

/** What each epoch sends, of one sample rate. No frame is there twice. */
const parts = (
  [
    ["cbr128-joint44.mp3", 9],
    ["cbr320.mp3", 7],
    ["vbr-v2.mp3", 13],
  ] as const
).map(([file, seconds]) => framesOf(join(fixtures, file)).slice(0, Math.ceil((seconds * 1000) / frameMs)));
const list = new FrameList(parts.flat());

const folder = mkdtempSync(join(tmpdir(), "skywave-rewind-"));
let stack: Stack;
/** Of the frames, by index: when they are sent, about, ms since the Unix epoch. */
const sentAtMs: number[] = [];

async function startRewindStation(): Promise<Stack> {
  const members = join(folder, "members");
  writeFileSync(members, `ann:${createHash("md5").update("secret").digest("hex")}\n`);
  return startStation(`
[mounts."${closedMount}"]
listener_auth = { type = "htpasswd", file = ${JSON.stringify(members)} }
max_listener_seconds = ${longestListenMs / 1000}
`);
}

/** One epoch, with titles at seconds of it. */
async function broadcast(frames: readonly Frame[], titles: Readonly<Record<number, string>>): Promise<void> {
  const source = await takeMount({ port: stack.ingestPort, password: stack.password }, mount);
  const timers = Object.entries(titles).map(([at, text]) =>
    setTimeout(() => void setTitle(text), Number(at) * 1000),
  );
  const fromMs = Date.now();
  for (const index of frames.keys()) sentAtMs.push(fromMs + index * frameMs);
  await source.send(frames);
  for (const timer of timers) clearTimeout(timer);
  source.stop();
}

async function setTitle(song: string): Promise<void> {
  const query = new URLSearchParams({ mount, mode: "updinfo", song });
  await fetch(`${stack.ingestUrl}/admin/metadata?${query}`, {
    headers: { Authorization: `Basic ${btoa(`source:${stack.password}`)}` },
  });
}

/** A segment as storage has it: the oracle of what was on air. */
interface StoredSegment {
  readonly startMs: number;
  readonly endMs: number;
  readonly indices: readonly number[];
}

async function storedSegments(): Promise<StoredSegment[]> {
  const bucket = bucketOf(stack);
  const found: StoredSegment[] = [];
  for (const key of await bucket.keys(mount)) {
    const { body, metadata } = await bucket.object(key);
    const { startMs, samples, sampleRate } = decodeSegmentMetadata(metadata);
    const indices = mp3
      .indexFrames(body)
      .map(({ offset, size }) => list.indexOf(body.subarray(offset, offset + size)));
    found.push({ startMs, endMs: startMs + (samples * 1000) / sampleRate, indices });
  }
  return found;
}

/** The frame on air then, or that came next. */
function frameOnAir(stored: readonly StoredSegment[], atMs: number): number {
  const current = stored.findLast(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
  if (current) return current.indices[Math.floor((atMs - current.startMs) / frameMs)] ?? -1;
  return stored.find(({ startMs }) => startMs > atMs)?.indices[0] ?? -1;
}

/** When the ingest host had a frame. */
function onAirMs(stored: readonly StoredSegment[], index: number): number {
  const segment = stored.find(({ indices }) => indices.includes(index));
  return segment ? segment.startMs + segment.indices.indexOf(index) * frameMs : Number.NaN;
}

const tune = (query: string, icy = true, headers = {}, path = mount): Promise<Listening> =>
  listen(`${stack.edgeUrl}${path}?${query}`, { icy, headers });

async function ask(command: string): Promise<string> {
  const authorization = `Basic ${btoa(`admin:${stack.adminPassword}`)}`;
  const reply = await fetch(`${stack.ingestUrl}/admin/${command}`, { headers: { authorization } });
  return reply.text();
}

/** Ends a listener as an administrator does. */
async function kill(userAgent: string): Promise<string> {
  const id = await waitFor("the listener to be listed", async () => {
    const listed = await ask(`listclients?mount=${mount}`);
    const found = listed.matchAll(
      /<UserAgent>([^<]*)<\/UserAgent><Connected>\d+<\/Connected><ID>(\d+)<\/ID>/g,
    );
    return [...found].find(([, agent]) => agent === userAgent)?.[2];
  });
  return ask(`killclient?mount=${mount}&id=${id}`);
}

/** Index of the first frame of the source that a request brings. */
async function firstFrame(query: string): Promise<number> {
  const listening = await tune(query, false);
  if (listening.status !== 200) throw new Error(`${query}: ${listening.status}`);
  try {
    for (let tries = 0; tries < 100; tries++) {
      const first = heardFrames(listening.bytes(), list).find((index) => index >= 0);
      if (first !== undefined) return first;
      await sleep(50);
    }
    throw new Error(`${query}: nothing was heard`);
  } finally {
    listening.close();
  }
}

/** What those are told who may not listen to the past. */
async function barredFrom(): Promise<number[]> {
  const queries = ["offset=-5", "delay=5", `at=${new Date(Date.now() - 5_000).toISOString()}`, "offset=x"];
  const replies = await Promise.all(queries.map((query) => tune(query, false, {}, closedMount)));
  for (const reply of replies) reply.close();
  return replies.map(({ status }) => status);
}

/** Hears the closed mount's past for as long as that is granted. */
async function heardUntilEnd(query: string): Promise<typeof limited> {
  const listening = await tune(query, false, login, closedMount);
  const fromMs = performance.now();
  const isEnded = await Promise.race([
    listening.ended.then(() => true),
    sleep(longestListenMs * 2).then(() => false),
  ]);
  listening.close();
  return {
    status: listening.status,
    isEnded,
    ms: performance.now() - fromMs,
    bytes: listening.bytes().length,
  };
}

async function listenAsVictim(): Promise<void> {
  const victim = await tune("offset=-20", true, { "User-Agent": "victim/1" });
  await sleep(1_000);
  const reply = await kill("victim/1");
  const ended = await Promise.race([victim.ended.then(() => true), sleep(5_000).then(() => false)]);
  killed = { reply, ended };
  victim.close();
}

/** From a hundred moments, twenty at a time: all of those end together. */
async function listenFromMoments(): Promise<void> {
  const random = seeded(6);
  const fromMs = (sentAtMs[0] ?? 0) + 500;
  const toMs = Date.now() - 4_000;
  const moments = Array.from({ length: 100 }, () => Math.round(fromMs + random() * (toMs - fromMs)));
  for (let at = 0; at < moments.length; at += 20) {
    await Promise.all(
      moments.slice(at, at + 20).map(async (atMs) => {
        firstFrames.push({ atMs, got: await firstFrame(`at=${new Date(atMs).toISOString()}`) });
      }),
    );
  }
}

let delayed: Listening;
/** When its first byte came, ms since the Unix epoch. */
let delayedFromMs: number;
let catching: Listening;
let crossing: Listening;
let crossingFromIndex: number;
let killed: { readonly reply: string; readonly ended: boolean };
let barred: readonly number[];
let limited: {
  readonly status: number;
  readonly isEnded: boolean;
  readonly ms: number;
  readonly bytes: number;
};
let stored: StoredSegment[];
const firstFrames: { atMs: number; got: number }[] = [];
/** Moments between two broadcasts. */
let pauseMs: readonly [number, number];

beforeAll(async () => {
  stack = await startRewindStation();
  const closed = streamMp3(stack.ingestPort, closedMount, join(fixtures, "crc128.mp3"), {
    password: stack.password,
    loop: true,
  });
  const first = broadcast(parts[0] ?? [], { 1: "one", 3: "two", 6: "three" });
  await sleep(3_000);
  const askedMs = Date.now();
  delayed = await tune("delay=7");
  await sleep(4_500);
  catching = await tune("offset=-5");
  await first;
  await sleep(3_000);
  const second = broadcast(parts[1] ?? [], { 2: "four" });
  [barred, limited] = await Promise.all([barredFrom(), heardUntilEnd("offset=-8")]);
  await second;
  const pausedMs = Date.now();
  (await closed).destroy();
  await sleep(16_500);
  catching.close();
  const sentThirdMs = Date.now();
  const third = broadcast(parts[2] ?? [], { 2: "five" });
  await sleep(5_000);
  pauseMs = [pausedMs + 2_000, Date.now() - 6_000];
  crossingFromIndex = sentAtMs.findLastIndex((ms) => ms < pausedMs - 5_000);
  crossing = await tune(`at=${new Date(sentAtMs[crossingFromIndex] ?? 0).toISOString()}`);
  await Promise.all([listenAsVictim(), listenFromMoments()]);
  // Until the delayed mount has been heard in the third part, and its title.
  await sleep(sentThirdMs + 12_000 - Date.now());
  stored = await storedSegments();
  delayedFromMs = askedMs + (delayed.chunks[0]?.atMs ?? Number.NaN);
  for (const listening of [delayed, crossing]) listening.close();
  await third;
}, 120_000);

afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** From the first to the last frame; throws when one of them is missing or comes twice. Silence and primers may be between. */
function oneRun(runs: Heard["runs"]): { readonly first: number; readonly last: number } {
  const found = runs.flatMap((run) => ("first" in run ? [run] : []));
  for (const [index, run] of found.entries()) {
    const before = found[index - 1];
    if (before && run.first !== before.last + 1) throw new Error(`${run.first} after ${before.last}`);
  }
  return { first: found[0]?.first ?? -1, last: found.at(-1)?.last ?? -1 };
}

const heard = (listening: Listening): Heard => heardOf(listening, { source: list });

describe("a mount from a moment on", () => {
  it("begins with the frame that was on air, at 100 random moments", () => {
    const wrong = firstFrames.filter(({ atMs, got }) => got !== frameOnAir(stored, atMs));
    expect(wrong.map(({ atMs, got }) => ({ atMs, got, wanted: frameOnAir(stored, atMs) }))).toEqual([]);
    expect(firstFrames).toHaveLength(100);
    expect(firstFrames.some(({ atMs }) => atMs > pauseMs[0] && atMs < pauseMs[1])).toBe(true);
  });

  it("leaves out the pause between two broadcasts, and shows the titles of then", () => {
    const { runs, titles, rest, audio } = heard(crossing);
    expect(runs.some(({ of }) => of === "silence")).toBe(false);
    const { first, last } = oneRun(runs);
    expect(Math.abs(first - crossingFromIndex)).toBeLessThan(20);
    // At the pace of real time, and what is sent ahead.
    expect(((last - first) * frameMs) / 1000).toBeGreaterThan(9);
    expect(((last - first) * frameMs) / 1000).toBeLessThan(18);
    expect(titles.map(({ text }) => text)).toEqual(["four", "", "five"]);
    expect(rest).toBeLessThan(1_000);
    expect(complaintsOfPrograms(audio)).toEqual([]);
  });

  it("meets the live edge and goes on without a gap or a repeat", () => {
    const { runs, audio } = heard(catching);
    // Long after it was live: to the end of the second epoch, after which nothing came.
    expect(oneRun(runs).last).toBe((parts[0]?.length ?? 0) + (parts[1]?.length ?? 0) - 1);
    expect(complaintsOfPrograms(audio)).toEqual([]);
  });
});

describe("who listens to the past", () => {
  it("is listed, and ended by an administrator", () => {
    expect(killed.reply).toContain("<return>1</return>");
    expect(killed.ended).toBe(true);
  });
});

describe("the past of a mount that is not for all", () => {
  it("is for those who may listen, whatever the moment", () => {
    expect(barred).toEqual([401, 401, 401, 401]);
  });

  it("ends for them when they have listened for as long as they may", () => {
    const { status, isEnded, ms, bytes } = limited;
    expect({ status, isEnded }).toEqual({ status: 200, isEnded: true });
    expect(ms).toBeGreaterThan(longestListenMs - 500);
    // What was heard and what was in hand.
    expect(bytes / 16).toBeGreaterThan(longestListenMs);
  });
});

describe("a delayed mount", () => {
  it("stays as long behind as it was asked to, through pauses", () => {
    const { audio } = heard(delayed);
    const behind: number[] = [];
    for (const [at, index] of heardFrames(audio, list).entries()) {
      if (index >= 0 && index % 20 === 0) {
        behind.push((delayedFromMs + at * frameMs - onAirMs(stored, index)) / 1000);
      }
    }
    expect(Math.min(...behind)).toBeGreaterThan(6);
    expect(Math.max(...behind)).toBeLessThan(8);
  });

  it("is silent where nothing was", () => {
    const { runs, titles, audio } = heard(delayed);
    expect(outline({ runs } as Heard)).toEqual([
      "silence",
      "source",
      "silence",
      "source",
      "silence",
      "source",
    ]);
    expect(titles.map(({ text }) => text).filter((text) => text !== "")).toEqual([
      "one",
      "two",
      "three",
      "four",
      "five",
    ]);
    expect(complaintsOfPrograms(audio)).toEqual([]);
  });
});

describe("a moment that cannot be", () => {
  const now = (): string => new Date(Date.now() + 60_000).toISOString();
  it.each([
    ["no number", () => "offset=abc", 400],
    ["NaN", () => "offset=NaN", 400],
    ["nothing", () => "delay=", 400],
    ["the future", () => `at=${now()}`, 400],
    ["no date", () => "at=yesterday", 400],
    ["two of them", () => "offset=-10&delay=10", 400],
    ["one twice", () => "offset=-10&offset=-20", 400],
    ["a negative delay", () => "delay=-5", 400],
    ["too old", () => "at=2020-01-01T00:00:00Z", 404],
  ])("is refused with the earliest one there is: %s", async (_, query, status) => {
    const reply = await fetch(`${stack.edgeUrl}${mount}?${query()}`);
    expect(reply.status).toBe(status);
    expect(reply.headers.get("Content-Type")).toMatch(/^text\/plain/);
    const earliest = /The earliest moment is (\S+)/.exec(await reply.text())?.[1];
    expect(Date.parse(earliest ?? "")).toBe(stored[0]?.startMs);
  });

  it("is found through an ingest host too", async () => {
    const reply = await fetch(`${stack.ingestUrl}${mount}?offset=x`);
    expect(reply.status).toBe(400);
    expect(await reply.text()).toContain("The earliest moment is ");
  });

  it("is a moment all the same when the mount is off the air", async () => {
    expect(await firstFrame(`at=${new Date(stored[2]?.startMs ?? 0).toISOString()}`)).toBe(
      stored[2]?.indices[0],
    );
  });
});
