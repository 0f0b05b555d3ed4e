import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { LibrarySchedule, type ScheduledEdition } from "../../shared/library-schedule.ts";
import { AwsClient } from "aws4fetch";
import { bucketOf } from "../support/bucket.ts";
import { type Crowd, openCrowd } from "../support/crowd.ts";
import { type EdgeProcess, putInto, startEdge } from "../support/edge-process.ts";
import { FrameList } from "../support/frame-check.ts";
import { heardFrames, heardOf, outline } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { editionOf, type MadeTrack, madeTracks, putEditions, putTracks } from "../support/made-library.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** Music that the edge plays from storage by the clock. */
const fixtures = join(import.meta.dirname, "..", "fixtures");
const music = join(fixtures, "cbr128-joint44.mp3");
const liveFile = join(fixtures, "vbr-v2.mp3");
const all = new FrameList(framesOf(music));

const autodj = `
[[autodj]]
mount = "/music.mp3"
kind = "edge"
library = "house"
name = "The house"
genre = "Fixtures"
`;

/** Others for those who are counted. */
const counted = [1, 20, 200];
const countedMounts = counted
  .map((count) => `[[autodj]]\nmount = "/long-${count}.mp3"\nkind = "edge"\nlibrary = "long-${count}"\n`)
  .join("");

/** Index in the music of each frame that is heard from `fromMs` on, `count` of them. */
function programme(
  editions: readonly ScheduledEdition[],
  tracks: readonly MadeTrack[],
  fromMs: number,
  count: number,
): number[] {
  const schedule = new LibrarySchedule(editions);
  const frames: number[] = [];
  for (let play = schedule.playAt(fromMs); play && frames.length < count; play = schedule.after(play)) {
    const { from, until } = tracks.find(({ id }) => id === play?.track.id) ?? { from: 0, until: 0 };
    for (let index = from; index < until; index++) frames.push(index);
  }
  return frames;
}

const copyId = (id: string, copy: number): string => copy.toString(16).padStart(2, "0") + id.slice(2);

/** Where a list begins in another; -1 where it is not. */
function placeOf(part: readonly number[], whole: readonly number[]): number {
  return whole.findIndex((_, at) => part.every((frame, index) => whole[at + index] === frame));
}

const framesHeard = (listening: Listening): number[] =>
  heardFrames(new Uint8Array(listening.bytes()), all).filter((index) => index >= 0);

const health = async (url: string) =>
  (await (await fetch(`${url}/health`)).json()) as Record<
    "listeners" | "bucketReads" | "mountCalls" | "seatCalls" | "rosterCalls" | "cacheWrites",
    number
  >;

describe("two runtimes that know nothing of each other, without an ingest", () => {
  const edges: EdgeProcess[] = [];
  const open: (Listening | Crowd)[] = [];
  const tracks = madeTracks(music, [0, 260, 430, 700, 905, 1_140]);
  // The same sound under other names is other objects.
  const copies = Array.from({ length: 30 }, (_, copy) =>
    tracks.map((track) => ({ ...track, id: copyId(track.id, copy) })),
  ).flat();
  const others = madeTracks(music, [30, 300, 610, 1_000]);
  const editions: (ScheduledEdition & { id: string })[] = [];
  /** When the second edition begins. */
  let changesMs = 0;

  beforeAll(async () => {
    edges.push(...(await Promise.all([startEdge(autodj + countedMounts), startEdge(autodj)])));
    const first = { id: "first", fromMs: Date.now() - 1_234_567, edition: editionOf(tracks, 4_711) };
    // Where a track is over, as an uploader chooses it.
    changesMs = new LibrarySchedule([first]).borderFrom(Date.now() + 15_000);
    editions.push(first, { id: "second", fromMs: changesMs, edition: editionOf(others, 815) });
    for (const { put } of edges) {
      await putTracks([...tracks, ...others], put);
      await putEditions("house", editions, put);
    }
    // Of which none is in memory when it is first heard.
    const [{ put } = there(edges[0])] = edges;
    await putTracks(copies, put);
    for (const count of counted) {
      const fromMs = Date.now() - count * 1_000_000;
      await putEditions(`long-${count}`, [{ id: "only", fromMs, edition: editionOf(copies, count) }], put);
    }
  });
  afterAll(async () => {
    for (const each of open) each.close();
    await Promise.all(edges.map((edge) => edge.stop()));
  });

  const tune = async (url: string, icy = false): Promise<Listening> => {
    const listening = await listen(url, { icy });
    open.push(listening);
    return listening;
  };

  it("send the same frames at the same time, over a change of editions, and write nothing", async () => {
    const before = await Promise.all(edges.map((edge) => edge.list()));
    const begunMs = Date.now();
    const pairs = await Promise.all(edges.map((edge) => tune(`${edge.url}/music.mp3`)));
    const titled = await tune(`${edges[0]?.url}/music.mp3`, true);
    expect(pairs.map(({ status }) => status)).toEqual([200, 200]);
    expect(titled.headers).toMatchObject({ "icy-name": "The house", "icy-genre": "Fixtures" });
    await waitFor("the second edition to be heard", () => Date.now() > changesMs + 12_000, 60_000);
    const [one = [], other = []] = pairs.map(framesHeard);
    for (const each of open) each.close();

    // The one that came first has a frame or two more.
    const [early, late] = placeOf(one.slice(0, 50), other) >= 0 ? [other, one] : [one, other];
    const at = placeOf(late.slice(0, 50), early);
    expect(at, `${one.slice(0, 5)} and ${other.slice(0, 5)}`).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(40);
    const common = Math.min(early.length - at, late.length);
    expect(common).toBeGreaterThan(600);
    expect(late.slice(0, common)).toEqual(early.slice(at, at + common));

    // And it is what the clock says, both editions of it: a burst before the moment at which they came.
    const fromMs = begunMs - 30_000;
    const expected = programme(editions, [...tracks, ...others], fromMs, 5_000);
    expect(placeOf(late, expected), `${late.slice(0, 5)} … ${late.slice(-5)}`).toBeGreaterThanOrEqual(0);
    const begins = new Set(others.map(({ from }) => from));
    const change = late.findIndex((frame, index) => begins.has(frame) && late[index - 1] !== frame - 1);
    expect(change, "where the second edition begins").toBeGreaterThan(0);

    expect(await Promise.all(edges.map((edge) => edge.list()))).toEqual(before);
    for (const { url, log } of edges) {
      expect(await health(url), log()).toMatchObject({ mountCalls: 0, seatCalls: 0, cacheWrites: 0 });
      expect(log()).not.toContain('"level":50');
    }
  });

  it("set each title with the first frame of its track", async () => {
    const listening = await tune(`${edges[1]?.url}/music.mp3`, true);
    const heardTitles = () => {
      const { audio, titles } = new IcyDeinterleaver(Number(listening.headers["icy-metaint"])).push(
        listening.bytes(),
      );
      return { titles, audio: new Uint8Array(Buffer.concat(audio)) };
    };
    await waitFor("three titles", () => heardTitles().titles.length >= 3, 60_000);
    const { titles, audio } = heardTitles();
    const byTitle = new Map(others.map((track) => [track.title, track]));
    for (const { text, atByte } of titles.slice(1)) {
      const track = byTitle.get(text);
      // A block comes every 16,000 bytes: the track began within that.
      const heard = heardFrames(audio.subarray(0, atByte), all).filter((index) => index >= 0);
      const last = heard.at(-1) ?? -1;
      expect(last - (track?.from ?? 0), text).toBeLessThanOrEqual(16_000 / 417 + 1);
      expect(last, text).toBeLessThan(track?.until ?? 0);
    }
    listening.close();
  });

  it("show it as on air", async () => {
    const [, edge] = edges;
    const get = async (path: string) => (await fetch(`${edge?.url}${path}`)).text();
    const title = () => new LibrarySchedule(editions).playAt(Date.now())?.track.title;
    await waitFor("the same title before and after the question", async () => {
      const before = title();
      const { icestats } = JSON.parse(await get("/status-json.xsl")) as {
        icestats: { source?: Record<string, unknown> };
      };
      return before === title() && icestats.source?.["title"] === before && icestats.source;
    });
    const { mounts } = JSON.parse(await get("/api/v1/mounts")) as { mounts: unknown[] };
    expect(mounts).toMatchObject([
      {
        mount: "/music.mp3",
        name: "The house",
        genre: "Fixtures",
        links: { hls: null },
        format: { bitrateKbps: 128 },
      },
    ]);
    expect(await get("/music.mp3.m3u")).toContain("/music.mp3");
    expect(await get("/music.mp3.xspf")).toContain("The house");
    expect((await fetch(`${edge?.url}/music.mp3`, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(`${edge?.url}/music.mp3.m3u8`)).status).toBe(404);
    expect((await fetch(`${edge?.url}/music.mp3?offset=-60`)).status).toBe(404);
    expect((await fetch(`${edge?.url}/other.mp3`)).status).toBe(404);
  });

  it.for(counted)("read a segment once for %i listeners", async (count) => {
    const [edge] = edges;
    if (!edge) return;
    await waitFor("everybody to have gone", async () => (await health(edge.url)).listeners === 0, 30_000);
    const before = await health(edge.url);
    const crowd = await openCrowd(
      edge.port,
      Array.from({ length: count }, () => `/long-${count}.mp3`),
    );
    open.push(crowd);
    await waitFor("the burst", () => crowd.bytes.every((bytes) => bytes > 50_000), 40_000);
    const joined = await health(edge.url);
    const sinceMs = Date.now();
    await sleep(20_000);
    const after = await health(edge.url);
    const seconds = (Date.now() - sinceMs) / 1_000;
    const { refusals, dropped } = crowd;
    crowd.close();
    expect({ refusals, dropped, listeners: after.listeners }).toEqual({
      refusals: [],
      dropped: 0,
      listeners: count,
    });
    // Segments of two seconds at most, of which two or three of a round are shorter; the editions once a minute.
    const reads = after.bucketReads - joined.bucketReads;
    console.info(
      `${count} listeners: ${joined.bucketReads - before.bucketReads} reads to join, ${reads} in ${seconds} s, ` +
        `${((reads * 3_600) / seconds / count).toFixed(1)} per listener-hour, ${after.rosterCalls - before.rosterCalls} roster calls`,
    );
    expect(reads).toBeLessThanOrEqual(seconds / 2 + 8);
    expect(joined.bucketReads - before.bucketReads).toBeLessThanOrEqual(60);
    expect(after).toMatchObject({ mountCalls: 0, seatCalls: 0, cacheWrites: 0 });
  });
});

describe("a live mount that falls back to a library", () => {
  const tracks = madeTracks(music, [0, 260, 430, 700, 905, 1_140]);
  const lists = { library: all, live: new FrameList(framesOf(liveFile)) };
  const editions: (ScheduledEdition & { id: string })[] = [];
  let stack: Stack;
  let listening: Listening | undefined;
  const sources: { destroy(): void }[] = [];

  beforeAll(async () => {
    stack = await startStation(`
[limits]
segment_seconds = 1
burst_seconds = 4
grace_seconds = 1
[mounts."/live.mp3"]
fallback_mount = "/music.mp3"
${autodj}`);
    const { url, accessKeyId, secretAccessKey } = bucketOf(stack);
    const put = putInto(url, new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto" }));
    await putTracks(tracks, put);
    editions.push({ id: "only", fromMs: Date.now() - 77_777, edition: editionOf(tracks, 5) });
    await putEditions("house", editions, put);
  });
  afterAll(async () => {
    listening?.close();
    for (const source of sources) source.destroy();
    await stack.stop();
  });

  const goLive = async () => {
    const source = await streamMp3(stack.ingestPort, "/live.mp3", liveFile, {
      password: stack.password,
      loop: true,
    });
    sources.push(source);
    return source;
  };
  const heard = () => heardOf(there(listening), lists);
  /** The edge may have looked before there was one. */
  const libraryOnAir = () =>
    waitFor(
      "the library to be on air",
      async () => (await (await fetch(`${stack.edgeUrl}/status-json.xsl`)).text()).includes("/music.mp3"),
      20_000,
    );

  it("outlives its ingest host, and goes back to its source", async () => {
    await libraryOnAir();
    await waitFor("a source to get the mount", () => goLive().catch(() => false), 30_000);
    listening = await listen(`${stack.edgeUrl}/live.mp3`, { icy: true });
    await waitFor("ten seconds of live", () => there(listening).bytes().length > 300_000, 40_000);
    const killed = stack.kill("ingest");
    await waitFor("the library to be heard", () => outline(heard()).at(-1) === "library", 30_000).catch(
      (error: unknown) => {
        throw new Error(`${JSON.stringify(heard().runs)}\n${stack.log().slice(-6_000)}`, { cause: error });
      },
    );
    expect(killed).not.toBe(stack.pidOf("ingest"));
    const tracksHeard = () => heard().runs.filter(({ of }) => of === "library").length;
    await waitFor("another track", () => tracksHeard() > 1, 30_000);
    await waitFor("a source to be back", () => goLive().catch(() => false), 60_000);
    await waitFor("live to be heard", () => outline(heard()).at(-1) === "live", 60_000);
    await sleep(3_000);

    const found = heard();
    // Tracks follow each other with a primer at most.
    const order = found.runs
      .map(({ of }) => of)
      .filter((of) => of !== "silence" && of !== "primer")
      .filter((of, index, each) => of !== each[index - 1]);
    const silences = found.runs.filter(({ of }) => of === "silence");
    expect(silences.length, JSON.stringify(found.runs)).toBeLessThanOrEqual(1);
    expect(order, JSON.stringify(found.runs)).toEqual(["live", "library", "live"]);
    // Nothing is damaged: less than a frame is left over, and each stretch of live is in order without a hole.
    expect(found.rest).toBeLessThan(1_500);
    const lives = found.runs.filter(({ of }) => of === "live");
    expect(lives.length, JSON.stringify(found.runs)).toBe(2);
    // The library's tracks are whole but for the first and the last.
    const borders = new Set(tracks.flatMap(({ from, until }) => [from, until - 1]));
    const runs = found.runs.flatMap((run) => ("last" in run && run.of === "library" ? [run] : []));
    for (const [index, { first, last }] of runs.entries()) {
      if (index > 0) expect(borders, JSON.stringify(runs)).toContain(first);
      if (index < runs.length - 1) expect(borders, JSON.stringify(runs)).toContain(last);
    }
    const titles = found.titles.map(({ text }) => text);
    expect(titles.some((text) => tracks.some(({ title }) => title === text))).toBe(true);
  });

  it("tells administrators what its library plays and what comes next, and lets them send its listeners away", async () => {
    const edge = { url: stack.edgeUrl, adminPassword: stack.adminPassword };
    const ask = async (path: string, method = "GET") => {
      const login = Buffer.from(`admin:${edge.adminPassword}`).toString("base64");
      return fetch(`${edge.url}${path}`, { method, headers: { Authorization: `Basic ${login}` } });
    };
    await libraryOnAir();
    expect((await fetch(`${edge.url}/admin/autodj/now?mount=/music.mp3`)).status).toBe(401);
    expect((await ask("/admin/autodj/next?mount=/other.mp3")).status).toBe(404);
    await waitFor("the same play before and after the questions", async () => {
      const schedule = new LibrarySchedule(editions);
      const play = there(schedule.playAt(Date.now()) ?? undefined);
      const now: unknown = await (await ask("/admin/autodj/now?mount=/music.mp3")).json();
      const next: unknown = await (await ask("/admin/autodj/next?mount=/music.mp3&count=1")).json();
      if (schedule.playAt(Date.now())?.epoch !== play.epoch) return false;
      const { id, title } = play.track;
      expect(now).toMatchObject({ mount: "/music.mp3", onAir: true, playing: { id, title, kind: "track" } });
      expect(next).toMatchObject({ next: [{ id: schedule.after(play)?.track.id }] });
      return true;
    });
    const unwanted = await listen(`${edge.url}/music.mp3`);
    const listener = await waitFor("the roster to know the listener", async () => {
      const xml = await (await ask("/admin/listclients?mount=/music.mp3")).text();
      return /<ID>(\d+)<\/ID>/i.exec(xml)?.[1];
    });
    expect((await ask(`/admin/killclient?mount=/music.mp3&id=${listener}`)).status).toBe(200);
    await unwanted.ended;
  });

  it("is not let onto the library's own mount", async () => {
    const source = streamMp3(stack.ingestPort, "/music.mp3", liveFile, { password: stack.password });
    await expect(source).rejects.toThrow("403");
  });
});

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("expected something to be there");
  return value;
}
