import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LibrarySchedule, type ScheduledEdition } from "../../shared/library-schedule.ts";
import { bucketOf } from "../support/bucket.ts";
import { putInto } from "../support/edge-process.ts";
import { FrameList } from "../support/frame-check.ts";
import { heardOf, outline } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { editionOf, madeTracks, putEditions, putTracks } from "../support/made-library.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** A library that a whole station has, beside a mount with sources. */
const fixtures = join(import.meta.dirname, "..", "fixtures");
const music = join(fixtures, "cbr128-joint44.mp3");
const liveFile = join(fixtures, "vbr-v2.mp3");

describe("a live mount that falls back to a library", () => {
  const tracks = madeTracks(music, [0, 150, 260, 430, 590, 700, 905, 1_140]);
  const lists = { library: new FrameList(framesOf(music)), live: new FrameList(framesOf(liveFile)) };
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

[[autodj]]
mount = "/music.mp3"
kind = "edge"
library = "house"
`);
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
    await waitFor("some seconds of live", () => there(listening).bytes().length > 200_000, 40_000);
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
    const ingestUrl = `http://127.0.0.1:${stack.ingestPort}`;
    const ask = async (path: string, url = edge.url) => {
      const login = Buffer.from(`admin:${edge.adminPassword}`).toString("base64");
      return fetch(`${url}${path}`, { headers: { Authorization: `Basic ${login}` } });
    };
    await libraryOnAir();
    for (const url of [edge.url, ingestUrl]) {
      expect((await fetch(`${url}/admin/autodj/now?mount=/music.mp3`)).status).toBe(401);
      expect((await ask("/admin/autodj/next?mount=/other.mp3", url)).status).toBe(404);
    }
    await waitFor("the same play before and after the questions", async () => {
      const schedule = new LibrarySchedule(editions);
      const play = there(schedule.playAt(Date.now()) ?? undefined);
      const now: unknown = await (await ask("/admin/autodj/now?mount=/music.mp3")).json();
      const next: unknown = await (await ask("/admin/autodj/next?mount=/music.mp3&count=1")).json();
      if (schedule.playAt(Date.now())?.epoch !== play.epoch) return false;
      const { id, title } = play.track;
      expect(now).toMatchObject({ mount: "/music.mp3", onAir: true, playing: { id, title, kind: "track" } });
      expect(next).toMatchObject({ next: [{ id: schedule.after(play)?.track.id }] });
      const elsewhere: unknown = await (await ask("/admin/autodj/now?mount=/music.mp3", ingestUrl)).json();
      expect(elsewhere).toMatchObject({ mount: "/music.mp3", onAir: true, playing: { kind: "track" } });
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
