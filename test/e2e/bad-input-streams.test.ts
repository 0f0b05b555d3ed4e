import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { requireClient, runClient } from "../support/clients.ts";
import { withoutSilence } from "../support/heard.ts";
import { listen } from "../support/listen.ts";
import { type LogEntry, logLines } from "../support/log-lines.ts";
import { openSocket, rawRequest, readHead } from "../support/raw-request.ts";
import { seeded } from "../support/seeded.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { statusOf } from "../support/status.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const folder = mkdtempSync(join(tmpdir(), "skywave-streams-"));
const stationFile = join(folder, "station.toml");
writeFileSync(stationFile, "[limits]\nsegment_seconds = 0.5\nsource_timeout = 2\n[icy]\nmetaint = 1024\n");
/** Stereo, 44.1 kHz. */
const frames = framesOf(fixture("cbr128-joint44.mp3"));
const bytesOf = (some: readonly { readonly bytes: Uint8Array }[]) =>
  Buffer.concat(some.map(({ bytes }) => bytes));

let stack: Stack;
let bucket: Bucket;
beforeAll(async () => {
  stack = await startStack({ stationFile });
  bucket = bucketOf(stack);
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A source that has its mount and has sent nothing yet. */
async function source(mount: string, lines = ""): Promise<Socket> {
  const socket = await openSocket(stack.ingestPort);
  const login = Buffer.from(`source:${stack.password}`).toString("base64");
  socket.write(
    `PUT ${mount} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${login}\r\n` +
      `Content-Type: audio/mpeg\r\n${lines}\r\n`,
  );
  expect(await readHead(socket)).toBe("HTTP/1.0 200 OK\r\n\r\n");
  socket.resume();
  return socket;
}

const linesOf = (mount: string, msg: string): LogEntry[] =>
  logLines(stack.log()).filter((line) => line["mount"] === mount && line.msg === msg);

/** What the log says of the end of the only source that a mount has had. */
const endOf = (mount: string): Promise<LogEntry> =>
  waitFor(`the source of ${mount} to end\n${stack.log()}`, () => linesOf(mount, "source ended")[0]);

async function expectStored(mount: string, expected: Uint8Array): Promise<void> {
  await waitFor(
    `the bucket to have ${expected.length} bytes of ${mount}\n${stack.log()}`,
    async () => (await bucket.audio(mount)).length >= expected.length,
  );
  expect((await bucket.audio(mount)).equals(expected), `${mount}: stored is what it should be`).toBe(true);
}

/** Whether a source can have the mount now. */
async function expectFree(mount: string): Promise<void> {
  (await source(mount)).destroy();
}

function repeated(unit: string | Uint8Array, bytes = 200_000): Buffer {
  return Buffer.alloc(bytes, unit);
}

function randomBytes(seed: number, bytes = 200_000, most = 256): Buffer {
  const next = seeded(seed);
  return Buffer.from(Uint8Array.from({ length: bytes }, () => Math.floor(next() * most)));
}

/** As a PNG begins and goes on; its checksums are nobody's business here. */
function png(): Buffer {
  const header = Buffer.from("89504e470d0a1a0a0000000d49484452000002580000025808020000003129a2c3", "hex");
  return Buffer.concat([header, Buffer.from("0003000049444154", "hex"), deflateSync(randomBytes(7))]);
}

/** Quiet stereo noise: full of the small negative numbers that look like sync words. */
function wav(): Buffer {
  const samples = Int16Array.from(randomBytes(8, 100_000, 16), (value) => value - 8);
  return Buffer.concat([Buffer.from("RIFF\0\0\0\0WAVEfmt "), new Uint8Array(samples.buffer)]);
}

describe.concurrent("a body that is no MP3, declared as audio/mpeg", () => {
  const bodies: Record<string, () => Buffer> = {
    text: () => repeated("It was a dark and stormy night; the rain fell in torrents.\n"),
    html: () => repeated("<!doctype html><html><body><p>Hello</p></body></html>\n"),
    png,
    wav,
    zeros: () => repeated("\0"),
    ones: () => repeated(Uint8Array.of(0xff)),
    "random bytes": () => randomBytes(9),
    "frame headers without frames": () => repeated(Uint8Array.of(0xff, 0xfb, 0x90, 0x64, 0, 0)),
  };
  it.each(Object.keys(bodies))("(%s) is cut off after 64 KiB; nothing is stored", async (name) => {
    await expectCutOff(`/${name}.mp3`, bodies[name]?.() ?? Buffer.alloc(0));
    expect(await bucket.keys(`/${name}.mp3`)).toEqual([]);
  });

  it.for([
    ["video.mp4", ["-f", "lavfi", "-i", "testsrc=d=4:s=640x360", "-c:v", "mpeg4", "-f", "mp4"]],
    ["sound.aac", ["-f", "lavfi", "-i", "anoisesrc=d=12", "-c:a", "aac", "-f", "adts"]],
    ["sound.ogg", ["-f", "lavfi", "-i", "anoisesrc=d=12", "-c:a", "flac", "-f", "ogg"]],
  ] as const)("(%s) is cut off after 64 KiB; nothing is stored", async ([name, args], context) => {
    requireClient(context, "ffmpeg");
    const file = join(folder, name);
    const ffmpeg = await runClient("ffmpeg", ["-v", "error", ...args, file]);
    const body = readFileSync(file);
    expect(body.length, ffmpeg.stderr()).toBeGreaterThan(100_000);
    await expectCutOff(`/${name}`, body);
    expect(await bucket.keys(`/${name}`)).toEqual([]);
  });
});

async function expectCutOff(mount: string, body: Uint8Array): Promise<void> {
  const path = encodeURI(mount);
  const socket = await source(path);
  // A source that sends a lot more is reset in the end.
  const cut = new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
  for (let at = 0; at < body.length && !socket.destroyed; at += 8192)
    socket.write(body.subarray(at, at + 8192));
  const ended = await endOf(mount);
  expect(ended["reason"]).toMatch(/^\d+ bytes without an audio frame \(audio\/mpeg was declared\)$/);
  expect(ended).toMatchObject({ frames: 0 });
  expect(ended["bytes"], "bytes taken").toBeLessThanOrEqual(128 * 1024);
  await cut;
  socket.destroy();
  await expectFree(path);
}

describe.concurrent("an MP3 stream", () => {
  it("with garbage between its frames keeps every frame and nothing else", async () => {
    const mount = "/garbage.mp3";
    const socket = await source(mount);
    const some = frames.slice(0, 300);
    const next = seeded(10);
    let garbageBytes = 0;
    for (const [index, { bytes }] of some.entries()) {
      if (index % 10 === 5) {
        const garbage = randomBytes(index, Math.ceil(next() * 700), index % 20 === 5 ? 256 : 1);
        garbageBytes += garbage.length;
        socket.write(garbage);
      }
      socket.write(bytes);
    }
    socket.end();
    expect(await endOf(mount)).toMatchObject({ frames: 300, garbageBytes, resyncs: 30 });
    await expectStored(mount, bytesOf(some));
  });

  it("that changes its rate, then from stereo to mono, goes on; a segment has one format", async () => {
    const mount = "/formats.mp3";
    const socket = await source(mount);
    const heard = listen(`${stack.edgeUrl}${mount}?burst=60`);
    const stereo = frames.slice(0, 60);
    const monoHeader = Buffer.from(stereo[0]?.bytes ?? []);
    monoHeader[3] = (monoHeader[3] ?? 0) | 0xc0;
    const silence = { bytes: mp3.silence(monoHeader) };
    const parts = [
      stereo,
      framesOf(fixture("mpeg2-22k-64.mp3")).slice(0, 60),
      frames.slice(60, 120),
      Array.from({ length: 60 }, () => silence),
      framesOf(fixture("mono48-64.mp3")).slice(0, 60),
    ];
    const sent = Buffer.concat(parts.map(bytesOf));
    socket.end(sent);
    expect(await endOf(mount)).toMatchObject({ frames: 300, garbageBytes: 0 });
    await expectStored(mount, sent);
    const formats: (string | undefined)[] = [];
    for (const key of await bucket.keys(mount)) {
      const { body, metadata } = await bucket.object(key);
      const parser = mp3.createParser();
      const found = [...parser.push(body), ...parser.flush()].map(({ format }) => format);
      expect(new Set(found.map((format) => format.key)).size, `formats in ${key}`).toBe(1);
      expect(metadata["sample-rate"]).toBe(String(found[0]?.sampleRate));
      if (formats.at(-1) !== found[0]?.key) formats.push(found[0]?.key);
    }
    expect(formats).toEqual([
      "mpeg1/3/44100/2",
      "mpeg2/3/22050/2",
      "mpeg1/3/44100/2",
      "mpeg1/3/44100/1",
      "mpeg1/3/48000/1",
    ]);
    expect(linesOf(mount, "source changed its format").map(({ format }) => format)).toEqual([
      expect.stringContaining("MPEG-2 Layer III, 22050 Hz"),
      expect.stringContaining("MPEG-1 Layer III, 44100 Hz"),
      "MPEG-1 Layer III, 44100 Hz, mono",
      "MPEG-1 Layer III, 48000 Hz, mono",
    ]);
    const listener = await heard;
    await waitFor("the listener to hear it all", () => listener.bytes().length >= sent.length);
    // Some of what was sent is silence itself; that it is kept is seen in storage.
    const audible = withoutSilence(new Uint8Array(sent));
    expect(withoutSilence(listener.bytes()).equals(audible), "heard is what was sent").toBe(true);
    listener.close();
  });

  it("that falls silent is ended after source_timeout; its mount is free, its frames are kept", async () => {
    const mount = "/silent.mp3";
    const socket = await source(mount);
    socket.write(bytesOf(frames.slice(0, 40)));
    const closed = new Promise((resolve) => socket.once("end", resolve));
    expect(await endOf(mount)).toMatchObject({ reason: "silent for 2000 ms", frames: 40 });
    await closed;
    await expectFree(mount);
    await expectStored(mount, bytesOf(frames.slice(0, 40)));
  });

  it("that never begins is ended after source_timeout", async () => {
    const mount = "/mute.mp3";
    const socket = await source(mount);
    expect(await endOf(mount)).toMatchObject({ reason: "silent for 2000 ms", frames: 0 });
    socket.destroy();
    await expectFree(mount);
    expect(await bucket.keys(mount)).toEqual([]);
  });
});

describe.concurrent("a chunked body", () => {
  const chunked = "Transfer-Encoding: chunked\r\n";
  const some = frames.slice(0, 100);
  const inChunks = (bytes: Buffer, size = 1000): string => {
    let text = "";
    for (let at = 0; at < bytes.length; at += size) {
      const part = bytes.subarray(at, at + size);
      text += `${part.length.toString(16)}\r\n${part.toString("latin1")}\r\n`;
    }
    return text;
  };

  it("that ends with its last chunk is complete", async () => {
    const mount = "/chunks.mp3";
    const socket = await source(mount, chunked);
    // Nothing after the last chunk belongs to the stream.
    socket.write(`${inChunks(bytesOf(some))}0\r\n\r\nGET / HTTP/1.1\r\n\r\n`, "latin1");
    expect(await endOf(mount)).toMatchObject({
      reason: "the source ended its body",
      frames: 100,
      garbageBytes: 0,
    });
    await expectStored(mount, bytesOf(some));
    socket.destroy();
  });

  it("that is cut off in a chunk keeps its whole frames", async () => {
    const mount = "/cut-chunk.mp3";
    const socket = await source(mount, chunked);
    const part = bytesOf(some).subarray(0, -100);
    socket.end(`ffff0\r\n${part.toString("latin1")}`, "latin1");
    expect(await endOf(mount)).toMatchObject({ reason: "the source closed its connection", frames: 99 });
    await expectStored(mount, bytesOf(some.slice(0, 99)));
  });

  it.each([
    ["no number", "xyz\r\n"],
    ["a negative size", "-5\r\n"],
    ["a size beyond all numbers", "1000000000000000000\r\n"],
    ["no size", ";\r\n"],
    ["an endless extension", `5;${"x".repeat(2000)}\r\n`],
    ["more than its size", "5\r\nabcdefgh\r\n"],
  ])("with broken framing (%s) ends the source; what came before it is kept", async (name, broken) => {
    const mount = `/broken/${name.replaceAll(" ", "-")}.mp3`;
    const socket = await source(mount, chunked);
    socket.write(inChunks(bytesOf(some)), "latin1");
    // What comes in one packet with the defect may go with it.
    await waitFor("its frames to be read", async () => (await bucket.keys(mount)).length >= 4);
    socket.write(broken, "latin1");
    const { reason } = await endOf(mount);
    expect(reason).toMatch(/chunk/);
    await expectStored(mount, bytesOf(some));
    socket.destroy();
    await expectFree(mount);
  });
});

describe.concurrent("a title", () => {
  /** As sent, percent-encoded; as it is stored and told in JSON; as an ICY block says it where that differs. */
  const titles: readonly (readonly [song: string, stored: string, icy?: string])[] = [
    [
      "AC%3BDC%27%3BStreamUrl%3D%27http%3A//evil/",
      "AC;DC';StreamUrl='http://evil/",
      "AC;DC’;StreamUrl='http://evil/",
    ],
    ["%27%3B%27%3B%27%3B", "';';';", "’;’;’;"],
    ["a%00b%00", "ab"],
    ["one%0D%0Atwo%0Athree%E2%80%A8four", "one two three four"],
    ["%F0%9F%8E%B5%20%ED%95%9C%EA%B5%AD", "🎵 한국"],
    ["x%ED%A0%80y", "xí\u00a0€y"],
    ["%FF%FE%FD", "ÿþý"],
    ["%F0%9F%8E", "ðŸŽ"],
    ["100%25 %zz %", "100% %zz %"],
    ["x".repeat(10_240), "x".repeat(4064)],
    [encodeURIComponent("🎵".repeat(2500)), "🎵".repeat(1016)],
    ["%3Cscript%3E%22%26", '<script>"&'],
  ];

  it("of any bytes and length is stored, told and sent as one whole line", async () => {
    const mount = "/titles.mp3";
    const { password } = stack;
    const on = await streamMp3(stack.ingestPort, mount, fixture("vbr-v2.mp3"), { password });
    const listener = await listen(`${stack.edgeUrl}${mount}?burst=60`, { icy: true });
    for (const [song, stored] of titles) {
      const form = `mode=updinfo&mount=${mount}&song=${song}`;
      const login = Buffer.from(`admin:${stack.adminPassword}`).toString("base64");
      const request =
        `POST /admin/metadata HTTP/1.0\r\nAuthorization: Basic ${login}\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`;
      expect((await rawRequest(stack.ingestPort, request)).toString()).toContain("<return>1</return>");
      await waitFor(
        `the status to tell ${JSON.stringify(stored.slice(0, 40))}`,
        async () => (await statusOf(stack, mount))?.["title"] === stored,
      );
    }
    const heard = await waitFor("the last title to be heard", () => {
      const icy = new IcyDeinterleaver(Number(listener.headers["icy-metaint"])).push(listener.bytes());
      return icy.titles.length > titles.length && icy;
    });
    const expected = titles.map(([, stored, icy]) => icy ?? stored);
    expect(heard.titles.map(({ text }) => text)).toEqual(["", ...expected]);
    const sent = bytesOf(on.sent);
    const audio = Buffer.concat(heard.audio);
    expect(sent.subarray(0, audio.length).equals(audio), "the audio between the blocks").toBe(true);
    const xml = await (await fetch(`${stack.edgeUrl}${mount}.xspf`)).text();
    expect(xml).toContain("&lt;script&gt;");
    expect(xml).not.toContain("<script>");
    await on.stop();
    listener.close();
  });
});
