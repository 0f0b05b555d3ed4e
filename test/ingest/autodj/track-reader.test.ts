import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TrackError } from "../../../ingest/autodj/track-error.ts";
import { openTrack } from "../../../ingest/autodj/track-reader.ts";
import { shiftGain } from "../../../shared/codec/mp3/gain.ts";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import { primerFor, reachOf } from "../../../shared/codec/mp3/primer.ts";
import { complaintsOfPrograms } from "../../support/decoders.ts";
import { requireClient } from "../../support/clients.ts";
import { seeded } from "../../support/seeded.ts";
import {
  ascii,
  concat,
  FIXTURES,
  fixture,
  fixtureFrames,
  fixturePath,
  id3v2,
  noise,
  parseWhole,
} from "../../shared/codec/mp3/streams.ts";
import { planOf, readOut, readTrack, TrackFolder } from "./track-files.ts";

const folder = new TrackFolder();
afterAll(() => folder.remove());

const bytesOf = (name: string, from = 0, to?: number): Uint8Array =>
  concat(
    ...fixtureFrames(name)
      .slice(from, to)
      .map(({ bytes }) => bytes),
  );
const CBR = "cbr128-joint44.mp3";
/** As many bytes as the reader takes at once: what comes later is not read yet when the first piece is. */
const FAR = 300_000;

function apeTag(items: number): Uint8Array {
  const tag = (flags: number): Uint8Array => {
    const bytes = new Uint8Array(32);
    bytes.set(ascii("APETAGEX"));
    new DataView(bytes.buffer).setUint32(8, 2000, true);
    new DataView(bytes.buffer).setUint32(12, items + 32, true);
    new DataView(bytes.buffer).setUint32(20, flags, true);
    return bytes;
  };
  return concat(tag(0xa000_0000), noise(items, 3), tag(0x8000_0000));
}

describe("a track", () => {
  it.each(FIXTURES)("$name is its frames, a second at a time", async ({ name }) => {
    const path = fixturePath(name);
    const plan = planOf(path);
    const pieces = await readOut(await openTrack(path, plan));
    const last = plan.firstFrame + plan.frames;
    expect(concat(...pieces.map(({ bytes }) => bytes))).toEqual(bytesOf(name, plan.firstFrame, last));
    expect(pieces.reduce((sum, { frames }) => sum + frames, 0)).toBe(plan.frames);
    for (const { bytes, samples, frames } of pieces) {
      expect(mp3.indexFrames(bytes)).toHaveLength(frames);
      expect(samples).toBe(frames * plan.samplesPerFrame);
      expect(samples).toBeLessThanOrEqual(plan.format.sampleRate);
    }
    for (const { samples } of pieces.slice(0, -1)) {
      expect(samples).toBeGreaterThan(plan.format.sampleRate - plan.samplesPerFrame);
    }
  });

  it("has its gain in every frame", async () => {
    const expected = fixtureFrames("crc128.mp3").map(({ bytes }) => {
      const frame = bytes.slice();
      shiftGain(frame, -5);
      return frame;
    });
    const path = fixturePath("crc128.mp3");
    expect(await readTrack(path, planOf(path, -5))).toEqual(concat(...expected));
  });

  it("has no tags, wherever they stand, and no Info frame, also of files joined to one", async () => {
    const tagged = fixture("vbr-v2.mp3");
    const other = concat(id3v2(9_000, 0xff), tagged, apeTag(7_000), ascii(`TAG${"x".repeat(125)}`));
    const path = folder.write(concat(id3v2(300_000), other, other));
    const frames = bytesOf("vbr-v2.mp3");
    expect(planOf(path)).toMatchObject({ firstFrame: 0, frames: 2_300 });
    expect(await readTrack(path, planOf(path))).toEqual(concat(frames, frames));
  });

  it("leaves out frames of another format, and goes on in its own", async () => {
    const path = folder.write(
      concat(bytesOf(CBR, 0, 200), bytesOf("mono48-64.mp3", 0, 90), bytesOf(CBR, 0, 100)),
    );
    expect(await readTrack(path, planOf(path))).toEqual(concat(bytesOf(CBR, 0, 200), bytesOf(CBR, 0, 100)));
  });

  it("says so when nothing in it is of its format", async () => {
    const reader = await openTrack(fixturePath(CBR), planOf(fixturePath("mono48-64.mp3")));
    await expect(reader.read()).rejects.toThrow(new TrackError("has only 0 of the 1251 frames it had"));
    await expect(reader.read()).rejects.toThrow(TrackError);
    await reader.close();
  });

  it("is given up after much that is no audio, and plays over little", async () => {
    const start = bytesOf(CBR, 0, 300);
    const little = folder.write(concat(start, new Uint8Array(1 << 20), start));
    expect(planOf(little).frames).toBe(600);
    expect(await readTrack(little, planOf(little))).toHaveLength(start.length * 2);
    const path = folder.write(concat(start, new Uint8Array(9 << 20), start));
    const reader = await openTrack(path, planOf(path));
    await expect(readOut(reader)).rejects.toThrow("has more than 8 MiB in a row that are no audio");
    expect(reader.frame).toBe(300);
  });
});

describe("damage in a track", () => {
  it("leaves silence where frames have lost what they need, and no complaint of a decoder", async (context) => {
    requireClient(context, "ffmpeg", "mpg123");
    const random = seeded(8);
    for (const name of [CBR, "mpeg2-22k-64.mp3", "crc128.mp3"]) {
      let bytes = bytesOf(name);
      for (let hole = 0; hole < 8; hole++) {
        const at = Math.floor(random() * bytes.length * 0.9);
        const size = Math.floor(random() * 3_000);
        bytes = concat(
          bytes.subarray(0, at),
          noise(Math.floor(random() * 900), hole),
          bytes.subarray(at + size),
        );
      }
      const path = folder.write(bytes);
      const plan = planOf(path);
      const played = await readTrack(path, plan);
      expect(plan.frames).toBeGreaterThan(150);
      expect(mp3.indexFrames(played)).toHaveLength(plan.frames);
      expect(
        complaintsOfPrograms(concat(...parseWhole(bytes).frames.map((frame) => frame.bytes))),
      ).not.toEqual([]);
      expect(complaintsOfPrograms(played)).toEqual([]);
    }
  });

  it("includes a beginning that was cut off: the first frame is silent where it reaches back", async () => {
    const frames = fixtureFrames(CBR);
    const from = frames.findIndex(({ bytes }) => reachOf(bytes) > 100);
    const path = folder.write(bytesOf(CBR, from));
    const played = await readTrack(path, planOf(path));
    expect(played).toHaveLength(bytesOf(CBR, from).length);
    expect(played.subarray(4, 36)).toEqual(new Uint8Array(32));
    expect(played.subarray(36, 400)).toEqual(frames[from]?.bytes.subarray(36, 400));
  });
});

describe("resuming a track", () => {
  it.each([1, 37, 38, 500, 1_148])("at frame %i plays the frames from there, primed", async (at) => {
    for (const name of [CBR, "vbr-v2.mp3"]) {
      const path = fixturePath(name);
      const plan = planOf(path);
      const target = fixtureFrames(name)[at];
      if (!target) throw new Error("no such frame");
      const primer = primerFor(target.bytes, target.reservoir);
      const reader = await openTrack(path, plan, at);
      expect(reader.frame).toBe(at);
      const [first, ...rest] = await readOut(reader);
      if (!first) throw new Error("nothing was read");
      const primerFrames = mp3.indexFrames(primer).length;
      expect(first.samples).toBe((first.frames + primerFrames) * 1152);
      const expected = bytesOf(name, at, plan.frames);
      expect(concat(first.bytes, ...rest.map(({ bytes }) => bytes))).toEqual(concat(primer, expected));
      expect(reader.frame).toBe(plan.frames);
    }
  });

  it("goes on where another reader was, with tags, joined files and damage before it", async () => {
    const damaged = concat(bytesOf(CBR, 0, 150).subarray(0, -200), noise(5_000, 4), bytesOf(CBR, 150));
    const path = folder.write(concat(id3v2(70_000), damaged, fixture(CBR), apeTag(40_000), damaged));
    const plan = planOf(path);
    const whole = await readTrack(path, plan);
    const spans = mp3.indexFrames(whole);
    for (const stop of [1, 5, 20, 61]) {
      const first = await openTrack(path, plan);
      for (let piece = 0; piece < stop; piece++) await first.read();
      const { frame } = first;
      await first.close();
      const rest = await readTrack(path, plan, frame);
      const expected = whole.subarray(spans[frame]?.offset);
      expect(rest.subarray(rest.length - expected.length)).toEqual(expected);
      expect(rest.length - expected.length).toBeLessThan(1_045);
    }
  });

  it("at its end, or beyond, has nothing more", async () => {
    const plan = planOf(fixturePath(CBR));
    for (const at of [plan.frames, plan.frames + 1, 1e12]) {
      const reader = await openTrack(fixturePath(CBR), plan, at);
      expect(reader.frame).toBe(plan.frames);
      expect(await reader.read()).toBeNull();
      await reader.close();
    }
  });
});

describe("a file that changes while it plays", () => {
  const long = concat(fixture("cbr320.mp3"), fixture("cbr320.mp3"), fixture("cbr320.mp3"));
  const begun = async () => {
    const path = folder.write(long);
    const reader = await openTrack(path, planOf(path));
    expect((await reader.read())?.frames).toBe(38);
    return { path, reader };
  };
  const untilItEnds = async (reader: Awaited<ReturnType<typeof begun>>["reader"]) => {
    const played: Uint8Array[] = [];
    try {
      for (let piece = await reader.read(); piece; piece = await reader.read()) played.push(piece.bytes);
    } catch (error) {
      await reader.close();
      return { played: concat(...played), error };
    }
    await reader.close();
    return { played: concat(...played), error: null };
  };
  const wholeFramesOnly = (played: Uint8Array): void => {
    const last = mp3.indexFrames(played).at(-1);
    expect((last?.offset ?? 0) + (last?.size ?? 0)).toBe(played.length);
  };

  it.each([
    ["shrinks", (path: string) => truncateSync(path, FAR)],
    ["is emptied", (path: string) => truncateSync(path, 0)],
    ["is overwritten", (path: string) => writeFileSync(path, noise(long.length, 6))],
    ["grows", (path: string) => appendFileSync(path, fixture("cbr320.mp3"))],
  ])("and %s ends with what was read of it, and a reason", async (_name, change) => {
    const { path, reader } = await begun();
    change(path);
    const { played, error } = await untilItEnds(reader);
    expect(error).toEqual(new TrackError("was changed while it played"));
    wholeFramesOnly(played);
    expect(bytesOf("cbr320.mp3", 38).subarray(0, played.length)).toEqual(played);
  });

  it.each([
    ["is deleted", (path: string) => rmSync(path)],
    ["is replaced", (path: string) => renameSync(folder.write(noise(1_000, 1)), path)],
  ])("and %s plays to the end as it was", async (_name, change) => {
    const { path, reader } = await begun();
    change(path);
    const { played, error } = await untilItEnds(reader);
    expect(error).toBeNull();
    const one = bytesOf("cbr320.mp3");
    expect(concat(bytesOf("cbr320.mp3", 0, 38), played)).toEqual(concat(one, one, one));
  });

  it("before it is opened is shorter than planned: its whole frames play, then it says so", async () => {
    const path = folder.write(long);
    const plan = planOf(path);
    truncateSync(path, FAR);
    const { played, error } = await untilItEnds(await openTrack(path, plan));
    expect(error).toEqual(new TrackError("has only 287 of the 1728 frames it had"));
    expect(mp3.indexFrames(played)).toHaveLength(287);
    wholeFramesOnly(played);
  });
});

describe("what cannot be opened", () => {
  const plan = planOf(fixturePath(CBR));

  it("rejects with its reason", async () => {
    const missing = join(folder.path, "missing.mp3");
    await expect(openTrack(missing, plan)).rejects.toThrow(/^cannot be opened: ENOENT/);
    const inner = join(folder.path, "folder.mp3");
    mkdirSync(inner);
    await expect(openTrack(inner, plan)).rejects.toThrow(new TrackError("is not a file"));
  });

  it("is a pipe, too, and nobody waits for a writer", async (context) => {
    requireClient(context, "mkfifo");
    const pipe = join(folder.path, "pipe.mp3");
    spawnSync("mkfifo", [pipe]);
    await expect(openTrack(pipe, plan)).rejects.toThrow(new TrackError("is not a file"));
  });

  it("has nothing after it was closed, which may be done twice", async () => {
    const reader = await openTrack(fixturePath(CBR), plan);
    await reader.close();
    await reader.close();
    expect(await reader.read()).toBeNull();
  });
});
