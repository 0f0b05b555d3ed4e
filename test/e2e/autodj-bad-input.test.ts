import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { patienceMs } from "../../ingest/autodj/limits.ts";
import { plainSilence } from "../../shared/codec/mp3/silence.ts";
import { bucketOf } from "../support/bucket.ts";
import { excerptOf, fixtures } from "../support/fixture-audio.ts";
import { FrameList } from "../support/frame-check.ts";
import { firstStepBack, heardFrames, heardOf, outline } from "../support/heard.ts";
import { listen, type Listening } from "../support/listen.ts";
import { logLines } from "../support/log-lines.ts";
import { seeded } from "../support/seeded.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/**
 * A folder as nobody should have it, played by an AutoDJ beside a live source, in real time: what is no music is skipped with a
 * reason that names it, and neither the station nor its neighbour notices.
 */
const root = mkdtempSync(join(tmpdir(), "skywave-bad-"));
const music = join(root, "music");
const away = join(root, "away");
const fixture = (name: string): string => join(fixtures, name);
const good = excerptOf("cbr128-joint44.mp3", 2);
const other = excerptOf("vbr-v2.mp3", 2);
/** More than is read of a file at once, and ahead. */
const long = excerptOf("cbr320.mp3", 12).frames;
/**
 * A track that is not ready is waited for no longer. Where a processor is free there is less than a segment of silence;
 * songs of two seconds leave no time to look at the next one where none is.
 */
const longestSilence = Math.ceil((patienceMs * 44_100) / 1_152_000);

const lists = {
  good: new FrameList(framesOf(fixture("cbr128-joint44.mp3"))),
  "three-hundred": new FrameList(framesOf(fixture("cbr320.mp3"))),
};
const liveFile = fixture("crc128.mp3");
const live = new FrameList(framesOf(liveFile));

/** Flips one bit in each of so many places. */
function flipped(bytes: Buffer, count: number, seed: number): Buffer {
  const random = seeded(seed);
  const copy = Buffer.from(bytes);
  for (let i = 0; i < count; i++) {
    const at = Math.floor(random() * copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return copy;
}
const zeroed = (bytes: Buffer, from: number, to: number): Buffer => Buffer.from(bytes).fill(0, from, to);
const header = (...parts: readonly (string | number)[]): Buffer =>
  Buffer.concat([
    ...parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.alloc(part))),
    Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i * 7) & 0x7f)),
  ]);

/** What is refused: its name, what it holds, and what has to be said of it. */
const refused: readonly (readonly [name: string, bytes: Buffer, reason: RegExp])[] = [
  ["b01 zero-byte.mp3", Buffer.of(), /is empty$/],
  ["b02 picture.mp3", header("\x89PNG\r\n\x1a\n"), /is a PNG picture$/],
  ["b03 wave.mp3", header("RIFF", 4, "WAVEfmt "), /is a WAV file$/],
  ["b04 m4a.mp3", header(4, "ftypM4A ", 8), /is an MP4 file$/],
  ["b05 ogg.mp3", header("OggS\0", 20), /is an Ogg file$/],
  ["b06 flac.mp3", header("fLaC"), /is a FLAC file$/],
  ["b07 page.mp3", Buffer.from(`<!DOCTYPE html>${"<p>404</p>".repeat(99)}`), /is a web page$/],
  ["b08 archive.mp3", header("PK\x03\x04"), /is a ZIP archive$/],
  ["b09 database.mp3", header("SQLite format 3\0", 84), /is an SQLite database$/],
  ["b10 adts.mp3", header("\xff\xf1\x50\x80\x02\x1f\xfc"), /is an AAC file$/],
  [
    "b11 large wave.mp3",
    Buffer.concat([header("RIFF", 4, "WAVEfmt "), Buffer.alloc(9 << 20)]),
    /is a WAV file$/,
  ],
  ["b12 short.mp3", excerptOf("cbr128-joint44.mp3", 0.15).frames, /lasts for \d+ ms only$/],
  ["b13 front only.mp3", good.bytes.subarray(0, 300), /has no MPEG audio|is only a tag|ms only/],
  [
    "b14 random.mp3",
    flipped(Buffer.alloc(100_000), 300_000, 1),
    /no MPEG audio|not MPEG audio|decoded|format/,
  ],
  ["b15 line\nbreak and \x1b[31mcolour.mp3", Buffer.of(), /is empty$/],
  ["b16 🎵 emoji.mp3", Buffer.of(), /is empty$/],
  [`b17 ${"l".repeat(247)}.mp3`, Buffer.of(), /is empty$/],
  ["-b18 --help.mp3", Buffer.of(), /is empty$/],
];
/** Names whose bytes are no UTF-8, and how they are shown. */
const legacy: readonly (readonly [bytes: string, shown: RegExp])[] = [
  ["b20 \xbb\xe7\xb6\xfb\xc7\xd8.mp3", /^b20 .+\.mp3$/],
  ["b21 \x82\xb3\x82\xad\x82\xe7.mp3", /^b21 .+\.mp3$/],
  ["b22 caf\xe9.mp3", /^b22 .+\.mp3$/],
];
/** What is damaged plays, or is refused for what it is. */
const damaged: readonly (readonly [name: string, bytes: Buffer])[] = [
  ["c1 bits.mp3", flipped(other.bytes, 200, 2)],
  ["c2 stretch.mp3", zeroed(other.bytes, 20_000, 30_000)],
  ["c3 front.mp3", other.bytes.subarray(12_345)],
  ["c4 middle.mp3", Buffer.concat([other.bytes.subarray(0, 20_000), other.bytes.subarray(23_333)])],
  ["c5 end.mp3", other.bytes.subarray(0, -777)],
];
const tenHours = "e2b 10 hours.mp3";
const sparse = "b30 five gigabytes.mp3";
const unreadable = "b31 unreadable.mp3";

const write = (name: string | Buffer, bytes: Uint8Array): string | Buffer => {
  const path = typeof name === "string" ? join(music, name) : Buffer.concat([Buffer.from(`${music}/`), name]);
  writeFileSync(path, bytes);
  // As if it had lain there for long.
  const time = new Date(Date.now() - 3_600_000);
  utimesSync(path, time, time);
  return path;
};

let socket: Server;

async function fill(): Promise<void> {
  for (const folder of [music, away, join(music, "x.mp3"), join(music, "inner")]) mkdirSync(folder);
  for (const [name, bytes] of refused) write(name, bytes);
  for (const [name] of legacy) write(Buffer.from(name, "latin1"), Buffer.of());
  for (const [name, bytes] of damaged) write(name, bytes);
  for (const name of ["a", "b05 h", "b12 h", "c3 h", "x.mp3/inside"]) write(`${name}.mp3`, good.bytes);
  for (const name of ["e1", "e2", "e3"]) write(`${name}.mp3`, long);
  write("../away/far.mp3", excerptOf("cbr320.mp3", 3).bytes);
  write(sparse, Buffer.of());
  truncateSync(join(music, sparse), 5 * 2 ** 30);
  writeTenHours(join(music, tenHours));
  // Not even root may read it.
  symlinkSync("/proc/sys/vm/compact_memory", join(music, unreadable));
  symlinkSync("nowhere.mp3", join(music, "l0 dangling.mp3"));
  symlinkSync("l2.mp3", join(music, "l1.mp3"));
  symlinkSync("l1.mp3", join(music, "l2.mp3"));
  symlinkSync("..", join(music, "inner", "loop"));
  symlinkSync("/dev/zero", join(music, "l3 device.mp3"));
  execFileSync("mkfifo", [join(music, "p1 pipe.mp3"), join(music, "pipe.m3u")]);
  symlinkSync("p1 pipe.mp3", join(music, "p2 link to pipe.mp3"));
  socket = createServer().listen(join(music, "p3 socket.mp3"));
  write("self.m3u", Buffer.from("self.m3u\npipe.m3u\np1 pipe.mp3\n/dev/zero\nx.mp3\n\0\ngone.mp3\n"));
  write("200 MB.m3u", Buffer.of());
  truncateSync(join(music, "200 MB.m3u"), 200e6);
  const million = Array.from({ length: 1_000_000 }, (_, i) => `File${i}=n`);
  write("million.pls", Buffer.from(million.join("\n")));
}

function writeTenHours(path: string): void {
  const frames = Array.from({ length: 3_828 }, () => plainSilence());
  const part = Buffer.concat(frames);
  const file = openSync(path, "w");
  for (let i = 0; i < 360; i++) writeSync(file, part);
  closeSync(file);
}

const paths = [music, join(music, "self.m3u"), join(music, "200 MB.m3u"), join(music, "million.pls"), away];
const station = `[sources]
password = "source-pw"
[admin]
password = "admin-pw"
[limits]
segment_seconds = 1
[[autodj]]
mount = "/bad.mp3"
music = ${JSON.stringify(paths)}
order = "sequential"
reload_seconds = 5
loudness_lufs = false
`;

let stack: Stack;
let listener: Listening;

beforeAll(async () => {
  mkdirSync(root, { recursive: true });
  await fill();
  const stationFile = join(root, "station.toml");
  writeFileSync(stationFile, station);
  stack = await startStack({ stationFile });
});
afterAll(async () => {
  listener?.close();
  socket?.close();
  await stack?.stop();
  rmSync(root, { recursive: true, force: true });
});

const lines = () => logLines(stack.log()).filter(({ mount }) => mount === "/bad.mp3");
const begun = (): string[] =>
  lines().flatMap(({ msg, ...line }) => (msg === "the AutoDJ plays" ? [String(line["file"])] : []));
const reasonsOf = (name: string | RegExp): string[] =>
  lines().flatMap(({ msg, file }) =>
    typeof file === "string" && file.match(name instanceof RegExp ? name : literal(name)) !== null
      ? [/^a file is not played: it (.*)$/s.exec(msg)?.[1] ?? []].flat()
      : [],
  );
const placesTold = (text: string) =>
  logLines(stack.log()).flatMap(({ msg, place, reason }) => (msg === text ? [[place, reason]] : []));
const literal = (text: string): RegExp => new RegExp(`^${text.replaceAll(/[[\]\\^$.|?*+(){}]/g, "\\$&")}$`);
const toPlay = (file: string) => waitFor(`${file} to play`, () => begun().includes(file), 60_000);

async function skip(playing: string): Promise<void> {
  const login = Buffer.from("admin:admin-pw").toString("base64");
  const reply = await fetch(`${stack.ingestUrl}/admin/autodj/skip?mount=/bad.mp3`, {
    method: "POST",
    headers: { authorization: `Basic ${login}` },
  });
  expect(z.object({ skipped: z.object({ file: z.string() }) }).parse(await reply.json()).skipped.file).toBe(
    playing,
  );
}

describe("an AutoDJ whose music is mostly none", () => {
  it("plays what there is without a break, refuses the rest by name, and disturbs no source", async () => {
    listener = await waitFor(
      "the AutoDJ to be on air",
      async () => {
        const each = await listen(`${stack.edgeUrl}/bad.mp3`, { icy: true });
        if (each.status === 200) return each;
        each.close();
        return undefined;
      },
      30_000,
    );
    const source = await streamMp3(stack.ingestPort, "/live.mp3", liveFile, {
      password: "source-pw",
      loop: true,
    });

    await toPlay("b05 h.mp3");
    renameSync(away, `${away} unmounted`);
    await toPlay("e1.mp3");
    // While it plays it becomes another file in place, the next one goes, the one after is cut off.
    write("e1.mp3", other.bytes);
    await toPlay("e2.mp3");
    expect(reasonsOf("e1.mp3")).toEqual(["was changed while it played"]);
    rmSync(join(music, "e2.mp3"));
    renameSync(`${away} unmounted`, away);
    // Ten hours are not waited for.
    await toPlay(tenHours);
    await skip(tenHours);
    await toPlay("e3.mp3");
    truncateSync(join(music, "e3.mp3"), 1_000);
    await toPlay("x.mp3/inside.mp3");
    expect(reasonsOf("e3.mp3")).toEqual(["was changed while it played"]);
    await toPlay("far.mp3");
    for (const [name, , reason] of refused)
      expect(reasonsOf(name), name).toEqual([expect.stringMatching(reason)]);
    for (const [, shown] of legacy) expect(reasonsOf(shown)).toEqual(["is empty"]);
    expect(reasonsOf(sparse)).toEqual(["has megabytes in a row that are no MPEG audio"]);
    expect(reasonsOf(unreadable)[0]).toMatch(/^cannot be read: (EACCES|EPERM)/);
    for (const [name] of damaged) {
      expect([...begun(), ...(reasonsOf(name).length > 0 ? [name] : [])], name).toContain(name);
    }
    // What is no file is not even looked at.
    expect(logLines(stack.log()).filter(({ file }) => /^[lp]\d/.test(String(file)))).toEqual([]);
    expect(placesTold("a place of music cannot be read")).toEqual([
      [expect.stringMatching(/200 MB\.m3u$/), "has more than 16777216 bytes"],
      [away, "is not there yet"],
    ]);
    expect(placesTold("a place of music can be read again")).toEqual([[away, undefined]]);

    expect(lines().filter(({ level }) => level >= 50)).toEqual([]);
    expect(lines().filter(({ msg }) => msg.includes("was not let play"))).toEqual([]);
    await source.stop();
    const heard = heardOf(listener, lists);
    expect(outline(heard)).toContain("good");
    const silent = heard.runs.flatMap((run) => (run.of === "silence" && "count" in run ? [run.count] : []));
    expect(Math.max(0, ...silent)).toBeLessThanOrEqual(longestSilence);
    expect(await liveLoss(source.sent.length)).toEqual({ lost: 0, stepBack: null });
  }, 120_000);
});

/** Of the frames that the live source sent, those that are not in storage. */
async function liveLoss(sent: number): Promise<{ readonly lost: number; readonly stepBack: string | null }> {
  const bucket = bucketOf(stack);
  const stored = await waitFor("the source's last segment", async () => {
    const frames = heardFrames(await bucket.audio("/live.mp3"), live);
    return frames.length >= sent - 1 ? frames : undefined;
  }).catch(async () => heardFrames(await bucket.audio("/live.mp3"), live));
  const rounds = live.frames.length;
  return {
    lost: sent - stored.length,
    stepBack: firstStepBack(stored.map((index, at) => index + Math.floor(at / rounds) * rounds)),
  };
}
