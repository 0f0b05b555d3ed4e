import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { openTrack, type ReadPlan } from "../ingest/autodj/track-reader.ts";
import { fixture, fixtureFrames } from "../test/shared/codec/mp3/streams.ts";

/**
 * An AutoDJ's file: how fast it is passed over up to the frame where it goes on, and read as it goes on air. Every run
 * takes ten minutes of 128 kb/s (9.6 MB): ten hours take sixty times as long.
 */
const FRAMES = 22_969;

const folder = mkdtempSync(join(tmpdir(), "bench-tracks-"));
const path = join(folder, "track.mp3");
const like = fixtureFrames("cbr128-joint44.mp3");
const plan = (gainSteps: number): ReadPlan => ({
  firstFrame: 0,
  frames: FRAMES,
  samplesPerFrame: 1152,
  gainSteps,
  format: { key: "mpeg1/3/44100/2", sampleRate: 44_100 },
});

beforeAll(() => {
  const rounds = Math.ceil(FRAMES / like.length);
  writeFileSync(path, Buffer.concat(Array.from({ length: rounds }, () => fixture("cbr128-joint44.mp3"))));
});
afterAll(() => rmSync(folder, { recursive: true }));

// oxlint-disable-next-line vitest/expect-expect -- it measures, and asserts nothing about time
test("a track of ten minutes", { timeout: 120_000 }, async ({ bench }) => {
  await bench.compare(
    bench("passed over to its last second", async () => {
      await (await openTrack(path, plan(0), FRAMES - 38)).close();
    }),
    bench("read", () => read(0)),
    bench("read with gain", () => read(-4)),
  );
});

async function read(gainSteps: number): Promise<void> {
  const reader = await openTrack(path, plan(gainSteps));
  while (await reader.read());
  await reader.close();
}
