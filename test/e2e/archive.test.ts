import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { largestDifference, openMpg123Wasm } from "../support/decoders.ts";
import { fixtures } from "../support/fixture-audio.ts";
import { FrameList } from "../support/frame-check.ts";
import { listen, type Listening } from "../support/listen.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const decode = await openMpg123Wasm();

const mount = "/live.mp3";
const folder = mkdtempSync(join(tmpdir(), "skywave-archive-core-"));
const programme = framesOf(join(fixtures, "cbr128-joint44.mp3"));
const list = new FrameList(programme);
const samplesPerFrame = 1_152;

/** Damaged where a source begins in the middle of its programme: what they reach back to it never sent. */
const settlingFrames = 3;

interface Listed {
  readonly url: string;
  readonly end: string | null;
  readonly durationMs: number;
  readonly bytes: number;
  /** Where the joins say what they add. */
  readonly tracks: string;
  readonly joins: readonly { readonly kind: string; readonly atMs: number; readonly missingMs: number }[];
}

/** Frames of a recording that follow each other in the programme. */
interface Run {
  /** Of its first frame, in the recording and in the programme. */
  readonly at: number;
  readonly from: number;
  readonly count: number;
}

describe("the archive of a broadcast with breaks", () => {
  let stack: Stack;
  const sent: (readonly Frame[])[] = [];
  let listener: Listening;
  let broadcasts: readonly Listed[];
  const files: Uint8Array[] = [];

  /** A source that sends the programme from a frame on, until it has sent this much. */
  async function source(from: number, seconds: number): Promise<Streaming> {
    const file = join(folder, `${from}.mp3`);
    writeFileSync(file, Buffer.concat(programme.slice(from).map(({ bytes }) => bytes)));
    const streaming = await streamMp3(stack.ingestPort, mount, file, { password: stack.password });
    sent.push(streaming.sent);
    const frames = (seconds * 44_100) / samplesPerFrame;
    await waitFor(`${seconds} s of audio`, () => streaming.sent.length >= frames);
    return streaming;
  }

  const archived = async (): Promise<readonly Listed[]> => {
    const reply = await fetch(`${stack.edgeUrl}/archive.json?mount=${mount}`);
    expect(reply.status).toBe(200);
    const { broadcasts: found } = (await reply.json()) as { broadcasts: Listed[] };
    return found.toReversed();
  };

  beforeAll(async () => {
    const rules = `[limits]\nsegment_seconds = 1\ngrace_seconds = 4\n[mounts."${mount}"]\nfallback_mount = "/backup.mp3"\n`;
    stack = await startStation(rules);
    const backup = await streamMp3(stack.ingestPort, "/backup.mp3", join(fixtures, "crc128.mp3"), {
      password: stack.password,
      loop: true,
    });
    const first = await source(0, 3.3);
    listener = await listen(`${stack.edgeUrl}${mount}`);
    await first.stop();
    const second = await source(60, 3.3);
    second.destroy();
    // Nobody waits any more: listeners hear the fallback.
    const backupFrames = new FrameList(framesOf(join(fixtures, "crc128.mp3")));
    await waitFor("the fallback to be heard", () =>
      framesIn(listener.bytes()).some((frame) => backupFrames.indexOf(frame) >= 0),
    );
    await source(0, 3.3);
    stack.kill("ingest", "SIGKILL");
    await waitFor("the ingest to be back", async () =>
      fetch(`${stack.ingestUrl}/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const fourth = await source(30, 3.3);
    await fourth.stop();
    const fifth = await source(90, 2.2);
    await fifth.stop();
    // It had ended before as well: until the mount tells of the last return, at most ten seconds later, it does not show.
    await waitFor("the archive to have ended both", async () => {
      broadcasts = await archived();
      const isWhole = broadcasts.flatMap(({ joins }) => joins).length === 3;
      return isWhole && broadcasts.length === 2 && broadcasts.every(({ end }) => end !== null);
    });
    for (const { url } of broadcasts) files.push(new Uint8Array(await (await fetch(url)).arrayBuffer()));
    listener.close();
    backup.destroy();
  });
  afterAll(async () => {
    await stack?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is one broadcast while the source returns within the grace, and says why and when it was away", () => {
    expect(broadcasts.map(({ joins }) => joins.map(({ kind }) => kind))).toEqual([
      ["reconnect"],
      ["ingest-restart", "reconnect"],
    ]);
    for (const { missingMs } of broadcasts.flatMap(({ joins }) => joins))
      expect(missingMs).toBeGreaterThan(0);
  });

  it("has every frame that its sources sent, in order, and primers at its joins and nowhere else", () => {
    const runs = files.map(runsOf);
    expect(runs.map((of) => of.map(({ from }) => from))).toEqual([
      [0, 60],
      [0, 30, 90],
    ]);
    for (const [index, { from, count }] of runs.flat().entries()) {
      const whole = sent[index]?.length ?? 0;
      // What the killed ingest had not closed is lost, and what was on its way to it: its join says so.
      const lost = index === 2 ? 2 * 44_100 : index === 1 ? 8 * samplesPerFrame : 0;
      expect(count, `run from ${from}`).toBeLessThanOrEqual(whole);
      expect(count, `run from ${from}`).toBeGreaterThanOrEqual(whole - lost / samplesPerFrame);
    }
    const ms = (frames: number) => Math.round((frames * samplesPerFrame * 1_000) / 44_100);
    for (const [index, of] of runs.entries()) {
      const broadcast = broadcasts[index];
      let kept = 0;
      for (const [nth, { at, count }] of of.entries()) {
        // One primer before each but the first.
        expect(at).toBe(kept + nth);
        if (nth > 0) expect(broadcast?.joins[nth - 1]?.atMs).toBe(ms(kept));
        kept += count;
      }
      expect(broadcast?.durationMs).toBe(ms(kept));
    }
  });

  it("is told by its track list what each join adds", async () => {
    for (const { tracks, joins } of broadcasts) {
      const told = (await (await fetch(tracks)).json()) as {
        joins: readonly { readonly addedSamples: number; readonly addedBytes: number }[];
      };
      expect(told.joins).toMatchObject(joins);
      expect(told.joins.map(({ addedSamples }) => addedSamples)).toEqual(joins.map(() => samplesPerFrame));
      for (const { addedBytes } of told.joins) expect(addedBytes).toBeGreaterThan(0);
    }
  });

  it("decodes to what its sources had, sample for sample", async () => {
    const original = await decode(Buffer.concat(programme.map(({ bytes }) => bytes)));
    for (const file of files) {
      const decoded = await decode(Buffer.concat(framesIn(file)));
      expect(decoded.complaints).toEqual([]);
      expect(decoded.samples).toBe(framesIn(file).length * samplesPerFrame);
      for (const { at, from, count } of runsOf(file)) {
        const skip = from === 0 ? 0 : settlingFrames;
        const [a, b] = [(at + skip) * samplesPerFrame, (from + skip) * samplesPerFrame];
        expect(
          largestDifference(decoded, a, original, b, (count - skip) * samplesPerFrame),
        ).toBeLessThanOrEqual(1);
      }
    }
  });
});

const framesIn = (bytes: Uint8Array): Uint8Array[] => {
  const parser = mp3.createParser();
  return [
    ...parser.push(bytes).map((frame) => frame.bytes.slice()),
    ...parser.flush().map((frame) => frame.bytes.slice()),
  ];
};

function runsOf(file: Uint8Array): Run[] {
  const runs: { at: number; from: number; count: number }[] = [];
  for (const [at, frame] of framesIn(file).entries()) {
    const index = list.indexOf(frame);
    const open = runs.at(-1);
    if (open && index === open.from + open.count && at === open.at + open.count) open.count++;
    else if (index >= 0) runs.push({ at, from: index, count: 1 });
  }
  return runs;
}
