import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { loadStackSettings } from "../../config/settings.ts";
import { Ingest } from "../../ingest/ingest.ts";
import { openLog } from "../../ingest/log.ts";
import { bucketOf } from "../support/bucket.ts";
import { requireClient } from "../support/clients.ts";
import { complaintsOfPrograms } from "../support/decoders.ts";
import { FasterTime } from "../support/faster-time.ts";
import { freePorts } from "../support/free-port.ts";
import { type LogEntry, logLines } from "../support/log-lines.ts";
import { makeMusic } from "../support/made-music.ts";
import { type PlayedSong, playedSongs, readSongRuns, type SongRun } from "../support/played-songs.ts";
import { songs } from "../support/songs.ts";
import type { Stack } from "../support/stack.ts";
import { pausesOf } from "../support/pauses.ts";
import { startStation } from "../support/station.ts";
import { waitFor } from "../support/wait.ts";

/**
 * An hour of an AutoDJ as it was broadcast: its music is read, analysed, picked, joined, cut, stored and announced by
 * the real parts, only that time passes as fast as the edge and the bucket take it. What the archive then has is held against
 * the files that it was made of.
 */
const mount = "/hour.mp3";
const wantedSeconds = 3_600;
const segmentSeconds = 2;
/** Of the playing time to the clock's; what cannot be stored so fast is waited for. */
const speed = 150;
const samplesPerFrame = 1_152;
const sampleRate = 44_100;
const frameMs = (samplesPerFrame * 1_000) / sampleRate;

const folder = mkdtempSync(join(tmpdir(), "skywave-hour-"));

const rotations = {
  hits: { weight: 3, memory: 5 },
  deep: { weight: 1, memory: 4 },
} as const;
const everyTracks = 4;

const station = `[limits]
segment_seconds = ${segmentSeconds}
grace_seconds = 1
`;
const programme = `${station}
[[autodj]]
mount = "${mount}"
name = "Hour FM"
format = "44100 stereo"
${Object.entries(rotations)
  .map(
    ([name, { weight, memory }]) =>
      `[[autodj.rotation]]
name = "${name}"
music = [${JSON.stringify(join(folder, name))}]
weight = ${weight}
memory = ${memory}`,
  )
  .join("\n")}
[[autodj.jingle]]
music = [${JSON.stringify(join(folder, "jingles"))}]
order = "sequential"
every_tracks = ${everyTracks}
`;

interface Begun {
  readonly file: string;
  readonly kind: "track" | "jingle" | "request";
  readonly rotation: string;
}

interface Request {
  readonly file: string;
  /** How many had begun when the request was in the queue. */
  readonly after: number;
}

let stack: Stack;
let ingest: Ingest;
let log = "";
let settings: IngestSettings;
let expected: readonly PlayedSong[] = [];
let recording: Uint8Array = new Uint8Array(0);
let told: readonly { readonly atMs: number; readonly text: string }[] = [];
let durationMs = 0;
let runs: readonly SongRun[] = [];
let frameCount = 0;
const requests: Request[] = [];

const begun = (): Begun[] =>
  logLines(log)
    .filter(({ msg }) => msg === "the AutoDJ plays")
    .map((line: LogEntry) =>
      z
        .object({ file: z.string(), kind: z.enum(["track", "jingle", "request"]), rotation: z.string() })
        .parse(line),
    );

let prepared: Promise<void> | null = null;
beforeEach(async (context) => {
  requireClient(context, "lame");
  await (prepared ??= prepare());
}, 400_000);
afterAll(async () => {
  await ingest?.stop();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function prepare(): Promise<void> {
  const making = makeMusic(folder, songs);
  stack = await startStation(station);
  const made = await making;
  settings = ingestSettings(await freePorts(2));
  expected = await playedSongs(settings, made);
  await play();
  await readBack();
}

/** Of an ingest in this process, at the stack's edge and bucket. */
function ingestSettings(port: number): IngestSettings {
  const stationFile = join(folder, "hour.toml");
  writeFileSync(stationFile, programme);
  const bucket = bucketOf(stack);
  const flags = ["--data", join(folder, "data"), "--ingest-port", `${port}`, "--config", stationFile];
  const env = {
    SKYWAVE_EDGE_URL: stack.edgeUrl,
    SKYWAVE_S3_URL: bucket.url,
    SKYWAVE_INGEST_TOKEN: stack.ingestToken,
    SKYWAVE_S3_ACCESS_KEY_ID: bucket.accessKeyId,
    SKYWAVE_S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
    SKYWAVE_SOURCE_PASSWORD: stack.password,
    SKYWAVE_ADMIN_PASSWORD: stack.adminPassword,
  };
  return loadStackSettings(flags, env, "ingest").ingest;
}

/**
 * When so many have begun, of a rotation what it played so many tracks ago: so recently that nothing but a request brings it
 * again, and not what plays.
 */
const asked: readonly (readonly [number, ...(readonly [rotation: string, ago: number])[]])[] = [
  [12, ["deep", 2]],
  [30, ["hits", 3], ["hits", 2], ["deep", 2]],
  [60, ["jingle 1", 2]],
  [80, ["hits", 3], ["deep", 2]],
];

async function play(): Promise<void> {
  // Files are no faster than ever: whoever reads ahead may have to wait for one.
  const reads = () => process.getActiveResourcesInfo().includes("FSReqPromise");
  const time = new FasterTime(speed, () => ingest.waitingSegments > 1 || reads());
  ingest = new Ingest({
    settings,
    version: "test",
    autodjTime: time,
    log: openLog("info", { write: (line) => void (log += line) }),
  });
  const { port } = await ingest.start();
  for (const [after, ...wanted] of asked) {
    await waitFor(`${after} tracks`, () => begun().length >= after, 120_000);
    const files = wanted.map(
      ([rotation, ago]) =>
        begun()
          .filter((each) => each.rotation === rotation)
          .at(-ago)?.file,
    );
    for (const file of files) await request(port, file ?? "");
  }
  await waitFor("the hour", () => time.now() > wantedSeconds * 1_000, 200_000);
  expect(await ingest.stop()).toBe(0);
}

async function request(port: number, file: string): Promise<void> {
  const login = Buffer.from(`admin:${stack.adminPassword}`).toString("base64");
  const query = new URLSearchParams({ mount, track: file });
  const reply = await fetch(`http://127.0.0.1:${port}/admin/autodj/queue?${query}`, {
    method: "POST",
    headers: { authorization: `Basic ${login}` },
  });
  expect(reply.status, await reply.text()).toBe(201);
  requests.push({ file, after: begun().length });
}

const listed = z.object({
  url: z.string(),
  tracks: z.string(),
  end: z.string().nullable(),
  durationMs: z.number(),
  titles: z.array(z.object({ atMs: z.number(), text: z.string() })),
});

async function readBack(): Promise<void> {
  const json = async (url: string): Promise<unknown> => {
    const reply = await fetch(url);
    expect(reply.status).toBe(200);
    return reply.json();
  };
  const broadcast = await waitFor(
    "the broadcast to be over",
    async () => {
      const reply = await json(`${stack.edgeUrl}/archive.json?mount=${mount}`);
      const { broadcasts } = z.object({ broadcasts: z.array(listed) }).parse(reply);
      const [only, ...others] = broadcasts;
      expect(others).toEqual([]);
      return only && only.end !== null ? only : undefined;
    },
    60_000,
  );
  recording = new Uint8Array(await (await fetch(broadcast.url)).arrayBuffer());
  const tracks = listed.parse(await json(broadcast.tracks));
  ({ titles: told, durationMs } = tracks);
  const found = readSongRuns(recording, expected);
  runs = found.runs;
  frameCount = found.frames;
}

const songOf = ({ song }: SongRun): PlayedSong => expected[song] as PlayedSong;

describe("an hour of an AutoDJ", () => {
  it("is an hour with a change every half minute", () => {
    expect((frameCount * frameMs) / 1_000).toBeGreaterThanOrEqual(wantedSeconds);
    expect(runs.length).toBeGreaterThanOrEqual(60);
    expect(Math.abs(durationMs - frameCount * frameMs)).toBeLessThan(1);
  });

  it("has each track whole, every frame once and in order, and nothing between them", () => {
    const problems: string[] = [];
    for (const [index, run] of runs.entries()) {
      const { file, frames } = songOf(run);
      const isCut = index === runs.length - 1;
      const isWhole = run.first === 0 && (isCut || run.last === frames.length - 1);
      if (!isWhole) problems.push(`${index}: ${file} from ${run.first} to ${run.last} of ${frames.length}`);
      // A file begins with a frame that reaches back to nothing.
      if (run.primers > 0) problems.push(`${index}: ${run.primers} frames of no file before ${file}`);
    }
    expect(problems).toEqual([]);
    expect(runs.map((run) => songOf(run).file)).toEqual(begun().map(({ file }) => file));
  });

  it("tells each title at its track's first frame", () => {
    expect(told.map(({ text }) => text)).toEqual(runs.map((run) => songOf(run).title));
    const late = runs.map(({ at }, index) => (told[index]?.atMs ?? 0) - at * frameMs);
    // The list counts in whole ms. A segment would do: the title is where the frame is.
    expect(Math.max(...late.map(Math.abs))).toBeLessThan(1 + frameMs);
  });

  it("plays no track that is within its rotation's memory", () => {
    for (const [name, { memory }] of Object.entries(rotations)) {
      const own = begun().filter(({ rotation }) => rotation === name);
      const again = own.filter(
        ({ file, kind }, index) => kind === "track" && recentOf(own, index, memory).includes(file),
      );
      expect(again).toEqual([]);
    }
  });

  it("plays its rotations by their weights", () => {
    const turns = begun().flatMap(({ kind, rotation }) => (kind === "track" ? [rotation] : []));
    const cycle = rotations.hits.weight + rotations.deep.weight;
    for (let at = 0; at + cycle <= turns.length; at++) {
      const some = turns.slice(at, at + cycle);
      expect(some.filter((name) => name === "deep").length, some.join()).toBe(rotations.deep.weight);
    }
  });

  it("plays a jingle after every fourth track, requests among them, in their order", () => {
    const all = begun();
    const jingles = all.flatMap(({ kind, file }, index) => (kind === "jingle" ? [{ file, index }] : []));
    const tracks = jingles.map(({ index }, at) => index - (jingles[at - 1]?.index ?? -1) - 1);
    expect(tracks).toEqual(jingles.map(() => everyTracks));
    expect(all.length - (jingles.at(-1)?.index ?? 0) - 1).toBeLessThanOrEqual(everyTracks);
    const names = ["j1.mp3", "j2.mp3", "j3.mp3"];
    expect(jingles.map(({ file }) => file)).toEqual(jingles.map((_, index) => names[index % 3]));
  });

  it("plays what was asked for before anything else, in the order of asking", () => {
    const all = begun();
    const played = all.flatMap(({ kind, file }, index) => (kind === "request" ? [{ file, index }] : []));
    expect(played.map(({ file }) => file)).toEqual(requests.map(({ file }) => file));
    for (const [at, { file, after }] of requests.entries()) {
      const between = all.slice(after, played[at]?.index).filter(({ kind }) => kind === "track");
      // The one that was about to begin.
      expect(between.length, `tracks between the request for ${file} and its playing`).toBeLessThanOrEqual(1);
    }
  });

  it("is decoded by ffmpeg and mpg123 without a word, and has no pause", async (context) => {
    requireClient(context, "ffmpeg", "mpg123");
    expect(complaintsOfPrograms(recording)).toEqual([]);
    const { said, pauses } = await pausesOf(recording);
    expect(said).toBe("");
    expect(pauses).toEqual([]);
  }, 120_000);
});

/** The files of the rotation that played last before, each once. */
function recentOf(own: readonly Begun[], index: number, memory: number): string[] {
  const recent = new Set<string>();
  for (let at = index - 1; at >= 0 && recent.size < memory; at--) recent.add(own[at]?.file ?? "");
  return [...recent];
}
