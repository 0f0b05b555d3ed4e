import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketOf } from "../support/bucket.ts";
import { FrameList } from "../support/frame-check.ts";
import { splicedRuns } from "../support/heard.ts";
import { listen, type Listening } from "../support/listen.ts";
import { logLines } from "../support/log-lines.ts";
import { openMpg123Wasm } from "../support/decoders.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const decode = await openMpg123Wasm();

const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const folder = mkdtempSync(join(tmpdir(), "skywave-restart-"));
const stationFile = join(folder, "station.toml");
writeFileSync(stationFile, "[limits]\nsegment_seconds = 1\nburst_seconds = 3\n");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (frames: readonly { readonly bytes: Uint8Array }[]) =>
  Buffer.concat(frames.map(({ bytes }) => bytes));

/** Frames that are not at the ingest yet when a signal comes: sent this much later than the last one asserted. */
const inFlightMs = 500;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a stop and a start on the same folder", () => {
  it("stores all that sources had sent, and goes on with the next epoch", async () => {
    const dataDir = join(folder, "data");
    const first = await startStack({ dataDir, stationFile });
    let second: Stack | undefined;
    try {
      const files = { "/one.mp3": "cbr128-joint44.mp3", "/two.mp3": "mpeg2-22k-64.mp3" };
      const sources = await Promise.all(
        Object.entries(files).map(([mount, file]) =>
          streamMp3(first.ingestPort, mount, fixture(file), { password: first.password }),
        ),
      );
      // Two segments and an open one, of an odd length.
      await waitFor("2.6 s of audio", () => sources.every(({ sent }) => secondsOf(sent) > 2.6));
      const atLeast = sources.map(({ sent }) => sent.length);
      await sleep(inFlightMs);
      const exitCode = await first.end("SIGTERM");
      expect(exitCode, `the stop\n${first.log()}`).toBe(0);
      expect(first.log()).not.toContain("did not stop properly");

      const { edgePort, ingestPort } = first;
      second = await startStack({ dataDir, stationFile, edgePort, ingestPort });
      expect(second.password).toBe(first.password);
      const bucket = bucketOf(second);
      const archives: Buffer[] = [];
      for (const [index, mount] of Object.keys(files).entries()) {
        const { sent } = sources[index] ?? { sent: [] };
        const archive = await bucket.audio(mount);
        archives.push(archive);
        expect(
          bytesOf(sent).subarray(0, archive.length).equals(archive),
          `${mount}: nothing but what was sent`,
        ).toBe(true);
        const least = bytesOf(sent.slice(0, atLeast[index])).length;
        expect(
          archive.length,
          `${mount}: all that was sent ${inFlightMs} ms before the signal`,
        ).toBeGreaterThanOrEqual(least);
        expect(await bucket.epochs(mount)).toEqual([1]);
      }

      const again = await streamMp3(ingestPort, "/one.mp3", fixture("crc128.mp3"), {
        password: second.password,
      });
      await waitFor("a segment of the next epoch", async () => (await bucket.epochs("/one.mp3")).includes(2));
      const { edgeUrl } = second;
      await waitFor("the statistics to have the mount", async () =>
        /"listenurl":"[^"]*\/one\.mp3"/.test(await (await fetch(`${edgeUrl}/status-json.xsl`)).text()),
      );
      await again.stop();
      const sent = bytesOf(again.sent);
      const before = archives[0] ?? Buffer.alloc(0);
      await waitFor(
        "the second epoch to be stored",
        async () => (await bucket.audio("/one.mp3")).length >= before.length + sent.length,
      );
      expect((await bucket.audio("/one.mp3")).equals(Buffer.concat([before, sent]))).toBe(true);
      expect((await bucket.audio("/two.mp3")).equals(archives[1] ?? Buffer.alloc(0))).toBe(true);
    } finally {
      await first.stop();
      await second?.stop();
    }
  });
});

describe("a part that is killed", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ stationFile });
  });
  afterAll(() => stack?.stop());

  it("is the ingest: the source has its mount again at once, and listeners hear on over the gap", async () => {
    const mount = "/ingest.mp3";
    const before = fixture("cbr128-joint44.mp3");
    // An encoder that goes on where it was: its first frame reaches back to one that never arrived.
    const after = join(folder, "after.mp3");
    writeFileSync(after, bytesOf(framesOf(fixture("vbr-v2.mp3")).slice(200)));
    const both = new FrameList([...framesOf(before), ...framesOf(after)]);
    const lengthBefore = framesOf(before).length;
    const { password, ingestPort } = stack;
    const lost = await streamMp3(ingestPort, mount, before, { password });
    const listeners = await Promise.all(
      [3, 1].map((burst) => listen(`${stack.edgeUrl}${mount}?burst=${burst}`)),
    );
    await waitFor("three seconds of audio", () => secondsOf(lost.sent) > 3);
    stack.kill("ingest");
    await lost.finished;

    const source = await reconnect(() => streamMp3(ingestPort, mount, after, { password }));
    await waitFor("four seconds of audio", () => secondsOf(source.sent) > 4);
    await source.stop();
    const bucket = bucketOf(stack);
    const sent = bytesOf(source.sent);
    const [, epoch] = await waitFor("the next epoch", async () => {
      const epochs = await bucket.epochs(mount);
      return epochs.length >= 2 && epochs;
    });
    expect(epoch, "the epoch that follows").toBe(2);
    const stored = await waitFor(`the next epoch to be complete\n${stack.log()}`, async () => {
      const audio = await bucket.audio(mount);
      return audio.includes(sent) && audio;
    });
    const survived = stored.length - sent.length;
    expect(bytesOf(lost.sent).subarray(0, survived).equals(stored.subarray(0, survived))).toBe(true);
    // One segment was open; another may have been on its way.
    const lostSeconds = secondsOf(lost.sent) - secondsOf(framesIn(lost, survived));
    expect(lostSeconds, "seconds of audio lost with the ingest").toBeLessThan(2 + inFlightMs / 1000);

    for (const listener of listeners) await expectHeardOn(listener);
    async function expectHeardOn(listener: Listening): Promise<void> {
      const last = lengthBefore + source.sent.length - 1;
      const { runs } = await waitFor(`the listener to hear frame ${last}\n${stack.log()}`, () => {
        const spliced = splicedRuns(listener.bytes(), both);
        return spliced.runs.at(-1)?.last === last && spliced;
      });
      expect(runs).toHaveLength(2);
      expect(runs[1], "all of the second source, once").toMatchObject({ first: lengthBefore, last });
      const pcm = await decode(listener.bytes());
      expect(pcm.complaints, "a decoder over the gap").toEqual([]);
      listener.close();
    }
  });

  it("is the edge's runtime: listeners come back near the live edge, the source never notices", async () => {
    const mount = "/runtime.mp3";
    const file = fixture("cbr128-joint44.mp3");
    const list = new FrameList(framesOf(file));
    const { password, ingestPort } = stack;
    const source = await streamMp3(ingestPort, mount, file, { password });
    const cut = await listen(stack.edgeUrl + mount);
    await waitFor("five seconds of audio", () => secondsOf(source.sent) > 5);
    stack.kill("workerd");
    await cut.ended;
    const heard = splicedRuns(cut.bytes(), list);
    expect(heard.runs).toEqual([{ first: 0, last: expect.any(Number), primers: expect.any(Number) }]);

    const back = await reconnect(async () => {
      const listener = await listen(stack.edgeUrl + mount);
      if (listener.status === 200) return listener;
      listener.close();
      throw new Error(`the edge answered ${listener.status}`);
    });
    await waitFor("three more seconds of audio", () => {
      const { runs } = splicedRuns(back.bytes(), list);
      const run = runs.at(-1);
      return run !== undefined && run.last - run.first > framesPer(3 + 3);
    });
    expect(source.socket.destroyed, `the source's connection is the first one\n${stack.log()}`).toBe(false);
    await source.stop();
    const sent = bytesOf(source.sent);
    const bucket = bucketOf(stack);
    await waitFor(
      `the bucket to be complete\n${stack.log()}`,
      async () => (await bucket.audio(mount)).length >= sent.length,
    );
    expect((await bucket.audio(mount)).equals(sent), "stored is what was sent").toBe(true);
    const { runs } = await waitFor("the last frame", () => {
      const spliced = splicedRuns(back.bytes(), list);
      return spliced.runs.at(-1)?.last === source.sent.length - 1 && spliced;
    });
    expect(runs, "heard without a gap").toHaveLength(1);
    const firstHeard = runs[0]?.first ?? 0;
    const lastBefore = heard.runs[0]?.last ?? 0;
    // The burst and an announcement that this listener had not heard.
    expect(lastBefore - firstHeard, "frames heard a second time").toBeLessThan(framesPer(3 + 1));
    expect((await decode(back.bytes())).complaints).toEqual([]);
    back.close();
    expect(
      logLines(stack.log()).filter((line) => line["mount"] === mount && line.msg === "source ended"),
    ).toHaveLength(1);
  });
});

/** Tries until it succeeds: for as long as a part is down nobody listens on its port. */
function reconnect<T>(attempt: () => Promise<T>): Promise<T> {
  return waitFor(
    "the part to be back",
    async () => {
      try {
        return await attempt();
      } catch (error) {
        // Whoever answers has to grant what is asked.
        if (error instanceof Error && /refused: |the edge answered 4/.test(error.message)) throw error;
        return undefined;
      }
    },
    25_000,
  );
}

function framesIn({ sent }: Pick<Streaming, "sent">, bytes: number): Streaming["sent"] {
  let total = 0;
  const end = sent.findIndex((frame) => (total += frame.bytes.length) > bytes);
  return end < 0 ? sent : sent.slice(0, end);
}

const secondsOf = (frames: Streaming["sent"]): number =>
  frames.reduce((seconds, { samples, format }) => seconds + samples / format.sampleRate, 0);
/** At 44.1 kHz. */
const framesPer = (seconds: number): number => Math.ceil((seconds * 44_100) / 1152);
