import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Broadcast, followBroadcast } from "../support/broadcast.ts";
import { bucketOf } from "../support/bucket.ts";
import { requireClient, spawnClient } from "../support/clients.ts";
import { excerptOf, fixtures } from "../support/fixture-audio.ts";
import { accepted, basic, continued, ok2 } from "../support/icecast-wire.ts";
import { type PacedSource, sendPaced } from "../support/paced-source.ts";
import { openSocket, readHead } from "../support/raw-request.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitFor } from "../support/wait.ts";

/** Every source protocol byte by byte as its clients speak it; real clients are in sources-clients.test.ts. */
const password = "the-station-pw";
const secondsEach = 7;
const segmentSeconds = 2;

const station = `
sources.password = "${password}"
limits = { grace_seconds = 3, segment_seconds = ${segmentSeconds} }
ingest.shoutcast_mount = "/shoutcast.mp3"
[mounts."/own.mp3"]
password = "own-pw"
[mounts."/dj.mp3"]
username = "dj"
password = "dj-pw"
`;

interface Protocol {
  readonly name: string;
  readonly mount: string;
  readonly file: string;
  readonly login: PacedSource["login"];
  readonly reply: string;
  readonly source?: Partial<PacedSource>;
  /** Send its length along: the audio is known before. */
  readonly withLength?: boolean;
  readonly status?: Readonly<Record<string, unknown>>;
}

const auth = basic("source", password);
const mpeg = "Content-Type: audio/mpeg\r\n";
const host = "Host: 127.0.0.1\r\n";

const protocols: readonly Protocol[] = [
  {
    name: "SOURCE over HTTP/1.0",
    mount: "/source10.mp3",
    file: "cbr128-joint44.mp3",
    login: [
      `SOURCE /source10.mp3 HTTP/1.0\r\n${auth}${mpeg}ice-name: 한국 방송\r\nice-genre: Jazz\r\n` +
        "ice-description: A & B\r\nice-url: https://example.org/?a=1&b\r\nice-public: 1\r\nice-bitrate: 128\r\n" +
        "ice-audio-info: ice-samplerate=44100;ice-bitrate=128;ice-channels=2\r\n\r\n",
    ],
    reply: accepted,
    status: {
      server_name: "한국 방송",
      genre: "Jazz",
      server_description: "A & B",
      server_url: "https://example.org/?a=1&b",
      server_type: "audio/mpeg",
      bitrate: 128,
      audio_info: "ice-samplerate=44100;ice-bitrate=128;ice-channels=2",
      "ice-samplerate": 44100,
      "ice-channels": 2,
    },
  },
  {
    name: "SOURCE over HTTP/1.1, audio in the packet of its head",
    mount: "/source11.mp3",
    file: "vbr-v2.mp3",
    login: [`SOURCE /source11.mp3 HTTP/1.1\r\n${host}${auth}${mpeg}Ice-Name: 1999\r\n\r\n`],
    reply: accepted,
    source: { inLoginPacket: true },
    status: { server_name: 1999, genre: "various", server_description: "Unspecified description" },
  },
  {
    name: "SOURCE over ICE/1.0 with bare line feeds",
    mount: "/ice.mp3",
    file: "mono48-64.mp3",
    login: [`SOURCE /ice.mp3 ICE/1.0\n${auth}${mpeg}x-audiocast-name: old\nx-audiocast-bitrate: 64\n\n`],
    reply: accepted,
    status: { server_name: "old", bitrate: 64 },
  },
  {
    name: "PUT with Expect: 100-continue",
    mount: "/expect.mp3",
    file: "mpeg2-22k-64.mp3",
    login: [`PUT /expect.mp3 HTTP/1.1\r\n${host}${auth}${mpeg}Expect: 100-continue\r\n\r\n`],
    reply: continued,
    status: { server_name: "Unspecified name" },
  },
  {
    name: "PUT without Expect, its body without any length",
    mount: "/put.mp3",
    file: "cbr320.mp3",
    login: [`PUT /put.mp3 HTTP/1.1\r\n${host}${auth}Content-Type: audio/mpeg; charset=x\r\n\r\n`],
    reply: accepted,
  },
  {
    name: "PUT in chunks",
    mount: "/chunked.mp3",
    file: "crc128.mp3",
    login: [`PUT /chunked.mp3 HTTP/1.1\r\nHost: \r\n${auth}${mpeg}Transfer-Encoding: chunked\r\n\r\n`],
    reply: accepted,
    source: { chunked: true },
  },
  {
    name: "PUT in chunks with Expect: 100-continue",
    mount: "/chunked-expect.mp3",
    file: "freeformat.mp3",
    login: [
      `PUT /chunked-expect.mp3 HTTP/1.1\r\n${host}${auth}${mpeg}` +
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    ],
    reply: continued,
    source: { chunked: true },
  },
  {
    name: "PUT with Content-Length",
    mount: "/length.mp3",
    file: "mpeg25-8k-16.mp3",
    login: [`PUT /length.mp3 HTTP/1.1\r\n${host}${auth}${mpeg}Content-Length: LENGTH\r\n\r\n`],
    reply: accepted,
    withLength: true,
  },
  {
    name: "SHOUTcast, waiting for OK2 before the headers",
    mount: "/shoutcast.mp3",
    file: "cbr128-joint44.mp3",
    login: [
      `${password}\r\n`,
      "icy-name:스카우트\r\nicy-genre:Rock\r\nicy-url:http://sc.example/\r\nicy-pub:0\r\nicy-br:128\r\n" +
        "content-type:audio/mpeg\r\n\r\n",
    ],
    reply: ok2,
    status: { server_name: "스카우트", genre: "Rock", server_url: "http://sc.example/", bitrate: 128 },
  },
  {
    name: "SHOUTcast, all in one packet with bare line feeds, to the mount whose password it is",
    mount: "/own.mp3",
    file: "mono48-64.mp3",
    login: ["own-pw\nicy-name:one packet\nicy-irc:#mp3cast\nicy-pub:no\nicy-br:0\n\n"],
    reply: ok2,
    source: { inLoginPacket: true },
    status: { server_name: "one packet" },
  },
  {
    name: "SHOUTcast with /mount:password",
    mount: "/named.mp3",
    file: "vbr-v2.mp3",
    login: [`/named.mp3:${password}\r\n`, "icy-name:named\r\n\r\n"],
    reply: ok2,
    status: { server_name: "named" },
  },
  {
    name: "SHOUTcast with user:password",
    mount: "/dj.mp3",
    file: "mpeg2-22k-64.mp3",
    login: ["dj:dj-pw\r\n", "icy-name:dj\r\n\r\n"],
    reply: ok2,
    status: { server_name: "dj" },
  },
];

/** The first seconds of a fixture and half a frame more, which is not a frame. */
function partOf(file: string) {
  const { bytes, frames, seconds } = excerptOf(file, secondsEach);
  const whole = readFileSync(join(fixtures, file));
  const audio = whole.subarray(0, bytes.length + 70);
  return { audio, frames, bytesPerSecond: audio.length / seconds };
}

let stack: Stack;
beforeAll(async () => {
  stack = await startStation(station);
});
afterAll(() => stack.stop());

describe("what a source sends", () => {
  const runs = new Map<string, Promise<Broadcast & { reply: string }>>();
  beforeAll(() => {
    // All at once, so that the file takes as long as one.
    for (const protocol of protocols) {
      const run = send(protocol);
      run.catch(() => undefined);
      runs.set(protocol.name, run);
    }
  });

  async function send({ mount, file, login, reply, source, withLength }: Protocol) {
    const { audio, bytesPerSecond } = partOf(file);
    const length = String(audio.length);
    const sending = sendPaced({
      port: stack.ingestPort + (reply === ok2 ? 1 : 0),
      login: withLength === true ? [login[0].replace("LENGTH", length)] : login,
      replyEnd: reply,
      audio,
      bytesPerSecond,
      ...source,
    });
    const broadcast = await followBroadcast(stack, mount, sending);
    return { ...broadcast, reply: await sending };
  }

  describe.each(protocols)("with $name", ({ name, file, reply, status = {} }) => {
    it("is stored and heard frame for frame, each once and in order, and nothing else", async () => {
      const broadcast = await runs.get(name);
      const { frames } = partOf(file);
      expect(broadcast?.stored.length).toBe(frames.length);
      expect(broadcast?.stored.equals(frames), "stored as sent").toBe(true);
      expect(broadcast?.heard.length).toBe(frames.length);
      expect(broadcast?.heard.equals(frames), "heard as sent").toBe(true);
    });

    it("is answered as Icecast answers, to the byte", async () => {
      expect((await runs.get(name))?.reply).toBe(reply);
    });

    it("shows its station headers in the statistics", async () => {
      expect((await runs.get(name))?.status).toMatchObject(status);
    });
  });
});

/** Media that a mount has in storage, seconds: an upper bound on what is announced. */
async function storedSeconds(mount: string, bytesPerSecond: number): Promise<number> {
  return (await bucketOf(stack).audio(mount)).length / bytesPerSecond;
}

describe("a source faster than real time", () => {
  const mostAhead = 10 + segmentSeconds;

  /** Media stored so far against the time since before the source connected, until `enough` seconds are there. */
  async function neverTooFarAhead(mount: string, bytesPerSecond: number, enough: number) {
    const startedAt = performance.now();
    await waitFor(
      `${enough} s of ${mount} to be stored`,
      async () => {
        const stored = await storedSeconds(mount, bytesPerSecond);
        const elapsed = (performance.now() - startedAt) / 1000;
        expect(
          stored,
          `seconds of ${mount} stored ${elapsed.toFixed(1)} s after the start`,
        ).toBeLessThanOrEqual(elapsed + mostAhead);
        return stored >= enough;
      },
      30_000,
    );
  }

  it("is let in 10 seconds ahead and no further: curl -T", async (context) => {
    requireClient(context, "curl");
    const file = join(fixtures, "cbr128-joint44.mp3");
    const curl = spawnClient("curl", [
      ...["-sS", "-u", `source:${password}`, "-H", "Content-Type: audio/mpeg"],
      ...["-T", file, `http://127.0.0.1:${stack.ingestPort}/fast.mp3`],
    ]);
    try {
      await neverTooFarAhead("/fast.mp3", 16_000, 15);
    } finally {
      curl.kill();
    }
    const stored = await bucketOf(stack).audio("/fast.mp3");
    expect(readFileSync(file).subarray(0, stored.length).equals(stored), "stored as sent").toBe(true);
  });

  it("is let in 10 seconds ahead and no further though that is less than a packet", async () => {
    const audio = readFileSync(join(fixtures, "mpeg25-8k-16.mp3"));
    const socket = await openSocket(stack.ingestPort);
    try {
      socket.write(`SOURCE /slow.mp3 HTTP/1.0\r\n${auth}${mpeg}\r\n`);
      await readHead(socket);
      socket.resume();
      // A minute and a half at 16 kb/s.
      socket.write(Buffer.concat(Array.from({ length: 9 }, () => audio)));
      await neverTooFarAhead("/slow.mp3", 2_000, 13);
    } finally {
      socket.destroy();
    }
  });

  it("loses nothing when it has sent all of it long before it can be played", async () => {
    const { frames } = excerptOf("crc128.mp3", 5);
    const all = Buffer.concat([frames, frames, frames]);
    const socket = await openSocket(stack.ingestPort);
    socket.write(`PUT /early.mp3 HTTP/1.1\r\n${host}${auth}${mpeg}Content-Length: ${all.length}\r\n\r\n`);
    await readHead(socket);
    socket.resume();
    socket.end(all);
    const stored = await waitFor(
      "all of it to be stored",
      async () => {
        const sofar = await bucketOf(stack).audio("/early.mp3");
        return sofar.length >= all.length && sofar;
      },
      20_000,
    );
    socket.destroy();
    expect(stored.equals(all)).toBe(true);
  });
});
