import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketOf } from "../support/bucket.ts";
import { putInto } from "../support/edge-process.ts";
import { FrameList } from "../support/frame-check.ts";
import { heardOf, outline } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { editionOf, madeTracks, putEditions, putTracks } from "../support/made-library.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixtures = join(import.meta.dirname, "..", "fixtures");
const stored = join(fixtures, "cbr128-joint44.mp3");
const played = join(fixtures, "vbr-v2.mp3");

describe("a mount whose settings change while somebody listens", () => {
  const folder = mkdtempSync(join(tmpdir(), "skywave-kinds-"));
  const stationFile = join(folder, "station.toml");
  const write = (kind: string) =>
    writeFileSync(
      stationFile,
      `[limits]\nsegment_seconds = 1\nburst_seconds = 4\ngrace_seconds = 2\n[[autodj]]\nmount = "/music.mp3"\n${kind}\n`,
    );
  const byEdge = 'kind = "edge"\nlibrary = "house"';
  const byIngest = 'music = ["music"]\nloudness_lufs = false';
  const lists = { library: new FrameList(framesOf(stored)), ingest: new FrameList(framesOf(played)) };
  let stack: Stack;
  let listening: Listening | undefined;

  beforeAll(async () => {
    mkdirSync(join(folder, "music"));
    copyFileSync(played, join(folder, "music", "played.mp3"));
    write(byEdge);
    stack = await startStack({ stationFile });
    const { url, accessKeyId, secretAccessKey } = bucketOf(stack);
    const put = putInto(url, new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto" }));
    const tracks = madeTracks(stored, [0, 260, 430, 700, 905, 1_140]);
    await putTracks(tracks, put);
    await putEditions(
      "house",
      [{ id: "only", fromMs: Date.now() - 77_777, edition: editionOf(tracks, 5) }],
      put,
    );
  });
  afterAll(async () => {
    listening?.close();
    await stack?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const statuses = async (): Promise<string> => (await fetch(`${stack.edgeUrl}/status-json.xsl`)).text();
  const heard = () => {
    if (!listening) throw new Error("nobody listens");
    return heardOf(listening, lists);
  };
  const hears = (name: string) =>
    waitFor(
      `${name} to be heard`,
      async () => {
        // Whoever asks for the status brings the settings; without anybody it takes a minute.
        await statuses();
        return outline(heard()).at(-1) === name;
      },
      40_000,
    ).catch((error: unknown) => {
      throw new Error(`${JSON.stringify(heard().runs)}\n${stack.log().slice(-3_000)}`, { cause: error });
    });

  it("goes on with what plays there now, and nobody is sent away", async () => {
    await waitFor("the library to be on air", async () => (await statuses()).includes("/music.mp3"), 20_000);
    listening = await listen(`${stack.edgeUrl}/music.mp3`, { icy: true });
    await hears("library");
    write(byIngest);
    process.kill(stack.pid, "SIGHUP");
    await hears("ingest");
    write(byEdge);
    process.kill(stack.pid, "SIGHUP");
    await hears("library");
    const order = outline(heard()).filter((of) => of !== "silence" && of !== "primer");
    expect(order.filter((of, index) => of !== order[index - 1])).toEqual(["library", "ingest", "library"]);
    expect(heard().rest).toBeLessThan(1_500);
  });
});
