import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  currentEditionsKey,
  editionKeepMs,
  type LibraryEdition,
  libraryEditionKey,
  libraryEditionSchema,
} from "../../../shared/library.ts";
import { fileIndexKey, fileSegmentKey } from "../../../shared/stored-file.ts";
import { Library } from "../../../worker/library/library.ts";
import { LibraryStage } from "../../../worker/library/library-stage.ts";
import { libraryAbsentMs, libraryAgeMs, libraryRetryMs } from "../../../worker/library/limits.ts";
import type { Host } from "../../../worker/mount-feed.ts";
import { editionOf as madeEdition, madeTracks, putTracks } from "../../support/made-library.ts";
import { FakeBucket } from "../../support/fake-bucket.ts";

const segment = { samples: 88_200, sampleRate: 44_100, channels: 2, bytes: 32_000 };
const startMs = 1_800_000_000_000;
let fileNumber = 0;

/** A file of 20 s, in segments of two. */
const trackId = () => (++fileNumber).toString(16).padStart(32, "0");

const editionOf = (ids: readonly string[], seed = 1): LibraryEdition =>
  libraryEditionSchema.parse({
    version: 1,
    seed,
    sampleRate: 44_100,
    channels: 2,
    tracks: ids.map((id) => ({ id, title: `Track ${id.slice(-4)}`, samples: 882_000 })),
    rotations: [{ order: "sequential", tracks: ids.map((_, index) => index) }],
  });

function station() {
  const bucket = new FakeBucket();
  const faults = { isDown: false };
  const get = bucket.get.bind(bucket);
  bucket.get = async (...asked) => {
    const object = await get(...asked);
    if (faults.isDown) throw new Error("storage is down");
    return object;
  };
  const work: Promise<unknown>[] = [];
  const host = {
    env: { SEGMENTS: bucket },
    keepAlive: (each: Promise<unknown>) => work.push(each),
  } as unknown as Host;
  const put = async (
    editions: readonly { readonly id: string; readonly fromMs: number; readonly edition: LibraryEdition }[],
  ) => {
    for (const { id, edition } of editions) {
      await bucket.put(libraryEditionKey("house", id), JSON.stringify(edition));
      for (const track of edition.tracks) {
        const segments = Array.from({ length: 10 }, () => segment);
        await bucket.put(fileIndexKey(track.id), JSON.stringify({ version: 1, segments }));
      }
    }
    const current = { version: 1, editions: editions.map(({ id, fromMs }) => ({ id, fromMs })) };
    await bucket.put(currentEditionsKey("house"), JSON.stringify(current));
  };
  const settled = () => Promise.all(work);
  return { bucket, faults, host, put, settled };
}

beforeEach(() => {
  vi.useFakeTimers({ now: startMs });
  vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a library in an isolate", () => {
  it("is asked for once a minute, each edition once, whoever asks", async () => {
    const { bucket, host, put, settled } = station();
    await put([{ id: "one", fromMs: startMs - 5_000, edition: editionOf([trackId()]) }]);
    const library = new Library("house");
    await Promise.all([library.refresh(host), library.refresh(host), library.refresh(host)]);
    expect(library.schedule?.playAt(startMs)).not.toBeNull();
    expect(bucket.counts.get).toBe(2);
    for (let minute = 0; minute < 3; minute++) {
      await vi.advanceTimersByTimeAsync(libraryAgeMs);
      await library.refresh(host);
      await settled();
    }
    expect(bucket.counts.get).toBe(5);
    expect(bucket.counts.list + bucket.counts.delete).toBe(0);
  });

  it("plays on by its last word while storage fails, and asks again soon", async () => {
    const { faults, host, put, settled, bucket } = station();
    await put([{ id: "one", fromMs: startMs - 5_000, edition: editionOf([trackId()]) }]);
    const library = new Library("house");
    await library.refresh(host);
    const { schedule } = library;
    faults.isDown = true;
    await vi.advanceTimersByTimeAsync(libraryAgeMs);
    await library.refresh(host);
    await settled();
    expect(library.schedule).toBe(schedule);
    faults.isDown = false;
    await put([
      { id: "one", fromMs: startMs - 5_000, edition: editionOf([trackId()]) },
      { id: "two", fromMs: startMs + 200_000, edition: editionOf([trackId()], 2) },
    ]);
    const before = bucket.counts.get;
    await vi.advanceTimersByTimeAsync(libraryRetryMs);
    await library.refresh(host);
    await settled();
    expect(bucket.counts.get).toBe(before + 2);
    expect(library.schedule?.playAt(startMs + 200_000)?.span.edition.seed).toBe(2);
    expect(library.schedule?.playAt(startMs + 199_999)?.span.edition.seed).toBe(1);
  });

  it("goes on with the edition before one that cannot be had", async () => {
    const { bucket, host, put, settled } = station();
    const one = { id: "one", fromMs: startMs - 5_000, edition: editionOf([trackId()]) };
    const two = { id: "two", fromMs: startMs + 10_000, edition: editionOf([trackId()], 2) };
    await put([one, two]);
    await bucket.delete(libraryEditionKey("house", "two"));
    const library = new Library("house");
    await library.refresh(host);
    await settled();
    expect(library.schedule?.playAt(startMs + 20_000)?.span.edition.seed).toBe(1);
    await put([one, two]);
    await vi.advanceTimersByTimeAsync(libraryRetryMs);
    await library.refresh(host);
    await settled();
    expect(library.schedule?.playAt(startMs + 20_000)?.span.edition.seed).toBe(2);
  });

  it("reads only the editions that are heard or will be", async () => {
    const { bucket, host, put } = station();
    const ages = [9, 5, 3, 1];
    await put(
      ages.map((age) => ({
        id: `e${age}`,
        fromMs: startMs - age * editionKeepMs,
        edition: editionOf([trackId()]),
      })),
    );
    const library = new Library("house");
    await library.refresh(host);
    expect(bucket.counts.get).toBe(2);
  });

  it("that is not there is off, for sure, and is found soon when it comes", async () => {
    const { host, put, settled } = station();
    const stage = new LibraryStage("house");
    expect({ phase: stage.phase, isCertain: stage.isCertain }).toEqual({ phase: "off", isCertain: false });
    await stage.refresh(host);
    expect({ phase: stage.phase, isCertain: stage.isCertain }).toEqual({ phase: "off", isCertain: true });
    await put([{ id: "one", fromMs: startMs, edition: editionOf([trackId()]) }]);
    await vi.advanceTimersByTimeAsync(libraryAbsentMs);
    await stage.refresh(host);
    await settled();
    expect(stage.phase).toBe("live");
  });
});

describe("the stage of a library", () => {
  /** After so many ms of play. */
  async function playing(afterMs: number, tracks = [trackId(), trackId(), trackId()]) {
    const made = station();
    await made.put([{ id: "one", fromMs: startMs - afterMs, edition: editionOf(tracks) }]);
    const stage = new LibraryStage("house");
    await stage.refresh(made.host);
    return { ...made, stage, tracks };
  }

  it("has the last minute in its window, with a title at each track's first sample", async () => {
    const { stage } = await playing(65_000);
    const { window } = stage;
    expect(window.length).toBe(30);
    const titles = window.flatMap(({ titles: marks, sequence }) =>
      marks.map(({ atSample }) => [sequence, atSample]),
    );
    expect(titles).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(stage.edgeAgeMs).toBe(1_000);
    expect(stage.window).toBe(window);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stage.window.at(-1)?.sequence).toBe(3 - 1);
    expect(stage.titleBefore?.text).toMatch(/^Track /);
  });

  it("reads each track's index once, the next one's before that begins, and nothing else", async () => {
    const { stage, bucket, host, settled } = await playing(0);
    expect(bucket.counts.get).toBe(3);
    await vi.advanceTimersByTimeAsync(4_000);
    stage.attend(host);
    await settled();
    expect(bucket.counts.get).toBe(3);
    await vi.advanceTimersByTimeAsync(2_000);
    for (let listener = 0; listener < 50; listener++) stage.attend(host);
    await settled();
    expect(bucket.counts.get).toBe(4);
    await vi.advanceTimersByTimeAsync(15_900);
    expect(stage.window.at(-1)?.sequence).toBe(9);
    await vi.advanceTimersByTimeAsync(100);
    expect(stage.window.at(-1)).toMatchObject({ sequence: 0, epoch: startMs + 20_000 });
  });

  it("says when its next segment comes", async () => {
    const { stage, host } = await playing(3_500);
    expect(stage.attend(host)).toBe(500);
  });

  const broken: [string, (bucket: FakeBucket, id: string) => Promise<unknown>][] = [
    ["storage has lost", (bucket, id) => bucket.delete(fileIndexKey(id))],
    ["is not as the edition says", (bucket, id) => bucket.put(fileIndexKey(id), indexOf([segment]))],
    [
      "has another rate than the edition says",
      (bucket, id) =>
        bucket.put(fileIndexKey(id), indexOf(range(10).map(() => ({ ...segment, sampleRate: 48_000 })))),
    ],
    ["has an index that is none", (bucket, id) => bucket.put(fileIndexKey(id), "[")],
  ];
  it.each(broken.slice(0, 3))(
    "plays others in the time of a track that %s, the same everywhere",
    async (_, damage) => {
      const tracks = [trackId(), trackId(), trackId()];
      const made = station();
      await made.put([{ id: "one", fromMs: startMs - 25_000, edition: editionOf(tracks) }]);
      await damage(made.bucket, tracks[1] ?? "");
      const stages = [new LibraryStage("house"), new LibraryStage("house")] as const;
      await Promise.all(stages.map((stage) => stage.refresh(made.host)));
      await vi.advanceTimersByTimeAsync(14_500);
      const [one, other] = stages.map(({ window }) => window);
      expect(one).toEqual(other);
      // Two of them by now, with the titles that are heard.
      const [{ window, titleBefore, title }] = stages;
      const heard = window.filter(({ epoch }) => epoch === startMs - 5_000);
      expect(heard.map(({ startMs: at }) => at)).toEqual(range(9).map((at) => startMs - 5_000 + 2_000 * at));
      const standIn = heard[0]?.titles[0]?.text ?? "";
      expect(titleBefore?.text).toBe(`Track ${tracks[0]?.slice(-4)}`);
      expect([0, 2].map((at) => `Track ${tracks[at]?.slice(-4)}`)).toContain(standIn);
      expect(title).toBe(standIn);
      // And the next begins on time.
      await vi.advanceTimersByTimeAsync(3_000);
      stages[0].attend(made.host);
      await made.settled();
      expect(stages[0].window.at(-1)).toMatchObject({ sequence: 0, epoch: startMs + 15_000 });
    },
  );

  it("waits for an index that cannot be read, and asks again", async () => {
    const tracks = [trackId(), trackId()];
    const made = station();
    await made.put([{ id: "one", fromMs: startMs - 5_000, edition: editionOf(tracks) }]);
    await broken[3]?.[1](made.bucket, tracks[0] ?? "");
    const stage = new LibraryStage("house");
    await stage.refresh(made.host);
    expect({ phase: stage.phase, heard: stage.window.length }).toEqual({ phase: "live", heard: 0 });
    await made.bucket.put(fileIndexKey(tracks[0] ?? ""), indexOf(range(10).map(() => segment)));
    await vi.advanceTimersByTimeAsync(1_100);
    stage.attend(made.host);
    await made.settled();
    expect(stage.window.length).toBe(3);
  });

  it("that has lost everything is silent, and nobody is sent away", async () => {
    const made = station();
    const tracks = [trackId(), trackId()];
    await made.put([{ id: "one", fromMs: startMs - 5_000, edition: editionOf(tracks) }]);
    for (const id of tracks) await made.bucket.delete(fileIndexKey(id));
    const stage = new LibraryStage("house");
    await stage.refresh(made.host);
    expect({ phase: stage.phase, heard: stage.window.length }).toEqual({ phase: "live", heard: 0 });
  });

  it.each([
    ["less", -100],
    ["more", 100],
  ])("leaves out a segment of which storage has %s than it should", async (_, bytes) => {
    const [track] = madeTracks(
      join(import.meta.dirname, "..", "..", "fixtures", "cbr128-joint44.mp3"),
      [0, 260],
    );
    if (!track) throw new Error("no track");
    const made = station();
    await made.put([{ id: "one", fromMs: startMs - 6_000, edition: madeEdition([track], 1) }]);
    await putTracks([track], async (key, body, metadata) => {
      await made.bucket.put(key, body, { customMetadata: { ...metadata } });
    });
    const [first, second] = track.segments;
    const whole = Buffer.from(second?.body ?? []);
    const body = bytes < 0 ? whole.subarray(0, bytes) : Buffer.concat([whole, Buffer.alloc(bytes)]);
    await made.bucket.put(fileSegmentKey(track.id, 1), body);
    const stage = new LibraryStage("house");
    await stage.refresh(made.host);
    const [one, two] = stage.window;
    if (!one || !two) throw new Error("no segments");
    const loaded = await stage.segment(one, made.host);
    expect(Buffer.from(loaded?.body ?? []).equals(first?.body ?? Buffer.alloc(0))).toBe(true);
    expect(await stage.segment(two, made.host)).toBeNull();
    expect(await stage.segment(two, made.host)).toBeNull();
  });
});

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const indexOf = (segments: readonly object[]): string => JSON.stringify({ version: 1, segments });
