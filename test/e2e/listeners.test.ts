import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { decodeSideInfo } from "../../shared/codec/mp3/side-info.ts";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { insecureHost, launchBrowser } from "../support/browser.ts";
import { type Client, requireClient, runClient, spawnClient } from "../support/clients.ts";
import { FrameCheck, FrameList } from "../support/frame-check.ts";
import { listen } from "../support/listen.ts";
import { decoderComplaint, openFolder, outputOf, spawnVlc } from "../support/players.ts";
import { openSocket, readHead } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

// All players at once: each of them mostly waits.
vi.setConfig({ maxConcurrency: 20 });

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const mount = "/live.mp3";
const list = new FrameList(framesOf(fixture));

/** The fixture: 128 kb/s, 1,152 samples of 44.1 kHz a frame, 16 bits of two channels when decoded. */
const bytesPerSecond = 16_000;
const pcmBytesPerSecond = 44_100 * 4;
const framesIn = (seconds: number) => Math.ceil((seconds * 44_100) / 1152);

/** What each player has to play before it is judged: the burst, and three segments that came live. */
const secondsHeard = 10;

let stack: Stack;
let source: Streaming;
const folder = openFolder();

beforeAll(async () => {
  stack = await startStack();
  source = await streamMp3(stack.ingestPort, mount, fixture, { password: stack.password, loop: true });
  // A browser's burst is there once so much has been on air.
  await waitFor("10 s of audio to be sent", () => source.sent.length > framesIn(10), 30_000);
});

afterAll(async () => {
  await source?.stop();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (port: "edge" | "ingest") => (port === "edge" ? stack.edgePort : stack.ingestPort);
const urlOf = (port: "edge" | "ingest") => `http://127.0.0.1:${portOf(port)}${mount}`;

const words = (text: string) => text.split(" ");
const tail = (text: string) => text.slice(-3000);
const describeTrouble = (client: Client) =>
  `client:\n${tail(outputOf(client))}\nstack:\n${tail(stack.log())}`;

/** Waits until a client has written so much to a file; then it has no more to do. */
async function untilSize(client: Client, file: string, bytes: number): Promise<void> {
  try {
    await waitFor(
      `${bytes} bytes in ${file}`,
      () => {
        if (client.child.exitCode !== null) throw new Error(`the client ended with ${client.child.exitCode}`);
        return existsSync(file) && statSync(file).size >= bytes;
      },
      40_000,
    );
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${describeTrouble(client)}`, { cause: error });
  } finally {
    client.kill();
  }
}

/** One primer, where the first frame reaches back to frames that the listener never had. */
function expectPrimed({ first, primers }: FrameCheck): void {
  const { mainDataBegin } = decodeSideInfo(list.frames[first] ?? new Uint8Array(0));
  expect(primers).toBe(mainDataBegin > 0 ? 1 : 0);
}

function expectOurFrames(audio: Uint8Array, seconds: number): void {
  const check = new FrameCheck(list);
  check.push(audio);
  expect(check.problems).toEqual([]);
  expectPrimed(check);
  expect(check.frames).toBeGreaterThanOrEqual(framesIn(seconds) - 1);
}

const decoders = {
  mpg123: (url: string, file: string) => spawnClient("mpg123", ["-v", "--utf8", "-w", file, url]),
  ffmpeg: (url: string, file: string) =>
    spawnClient("ffmpeg", [
      ...words("-nostdin -loglevel verbose -err_detect crccheck+bitstream+buffer -i"),
      url,
      ...words("-map 0:a -flush_packets 1 -f wav"),
      file,
    ]),
  mpv: (url: string, file: string) =>
    spawnClient("mpv", [
      "--no-config",
      "--no-video",
      "--audio-format=s16",
      "--ao=pcm",
      `--ao-pcm-file=${file}`,
      url,
    ]),
  cvlc: (url: string, file: string) =>
    spawnVlc(folder, ["-vv", "--no-color", "--aout=afile", `--audiofile-file=${file}`, url]),
} as const;

const players: [keyof typeof decoders, "edge" | "ingest"][] = [
  ["mpg123", "edge"],
  ["mpg123", "ingest"],
  ["ffmpeg", "edge"],
  ["ffmpeg", "ingest"],
  ["mpv", "edge"],
  ["cvlc", "edge"],
];

const savers: [string, "edge" | "ingest", (url: string, file: string) => Client][] = [];
for (const port of ["edge", "ingest"] as const) {
  savers.push(
    ["curl", port, (url, file) => spawnClient("curl", ["-sS", "-N", "-o", file, url])],
    [
      "ffmpeg",
      port,
      (url, file) =>
        spawnClient("ffmpeg", [
          ...words("-nostdin -loglevel warning -i"),
          url,
          ...words("-map 0:a -c copy -flush_packets 1 -f mp3 -write_xing 0 -id3v2_version 0"),
          file,
        ]),
    ],
  );
}

describe.concurrent("a listener", () => {
  it.for(players)("%s on the %s port decodes without a complaint", async ([name, port], context) => {
    requireClient(context, name);
    const file = join(folder, `${name}-${port}.wav`);
    const client = decoders[name](urlOf(port), file);
    await untilSize(client, file, secondsHeard * pcmBytesPerSecond);
    expect(outputOf(client)).not.toMatch(decoderComplaint);
  });

  it.for(savers)(
    "%s on the %s port saves the source's frames and nothing else",
    async ([name, port, save], context) => {
      requireClient(context, name);
      const file = join(folder, `${name}-${port}.mp3`);
      const client = save(urlOf(port), file);
      await untilSize(client, file, secondsHeard * bytesPerSecond);
      expect(outputOf(client)).not.toMatch(decoderComplaint);
      expectOurFrames(readFileSync(file), secondsHeard);
    },
  );

  it.for(["edge", "ingest"] as const)(
    "curl on the %s port gets ICY when it asks for it",
    async (port, context) => {
      requireClient(context, "curl");
      const file = join(folder, `curl-${port}.icy`);
      const head = join(folder, `curl-${port}.head`);
      const client = spawnClient("curl", [
        ...words("-sS -N -D"),
        head,
        "-H",
        "Icy-MetaData: 1",
        "-o",
        file,
        urlOf(port),
      ]);
      await untilSize(client, file, secondsHeard * bytesPerSecond);
      const metaint = Number(/^icy-metaint:\s*(\d+)/im.exec(readFileSync(head, "latin1"))?.[1]);
      expect(metaint).toBe(16_000);
      const { audio, titles } = new IcyDeinterleaver(metaint).push(readFileSync(file));
      expect(titles.map(({ text, atByte }) => [text, atByte])).toEqual([["", metaint]]);
      expectOurFrames(Buffer.concat(audio), secondsHeard - 1);
    },
  );

  it("ffprobe knows the stream for what it is", async (context) => {
    requireClient(context, "ffprobe");
    const client = await runClient("ffprobe", [
      ...words("-loglevel warning -of default=nw=1 -show_entries"),
      "stream=codec_name,sample_rate,channels:format=format_name:format_tags",
      urlOf("edge"),
    ]);
    expect(client.stdout().toString().trim().split("\n").toSorted()).toEqual([
      "TAG:StreamTitle=",
      "TAG:icy-br=128",
      "TAG:icy-name=Skywave",
      "channels=2",
      "codec_name=mp3",
      "format_name=mp3",
      "sample_rate=44100",
    ]);
    expect(client.stderr()).toBe("");
  });

  it("that speaks HTTP/1.1 gets HTTP/1.0, closed at its end and never chunked, from the ingest port", async () => {
    const socket = await openSocket(stack.ingestPort);
    socket.write(
      `GET ${mount} HTTP/1.1\r\nHost: radio.example\r\nConnection: keep-alive\r\nRange: bytes=0-\r\n\r\n`,
    );
    const head = await readHead(socket, 20_000);
    expect(head).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
    expect(head).toMatch(/^connection: close\r$/im);
    expect(head).toMatch(/^content-type: audio\/mpeg\r$/im);
    expect(head).not.toMatch(
      /^(?:transfer-encoding|content-length|accept-ranges|content-range|keep-alive):/im,
    );
    const check = new FrameCheck(list);
    socket.on("data", (chunk: Buffer) => check.push(chunk));
    socket.resume();
    await waitFor("its frames", () => check.frames >= framesIn(secondsHeard), 30_000);
    socket.destroy();
    expect(check.problems).toEqual([]);
    expectPrimed(check);
  });

  it("begins at most 4.5 s behind the source, with at least 1 s in hand", async () => {
    const before = source.sent.length;
    const listening = await listen(urlOf("edge"));
    const check = new FrameCheck(list);
    await waitFor("the burst", () => listening.chunks.length > 0);
    const during = source.sent.length - before;
    await waitFor("10 more frames to be sent", () => source.sent.length > before + during + 10);
    check.push(listening.bytes());
    listening.close();
    const behind = (before - check.first + list.frames.length) % list.frames.length;
    expect(behind).toBeLessThanOrEqual(framesIn(4.5));
    expect(check.frames).toBeGreaterThanOrEqual(framesIn(1));
    expect(check.frames).toBeLessThanOrEqual(behind + during + 10);
  });

  it.for([
    ["names what it is for", { "Sec-Fetch-Dest": "audio" }],
    // As browsers do not over plain HTTP from another machine.
    ["does not name what it is for", { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)" }],
  ] as const)("that is a media element and %s gets 131,072 bytes at once", async ([, named]) => {
    const before = source.sent.length;
    const listening = await listen(urlOf("edge"), { headers: { ...named, Range: "bytes=0-" } });
    await waitFor("131,072 bytes", () => listening.bytes().length >= 131_072);
    const check = new FrameCheck(list);
    check.push(listening.bytes());
    listening.close();
    // What has been sent since the request could not have filled it: the stack had it all.
    const since = source.sent.length - before;
    const behind = (before - check.first + list.frames.length) % list.frames.length;
    expect(check.problems).toEqual([]);
    expect(since).toBeLessThanOrEqual(framesIn(2));
    expect(behind).toBeGreaterThanOrEqual(framesIn(131_072 / bytesPerSecond) - since);
  });
});

describe.concurrent("Chromium", () => {
  let browser: Promise<Browser> | undefined;
  afterAll(async () => (await browser)?.close());

  it.for([
    ["edge", "127.0.0.1"],
    ["ingest", "127.0.0.1"],
    // Over plain HTTP from elsewhere than its own machine, a browser does not say what a request is for.
    ["edge", insecureHost],
  ] as const)("plays the %s port on %s at once and goes on", async ([port, host], context) => {
    requireClient(context, "chromium");
    browser ??= launchBrowser();
    const origin = `http://${host}:${portOf(port)}`;
    const page = await (await browser).newPage();
    await page.goto(`${origin}/health`);
    const before = source.sent.length;
    await page.evaluate(`(() => {
      window.events = [];
      window.audio = new Audio(${JSON.stringify(origin + mount)});
      for (const name of ["playing", "waiting", "stalled", "ended", "error"])
        audio.addEventListener(name, () => events.push(name + " at " + audio.currentTime));
      return audio.play();
    })()`);
    // Had it not got its burst at once it would wait for 4 s of audio to be sent.
    expect(source.sent.length - before).toBeLessThanOrEqual(framesIn(3.5));
    await waitFor("6 s to be played", async () => Number(await page.evaluate("audio.currentTime")) >= 6);
    const events = await page.evaluate<string[]>("events");
    await page.close();
    // On a busy machine it may stumble over its own start, but never run dry.
    expect(events.join()).toContain("playing");
    expect(events.filter((event) => Number(event.split(" at ")[1]) > 1)).toEqual([]);
  });
});
