import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { requireClient } from "../support/clients.ts";
import { FrameList } from "../support/frame-check.ts";
import { heardFrames } from "../support/heard.ts";
import { listen } from "../support/listen.ts";
import {
  complaintsOfPrograms,
  type Decoded,
  largestDifference,
  openMpg123Wasm,
} from "../support/decoders.ts";
import { seeded, testSeed } from "../support/seeded.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, type Streaming, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** Joins at random moments, decoded and held against the source decoded in one piece. */
const fixtures = join(import.meta.dirname, "..", "fixtures");
const joinsEach = 20;
/** Frames that each listener stays for. */
const framesEach = 60;
const formats = [
  { name: "128 kb/s CBR joint stereo", file: "cbr128-joint44.mp3", exactFrom: 1 },
  { name: "VBR V2", file: "vbr-v2.mp3", exactFrom: 1 },
  { name: "48 kHz mono", file: "mono48-64.mp3", exactFrom: 1 },
  // A frame of MPEG-2 is one granule, so the overlap reaches one frame further.
  { name: "22.05 kHz MPEG-2", file: "mpeg2-22k-64.mp3", exactFrom: 2 },
  { name: "320 kb/s", file: "cbr320.mp3", exactFrom: 1 },
] as const;

interface Joined {
  /** Whole frames as they came, the primer among them. */
  readonly bytes: Uint8Array;
  readonly primers: number;
  /** Index in the file of the first frame of the source. */
  readonly first: number;
}

const random = seeded(testSeed);
const decode = await openMpg123Wasm();

describe(`a listener that joins at a random moment (SKYWAVE_TEST_SEED=${testSeed})`, () => {
  let stack: Stack;
  const sources: Streaming[] = [];
  const joined = new Map<string, Promise<Joined[]>>();

  beforeAll(async () => {
    stack = await startStack();
    for (const { file } of formats) {
      const { ingestPort, password } = stack;
      sources.push(await streamMp3(ingestPort, `/${file}`, join(fixtures, file), { password, loop: true }));
    }
    // All formats at once, so that the file takes as long as one.
    for (const { file } of formats) joined.set(file, joinOften(stack, file));
    await Promise.all(joined.values());
  });

  afterAll(async () => {
    for (const source of sources) source.destroy();
    await stack.stop();
  });

  describe.each(formats)("$name", ({ file, exactFrom }) => {
    it("hears the source's samples from the second frame on, the third for MPEG-2", async () => {
      const all = await joined.get(file);
      const unbroken = await decodeLoop(file);
      expect(all).toHaveLength(joinsEach);
      for (const { bytes, primers, first } of all ?? []) {
        const pcm = await decode(bytes);
        const { samples, count, decoded } = unbroken;
        const from = exactFrom * samples;
        const difference = largestDifference(
          pcm,
          primers * samples + from,
          decoded,
          (count + first) * samples + from,
          pcm.samples - primers * samples - from,
        );
        expect(pcm.complaints, `joined at frame ${first}`).toEqual([]);
        expect(pcm.samples).toBeGreaterThanOrEqual(framesEach * samples);
        expect(difference, `joined at frame ${first} of ${file}`).toBeLessThanOrEqual(1);
      }
    });

    it("joins at frames all over the stream, with at most one primer", async () => {
      const all = (await joined.get(file)) ?? [];
      expect(new Set(all.map(({ first }) => first)).size).toBeGreaterThan(joinsEach / 2);
      for (const { primers } of all) expect(primers).toBeLessThanOrEqual(1);
      // Each of these files has frames that reach back into the frames before them.
      expect(all.reduce((sum, { primers }) => sum + primers, 0)).toBeGreaterThan(0);
    });

    it("makes ffmpeg and mpg123 complain of nothing", async (context) => {
      requireClient(context, "ffmpeg", "mpg123");
      for (const { bytes, first } of (await joined.get(file)) ?? []) {
        expect(complaintsOfPrograms(bytes), `joined at frame ${first}`).toEqual([]);
      }
    });
  });
});

describe("a source that comes back while its listeners wait", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(async () => {
    await stack.stop();
  });

  it.for(["cbr128-joint44.mp3", "vbr-v2.mp3"])(
    "is spliced into the same connection: %s",
    async (file, context) => {
      requireClient(context, "mpg123", "ffmpeg");
      const { password, ingestPort, edgeUrl } = stack;
      const path = join(fixtures, file);
      const list = new FrameList(framesOf(path));
      const before = await streamMp3(ingestPort, `/${file}`, path, { password });
      await waitFor("the mount", async () => (await fetch(`${edgeUrl}/${file}`, { method: "HEAD" })).ok);
      const listening = await listen(`${edgeUrl}/${file}`);
      await waitFor("some audio", () => mp3.indexFrames(listening.bytes()).length > framesEach, 20_000);
      await before.stop();
      const sentBefore = before.sent.length;
      const after = await streamMp3(ingestPort, `/${file}`, path, { password });
      const framesNow = () => heardFrames(new Uint8Array(listening.bytes()), list);
      await waitFor(
        "audio of the second connection",
        () => jumpIn(framesNow()) >= 0 && framesNow().length > jumpIn(framesNow()) + framesEach,
        20_000,
      );
      listening.close();
      after.destroy();

      const indices = framesNow();
      const jump = jumpIn(indices);
      const [first = -1] = indices.filter((index) => index >= 0);
      // Everything the first connection sent after the join, then everything of the second.
      const expected = [
        ...Array.from({ length: sentBefore - first }, (_, at) => first + at),
        ...Array.from({ length: indices.length - jump }, (_, at) => at),
      ];
      expect(indices.filter((index) => index >= 0)).toEqual(expected);

      const bytes = new Uint8Array(listening.bytes());
      const end = mp3.indexFrames(bytes).at(-1);
      const whole = bytes.slice(0, (end?.offset ?? 0) + (end?.size ?? 0));
      const { samples, decoded } = await decodeLoop(file);
      const pcm = await decode(whole);
      const spliced = (jump + 1) * samples;
      expect(pcm.complaints).toEqual([]);
      expect(largestDifference(pcm, spliced, decoded, samples, pcm.samples - spliced)).toBeLessThanOrEqual(1);
      expect(complaintsOfPrograms(whole)).toEqual([]);
    },
  );
});

/** Where the file begins again, in frames; -1 while it has not. */
const jumpIn = (indices: readonly number[]): number => indices.indexOf(0, 1);

/** Listeners one after another at random moments, each with a random burst. */
async function joinOften(stack: Stack, file: string): Promise<Joined[]> {
  const list = new FrameList(framesOf(join(fixtures, file)));
  await waitFor(
    `${file} to have some audio`,
    async () => (await fetch(`${stack.edgeUrl}/${file}`, { method: "HEAD" })).ok,
  );
  const all: Joined[] = [];
  while (all.length < joinsEach) {
    await new Promise((resolve) => setTimeout(resolve, random() * 1_200));
    all.push(await joinOnce(`${stack.edgeUrl}/${file}?burst=${(0.5 + random() * 7).toFixed(3)}`, list));
  }
  return all;
}

async function joinOnce(url: string, list: FrameList): Promise<Joined> {
  const listening = await listen(url);
  expect(listening.status).toBe(200);
  const enough = () => mp3.indexFrames(listening.bytes()).length > framesEach + 2;
  await waitFor(`${framesEach} frames of ${url}`, enough, 20_000);
  listening.close();
  const bytes = new Uint8Array(listening.bytes());
  const frames = mp3.indexFrames(bytes);
  const indices = heardFrames(bytes, list);
  const primers = indices.findIndex((index) => index >= 0);
  const first = indices[primers] ?? -1;
  for (const [at, index] of indices.slice(primers).entries()) {
    expect(index, `frame ${at} of a stream that began with ${first}`).toBe((first + at) % list.frames.length);
  }
  const end = frames.at(-1);
  return { bytes: bytes.slice(0, end ? end.offset + end.size : 0), primers, first };
}

/** The file three times over, decoded in one piece: what a listener hears who never joined. */
async function decodeLoop(file: string): Promise<{ samples: number; count: number; decoded: Decoded }> {
  const frames = framesOf(join(fixtures, file));
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
  const decoded = await decode(new Uint8Array(Buffer.concat([bytes, bytes, bytes])));
  const samples = frames[0]?.samples ?? 0;
  expect(decoded.samples).toBe(3 * frames.length * samples);
  return { samples, count: frames.length, decoded };
}
