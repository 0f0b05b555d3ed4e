import { afterEach, expect, it, vi } from "vitest";
import { realTime } from "../../../ingest/autodj/clock.ts";
import { Deck } from "../../../ingest/autodj/deck.ts";
import { stallMs } from "../../../ingest/autodj/limits.ts";
import type { Reader } from "../../../ingest/autodj/parts.ts";
import type { TrackFile } from "../../../ingest/autodj/track.ts";
import type { ReadyTrack, Upcoming } from "../../../ingest/autodj/upcoming.ts";
import { openLog } from "../../../ingest/log.ts";
import { FakeMusic } from "./fake-parts.ts";

const music = new FakeMusic({ "a.mp3": 500, "b.mp3": 500 });
const log = openLog("info", { write: () => undefined });
const refused: string[] = [];

async function trackOf(name: string, change: (reader: Reader) => Reader = (reader) => reader) {
  const { parts } = music;
  const file = { id: `file:/music/${name}`, version: "500", name } as TrackFile;
  const analysis = await parts.analyser(null).analyse(file);
  if (analysis.kind !== "plays") throw new Error("expected a track");
  const { plan } = analysis;
  const reader = change(await parts.openTrack(name, plan));
  return { pick: { id: file.id, kind: "track", rotation: "music" }, file, path: name, plan, reader } as const;
}

function deckOf(tracks: ReadyTrack[]): Deck {
  const upcoming = {
    take: async () => tracks.shift() ?? new Promise<null>(() => undefined),
    prepare: () => undefined,
    stop: () => undefined,
  } as unknown as Upcoming;
  const refuse = ({ name }: TrackFile, reason: string) => void refused.push(`${name} ${reason}`);
  return new Deck({ upcoming, music: { refuse }, parts: music.parts, time: realTime, log });
}

afterEach(() => {
  vi.useRealTimers();
  refused.length = 0;
});

it("gives up a track of which nothing comes any more, and plays the next", async () => {
  vi.useFakeTimers();
  const hangs = await trackOf("a.mp3", (reader) => ({
    frame: 0,
    read: () => (reader.frame === 0 ? reader.read() : new Promise(() => undefined)),
    // As of a file handle: it waits for the read.
    close: () => new Promise(() => undefined),
  }));
  const deck = deckOf([hangs, await trackOf("b.mp3")]);
  deck.start(null);
  await vi.advanceTimersByTimeAsync(100);
  expect(deck.take(1_000).map(({ begins }) => begins?.file.name)).toEqual(["a.mp3"]);
  await vi.advanceTimersByTimeAsync(stallMs - 1_000);
  expect(deck.take(1_000)).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(deck.take(1)[0]?.begins?.file.name).toBe("b.mp3");
  expect(refused).toEqual(["a.mp3 cannot be read: nothing has come for long"]);
});
