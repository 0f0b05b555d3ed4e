import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { type Broadcast, followBroadcast } from "../support/broadcast.ts";
import { type Client, requireClient, spawnClient } from "../support/clients.ts";
import { openMpg123Wasm } from "../support/decoders.ts";
import { withoutSilence } from "../support/heard.ts";
import { excerptOf } from "../support/fixture-audio.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";

/** Real source clients. What they are given to send is known to the byte; liquidsoap encodes for itself. */
const password = "the-station-pw";
const secondsEach = 8;

/** SHOUTcast clients can name no mount: each has a mount whose password is its own. */
const station = `
sources.password = "${password}"
limits.grace_seconds = 3
ingest.shoutcast_mount = "/shoutcast.mp3"
[mounts."/shout-icy.mp3"]
password = "shout-icy-pw"
[mounts."/vlc.mp3"]
password = "vlc-pw"
[mounts."/liq-icy.mp3"]
password = "liq-icy-pw"
`;

let stack: Stack;
let folder: string;
/** An excerpt of a fixture as a file, and the frames in it. */
const excerpts = new Map<
  string,
  { readonly path: string; readonly bytes: Buffer; readonly frames: Buffer }
>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "skywave-clients-"));
  // VLC runs as somebody else.
  chmodSync(folder, 0o755);
  for (const file of ["cbr128-joint44.mp3", "vbr-v2.mp3", "mpeg2-22k-64.mp3"])
    excerpts.set(file, excerpt(file));
  stack = await startStation(station);
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

function excerpt(file: string) {
  const { bytes, frames } = excerptOf(file, secondsEach);
  const path = join(folder, file);
  writeFileSync(path, bytes, { mode: 0o644 });
  return { path, bytes, frames };
}

const pathOf = (file: string): string => excerpts.get(file)?.path ?? "";
const name = "한국 라디오 & Söns";
const url = (mount: string) => `http://127.0.0.1:${stack.ingestPort}${mount}`;
const utf8 = { LANG: "C.UTF-8", LC_ALL: "C.UTF-8" };
const ffmpegIn = (file: string) => [
  "-nostdin",
  "-v",
  "warning",
  "-re",
  "-i",
  pathOf(file),
  "-map",
  "0:a",
  "-c",
  "copy",
];
const ffmpegIce = [
  "-content_type",
  "audio/mpeg",
  "-ice_name",
  name,
  "-ice_genre",
  "Test",
  "-ice_url",
  "http://x/",
];
const curlArgs = [
  "-sS",
  "-u",
  `source:${password}`,
  "-H",
  "Content-Type: audio/mpeg",
  "-H",
  `Ice-Name: ${name}`,
];
const basic = `Basic ${Buffer.from(`source:${password}`).toString("base64")}`;

interface Sender {
  readonly client: string;
  /** What else it needs on this machine. */
  readonly alsoNeeds?: readonly string[];
  readonly how: string;
  readonly mount: string;
  readonly file: string;
  readonly start: () => Client;
  readonly status?: Readonly<Record<string, unknown>>;
  /** Titles a listener sees. */
  readonly titles?: readonly string[];
}

const senders: readonly Sender[] = [
  {
    client: "ffmpeg",
    how: "icecast:// with its own ID3 tag and Xing frame",
    mount: "/ffmpeg.mp3",
    file: "vbr-v2.mp3",
    start: () =>
      spawnClient("ffmpeg", [
        ...ffmpegIn("vbr-v2.mp3"),
        ...ffmpegIce,
        "-f",
        "mp3",
        icecastUrl("/ffmpeg.mp3"),
      ]),
    status: { server_name: name, genre: "Test", server_url: "http://x/" },
  },
  {
    client: "ffmpeg",
    how: "-legacy_icecast 1",
    mount: "/ffmpeg-legacy.mp3",
    file: "cbr128-joint44.mp3",
    start: () =>
      spawnClient("ffmpeg", [
        ...[...ffmpegIn("cbr128-joint44.mp3"), ...ffmpegIce, "-legacy_icecast", "1"],
        ...["-f", "mp3", "-write_xing", "0", "-id3v2_version", "0", icecastUrl("/ffmpeg-legacy.mp3")],
      ]),
    status: { server_name: name },
  },
  {
    client: "ffmpeg",
    how: "http:// with a chunked PUT",
    mount: "/ffmpeg-http.mp3",
    file: "mpeg2-22k-64.mp3",
    start: () =>
      spawnClient("ffmpeg", [
        ...[...ffmpegIn("mpeg2-22k-64.mp3"), "-f", "mp3", "-method", "PUT", "-content_type", "audio/mpeg"],
        ...["-headers", `Authorization: ${basic}\r\nIce-Name: ${name}\r\n`, url("/ffmpeg-http.mp3")],
      ]),
    status: { server_name: name },
  },
  {
    client: "curl",
    how: "-T of a file, at its rate in bursts of 64 KiB",
    mount: "/curl.mp3",
    file: "cbr128-joint44.mp3",
    start: () =>
      spawnClient("curl", [
        ...[...curlArgs, "--limit-rate", "16k", "-H", "Expect: 100-continue"],
        ...["-T", pathOf("cbr128-joint44.mp3"), url("/curl.mp3")],
      ]),
    status: { server_name: name },
  },
  {
    client: "curl",
    how: "-T - in chunks",
    mount: "/curl-chunked.mp3",
    file: "vbr-v2.mp3",
    start: () =>
      spawnClient("curl", [...curlArgs, "--limit-rate", "26k", "-T", "-", url("/curl-chunked.mp3")], {
        stdin: excerpts.get("vbr-v2.mp3")?.bytes ?? Buffer.alloc(0),
      }),
    status: { server_name: name },
  },
  {
    client: "curl",
    how: "-T - without chunks or length",
    mount: "/curl-raw.mp3",
    file: "mpeg2-22k-64.mp3",
    start: () =>
      spawnClient(
        "curl",
        [
          ...[...curlArgs, "--limit-rate", "8k", "-H", "Transfer-Encoding:", "-H", "Expect:"],
          ...["-T", "-", url("/curl-raw.mp3")],
        ],
        { stdin: excerpts.get("mpeg2-22k-64.mp3")?.bytes ?? Buffer.alloc(0) },
      ),
    status: { server_name: name },
  },
  {
    client: "shout",
    how: "over HTTP with probes for TLS",
    mount: "/shout.mp3",
    file: "cbr128-joint44.mp3",
    start: () => shout("/shout.mp3", "cbr128-joint44.mp3", "http", "auto", password),
    status: { server_name: name, genre: "Test", server_description: "shout desc", server_url: "http://x/" },
  },
  {
    client: "shout",
    how: "over SHOUTcast",
    mount: "/shout-icy.mp3",
    file: "mpeg2-22k-64.mp3",
    start: () => shout("/ignored.mp3", "mpeg2-22k-64.mp3", "icy", "disabled", "shout-icy-pw"),
    status: { server_name: name, genre: "Test", server_url: "http://x/" },
  },
  {
    client: "ezstream",
    how: "with a tagged file",
    mount: "/ezstream.mp3",
    file: "vbr-v2.mp3",
    start: ezstream,
    status: {
      server_name: name,
      genre: "Test",
      server_description: "ez desc",
      audio_info: "bitrate=128;samplerate=44100;channels=2",
      bitrate: 128,
      samplerate: 44100,
    },
    titles: ["Skywave - Fixture"],
  },
  {
    client: "cvlc",
    alsoNeeds: isRoot() ? ["setpriv"] : [],
    how: "which prefers SHOUTcast",
    mount: "/vlc.mp3",
    file: "cbr128-joint44.mp3",
    start: vlc,
    status: { server_name: name },
  },
];

const icecastUrl = (mount: string) => `icecast://source:${password}@127.0.0.1:${stack.ingestPort}${mount}`;

function shout(mount: string, file: string, proto: string, tls: string, pw: string): Client {
  return spawnClient(
    "shout",
    [
      ...["--host", "127.0.0.1", "--port", `${stack.ingestPort}`, "--mount", mount, "--user", "source"],
      // Libshout takes the usage only before the format.
      ...["--pass", pw, "--proto", proto, "--tls-mode", tls, "--usage", "audio", "--format", "mp3"],
      ...["--station-name", name, "--station-genre", "Test", "--station-description", "shout desc"],
      ...["--station-url", "http://x/"],
    ],
    { env: utf8, stdin: excerpts.get(file)?.bytes ?? Buffer.alloc(0) },
  );
}

function ezstream(): Client {
  const list = join(folder, "ezstream.m3u");
  writeFileSync(list, `${pathOf("vbr-v2.mp3")}\n`);
  const config = join(folder, "ezstream.xml");
  const server =
    `<protocol>HTTP</protocol><hostname>127.0.0.1</hostname><port>${stack.ingestPort}</port><user>source</user>` +
    `<password>${password}</password><tls>None</tls><reconnect_attempts>1</reconnect_attempts>`;
  const stream =
    `<mountpoint>/ezstream.mp3</mountpoint><public>No</public><format>MP3</format>` +
    `<stream_name>${name.replace("&", "&amp;")}</stream_name><stream_genre>Test</stream_genre>` +
    "<stream_description>ez desc</stream_description><stream_bitrate>128</stream_bitrate>" +
    "<stream_samplerate>44100</stream_samplerate><stream_channels>2</stream_channels>";
  const intake = `<type>playlist</type><filename>${list}</filename><shuffle>No</shuffle><stream_once>Yes</stream_once>`;
  writeFileSync(
    config,
    `<ezstream><servers><server>${server}</server></servers><streams><stream>${stream}</stream></streams>` +
      `<intakes><intake>${intake}</intake></intakes><metadata><format_str>@a@ - @t@</format_str>` +
      "<refresh_interval>-1</refresh_interval></metadata></ezstream>",
    { mode: 0o600 },
  );
  return spawnClient("ezstream", ["-v", "-c", config], { env: utf8 });
}

/** VLC will not run as root. */
function vlc(): Client {
  const home = join(folder, "vlc");
  mkdirSync(home);
  chmodSync(home, 0o777);
  const args = [
    ...["-v", "--no-color", pathOf("cbr128-joint44.mp3"), "--sout-shout-mp3", `--sout-shout-name=${name}`],
    ...[
      "--sout",
      `#std{access=shout,mux=raw,dst=//source:vlc-pw@127.0.0.1:${stack.ingestPort}/elsewhere.mp3}`,
      "vlc://quit",
    ],
  ];
  const env = { ...utf8, HOME: home };
  if (!isRoot()) return spawnClient("cvlc", args, { env });
  const nobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"];
  return spawnClient("setpriv", [...nobody, "cvlc", ...args], { env });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** One liquidsoap with an output for each protocol. */
function liquidsoap(): Client {
  const script = join(folder, "radio.liq");
  const icecast = (mount: string, how: string) =>
    `output.icecast(%mp3(bitrate=96), host="127.0.0.1", port=${stack.ingestPort}, mount="${mount}", ` +
    `password="${password}", name="${name}", genre="Test", description="liq desc", public=true, ${how}, radio)\n`;
  writeFileSync(
    script,
    "settings.init.allow_root.set(true)\nsettings.log.stdout.set(true)\nsettings.log.file.set(false)\n" +
      `radio = mksafe(single('annotate:artist="김철수",title="안녕하세요 🎶":${pathOf("cbr128-joint44.mp3")}'))\n` +
      icecast("/liq-source.mp3", 'method="source"') +
      icecast("/liq-put.mp3", 'method="put"') +
      icecast("/liq-chunked.mp3", 'method="put", chunked=true') +
      `output.shoutcast(%mp3(bitrate=96), host="127.0.0.1", port=${stack.ingestPort}, password="liq-icy-pw", ` +
      `name="${name}", genre="Test", public=true, radio)\n` +
      `thread.run(delay=${secondsEach}.0, shutdown)\n`,
  );
  return spawnClient("liquidsoap", [script], { env: utf8 });
}

interface Run {
  readonly broadcast: Broadcast;
  readonly exitCode: number | null;
  readonly output: string;
}

async function follow(client: Client, mount: string): Promise<Run> {
  const gone = client.exited(60_000);
  try {
    const broadcast = await followBroadcast(stack, mount, gone);
    return { broadcast, exitCode: await gone, output: tailOf(client) };
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}\n${tailOf(client)}${stackTail(mount)}`,
      {
        cause: error,
      },
    );
  } finally {
    client.kill();
  }
}

const tailOf = (client: Client) => `${client.stdout().toString("latin1")}${client.stderr()}`.slice(-2_000);
const stackTail = (mount: string) =>
  stack
    .log()
    .split("\n")
    .filter((line) => line.includes(mount))
    .slice(-10)
    .join("\n");

describe("a real client", () => {
  const runs = new Map<string, Promise<Run>>();
  beforeAll(() => {
    // All at once, so that the file takes as long as one.
    for (const { mount, start } of senders) remember(mount, follow(start(), mount));
    const radio = liquidsoap();
    for (const { mount } of outputs) remember(mount, follow(radio, mount));
  });
  const remember = (mount: string, run: Promise<Run>) => {
    run.catch(() => undefined);
    runs.set(mount, run);
  };
  const runOf = async (mount: string): Promise<Run> => {
    const run = await runs.get(mount);
    if (!run) throw new Error(`nothing was started for ${mount}`);
    return run;
  };

  describe.each(senders)("$client $how", ({ client, alsoNeeds = [], mount, file, status = {}, titles }) => {
    it("is stored and heard frame for frame, each once and in order, and nothing else", async (context) => {
      requireClient(context, client, ...alsoNeeds);
      const { broadcast, output } = await runOf(mount);
      const frames = excerpts.get(file)?.frames ?? Buffer.alloc(0);
      expect(broadcast.stored.length, output).toBe(frames.length);
      expect(broadcast.stored.equals(frames), `stored as sent\n${output}`).toBe(true);
      expect(broadcast.heard.equals(broadcast.stored), `heard as stored\n${output}`).toBe(true);
    });

    it("ends content, with its headers and titles seen", async (context) => {
      requireClient(context, client, ...alsoNeeds);
      const { broadcast, exitCode, output } = await runOf(mount);
      expect(exitCode, output).toBe(0);
      expect(broadcast.status).toMatchObject(status);
      expect(broadcast.titles.filter((title) => title !== "")).toEqual(titles ?? []);
    });
  });

  const outputs = [
    { how: "output.icecast with SOURCE", mount: "/liq-source.mp3" },
    { how: "output.icecast with PUT", mount: "/liq-put.mp3" },
    { how: "output.icecast with PUT in chunks", mount: "/liq-chunked.mp3" },
    { how: "output.shoutcast", mount: "/liq-icy.mp3" },
  ];
  describe.each(outputs)("liquidsoap $how", ({ mount }) => {
    it("is heard as stored: whole frames that a decoder takes without complaint, with titles", async (context) => {
      requireClient(context, "liquidsoap");
      const { broadcast, output } = await runOf(mount);
      // Liquidsoap begins with silence of its own.
      const heard = broadcast.heard.equals(withoutSilence(broadcast.stored));
      expect(heard, `heard as stored\n${output}`).toBe(true);
      let end = 0;
      let samples = 0;
      for (const span of mp3.indexFrames(broadcast.stored)) {
        expect(span.offset).toBe(end);
        end = span.offset + span.size;
        samples += span.samples;
      }
      expect(end).toBe(broadcast.stored.length);
      // It was on the air for most of its time.
      expect(samples / 44_100).toBeGreaterThan(secondsEach / 2);
      const decode = await openMpg123Wasm();
      const pcm = await decode(broadcast.stored);
      expect(pcm.complaints).toEqual([]);
      expect(pcm.samples).toBe(samples);
      expect(broadcast.titles).toContain("김철수 - 안녕하세요 🎶");
      expect(broadcast.status).toMatchObject({ server_name: name, genre: "Test" });
    });
  });
});
