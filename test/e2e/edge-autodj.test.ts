import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { LibrarySchedule, type ScheduledEdition } from "../../shared/library-schedule.ts";
import { type Crowd, openCrowd } from "../support/crowd.ts";
import { type EdgeProcess, startEdge } from "../support/edge-process.ts";
import { FrameList } from "../support/frame-check.ts";
import { heardFrames } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { editionOf, type MadeTrack, madeTracks, putEditions, putTracks } from "../support/made-library.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** Music that the edge plays from storage by the clock. */
const fixtures = join(import.meta.dirname, "..", "fixtures");
const music = join(fixtures, "cbr128-joint44.mp3");
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
const counted = [1, 200];
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

function titlesOf(listening: Listening) {
  const metaint = Number(listening.headers["icy-metaint"]);
  const { audio, titles } = new IcyDeinterleaver(metaint).push(listening.bytes());
  return { titles, audio: new Uint8Array(Buffer.concat(audio)) };
}

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
    changesMs = new LibrarySchedule([first]).borderFrom(Date.now() + 7_000);
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

  it("send the same frames and titles at the same time, over a change of editions, and write nothing", async () => {
    const before = await Promise.all(edges.map((edge) => edge.list()));
    const begunMs = Date.now();
    const pairs = await Promise.all(edges.map((edge) => tune(`${edge.url}/music.mp3`)));
    const titled = await tune(`${edges[0]?.url}/music.mp3`, true);
    expect(pairs.map(({ status }) => status)).toEqual([200, 200]);
    expect(titled.headers).toMatchObject({ "icy-name": "The house", "icy-genre": "Fixtures" });
    await waitFor("the second edition to be heard", () => Date.now() > changesMs + 13_000, 60_000);
    const [one = [], other = []] = pairs.map(framesHeard);
    for (const each of open) each.close();

    // The one that came first has a frame or two more.
    const [early, late] = placeOf(one.slice(0, 50), other) >= 0 ? [other, one] : [one, other];
    const at = placeOf(late.slice(0, 50), early);
    expect(at, `${one.slice(0, 5).join()} and ${other.slice(0, 5).join()}`).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(40);
    const common = Math.min(early.length - at, late.length);
    expect(common).toBeGreaterThan(600);
    expect(late.slice(0, common)).toEqual(early.slice(at, at + common));

    // And it is what the clock says, both editions of it: a burst before the moment at which they came.
    const fromMs = begunMs - 30_000;
    const expected = programme(editions, [...tracks, ...others], fromMs, 5_000);
    expect(
      placeOf(late, expected),
      `${late.slice(0, 5).join()} … ${late.slice(-5).join()}`,
    ).toBeGreaterThanOrEqual(0);
    const begins = new Set(others.map(({ from }) => from));
    const change = late.findIndex((frame, index) => begins.has(frame) && late[index - 1] !== frame - 1);
    expect(change, "where the second edition begins").toBeGreaterThan(0);

    // Titles come with the first frames of their tracks, a block every 16,000 bytes; the first of all with the join.
    const byTitle = new Map([...tracks, ...others].map((track) => [track.title, track]));
    const { audio, titles } = titlesOf(titled);
    const heardBefore = (atByte: number): number[] =>
      heardFrames(audio.subarray(0, atByte), all).filter((index) => index >= 0);
    // A machine that is slow to read what plays begins with silence, without a title; with the first music there is one.
    const joined = titles.findIndex(({ text }) => text !== "");
    expect(heardBefore(titles[joined]?.atByte ?? audio.length).length).toBeLessThanOrEqual(16_000 / 417 + 1);
    const later = titles.slice(joined + 1);
    expect(placeOf(heardBefore(audio.length), expected), "what is between the blocks").toBeGreaterThanOrEqual(
      0,
    );
    for (const each of [tracks, others]) {
      expect(later.some(({ text }) => each.some(({ title }) => title === text))).toBe(true);
    }
    for (const { text, atByte } of later) {
      const track = byTitle.get(text);
      const last = heardBefore(atByte).at(-1) ?? -1;
      expect(last - (track?.from ?? 0), text).toBeLessThanOrEqual(16_000 / 417 + 1);
      expect(last, text).toBeLessThan(track?.until ?? 0);
    }

    expect(await Promise.all(edges.map((edge) => edge.list()))).toEqual(before);
    for (const edge of edges) {
      expect(await health(edge.url), edge.log()).toMatchObject({
        mountCalls: 0,
        seatCalls: 0,
        cacheWrites: 0,
      });
      expect(edge.log()).not.toContain('"level":50');
    }
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
    await sleep(9_000);
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

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("expected something to be there");
  return value;
}
