import { join } from "node:path";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { hashPassword } from "../../shared/password-hash.ts";
import { launchBrowser } from "../support/browser.ts";
import { requireClient, runClient, spawnClient } from "../support/clients.ts";
import { largestDifference, openMpg123Wasm } from "../support/decoders.ts";
import { FrameList } from "../support/frame-check.ts";
import { framesHeard, type HeardSegment, listenToHls } from "../support/hls-listener.ts";
import { decoderComplaint, openFolder, outputOf, spawnVlc } from "../support/players.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitForStatus } from "../support/status.ts";
import { framesOf, type Streaming, streamMp3 } from "../support/stream-mp3.ts";
import { tellStation } from "../support/tell-station.ts";
import { waitFor } from "../support/wait.ts";

/** HTTP Live Streaming of the real stack, to a strict player of our own and to real ones. */
const fixtures = join(import.meta.dirname, "..", "fixtures");
const file = join(fixtures, "cbr128-joint44.mp3");
const source = framesOf(file);
const list = new FrameList(source);
const samplesPerFrame = 1_152;
const require = createRequire(import.meta.url);
const decode = await openMpg123Wasm();

const indicesOf = (bytes: Uint8Array): number[] =>
  mp3.indexFrames(bytes).map(({ offset, size }) => list.indexOf(bytes.subarray(offset, offset + size)));
const isSilence = ({ uri }: HeardSegment): boolean => uri.startsWith("e");

/** How many frames of a list do not follow the one before in the loop that the source sends. */
const jumps = (indices: readonly number[]): number =>
  indices.filter((index, at) => at > 0 && index !== ((indices[at - 1] ?? 0) + 1) % source.length).length;

describe("HTTP Live Streaming", () => {
  let stack: Stack;
  const names = ["live", "full", "closed", "none", "backed", "once", "browser"];
  const mounts = names.map((name) => `/${name}.mp3`);
  const sources = new Map<string, Streaming>();
  const play = async (mount: string): Promise<void> => {
    const { ingestPort, password } = stack;
    sources.set(mount, await streamMp3(ingestPort, mount, file, { password, loop: true }));
  };
  const admin = (path: string): Promise<Response> =>
    fetch(`${stack.edgeUrl}/admin/${path}`, {
      headers: { Authorization: `Basic ${Buffer.from(`admin:${stack.adminPassword}`).toString("base64")}` },
    });

  beforeAll(async () => {
    stack = await startStack();
    const hashOf = (password: string): Promise<string> =>
      hashPassword(password, crypto.getRandomValues(new Uint8Array(16)));
    const users = [{ name: "ann", hash: await hashOf("pw") }];
    const admins = [{ name: "admin", role: "admin" as const, hash: await hashOf(stack.adminPassword) }];
    await tellStation(
      stack,
      {
        mounts: {
          "/full.mp3": { maxListeners: 1 },
          "/none.mp3": { hls: false },
          "/backed.mp3": { fallback: { kind: "mount", mount: "/live.mp3" } },
        },
      },
      { users: admins, listeners: { "/closed.mp3": { auth: { kind: "htpasswd", users } } } },
    );
    await Promise.all(mounts.map(play));
    await Promise.all(mounts.map((mount) => waitForStatus(stack, mount)));
    await waitFor("some sound", () => [...sources.values()].every(({ sent }) => sent.length > 200));
  });
  afterAll(async () => {
    for (const each of sources.values()) each.destroy();
    await stack.stop();
  });

  /** At once: each has mounts of its own, or hears one that goes on whatever others do. */
  describe.concurrent("to many players", () => {
    it("is the source's samples without a gap, under timestamps that count them", async () => {
      const listening = await listenToHls(`${stack.edgeUrl}/live.mp3.m3u8`);
      const from = listening.heard.length;
      await listening.readUntil("eight segments more", () => listening.heard.length >= from + 8, 30_000);
      const { heard } = listening;
      const bytes = framesHeard(heard);
      const indices = indicesOf(bytes).filter((index, at) => at > 0 || index >= 0);
      expect(indices).not.toContain(-1);
      expect(jumps(indices)).toBe(0);
      let samples = 0;
      for (const { timestamp, frames, isBreak, seconds } of heard) {
        expect(isBreak).toBe(false);
        const ticks = (samples * 90_000) / 44_100;
        expect(Math.abs(timestamp - (heard[0]?.timestamp ?? 0) - ticks)).toBeLessThanOrEqual(1);
        const own = mp3.indexFrames(frames).length * samplesPerFrame;
        expect(seconds).toBeCloseTo(own / 44_100, 4);
        samples += own;
      }
      const pcm = await decode(bytes);
      const first = indicesOf(bytes).findIndex((index) => index >= 0);
      const at = indicesOf(bytes)[first] ?? 0;
      const twice = source.map(({ bytes: frame }) => frame);
      const whole = await decode(Buffer.concat([...twice, ...twice]));
      const skip = (first + 1) * samplesPerFrame;
      const count = Math.min(pcm.samples - skip, whole.samples - (at + 1) * samplesPerFrame);
      expect(count).toBeGreaterThan(10 * 44_100);
      expect(largestDifference(pcm, skip, whole, (at + 1) * samplesPerFrame, count)).toBeLessThanOrEqual(1);
      expect(pcm.complaints).toEqual([]);
    });

    it("plays what the mount falls back to when its source is gone for good, until it comes back", async () => {
      const listening = await listenToHls(`${stack.edgeUrl}/backed.mp3.m3u8`);
      await sources.get("/backed.mp3")?.stop();
      const isFallback = (segment: HeardSegment): boolean =>
        isSilence(segment) && indicesOf(segment.frames).some((index) => index >= 0);
      await listening.readUntil("the fallback", isFallback, 40_000);
      await play("/backed.mp3");
      await listening.readUntil("the mount again", ({ uri }) => uri.startsWith("2-1."), 20_000);
      expect(
        jumps(indicesOf(framesHeard(listening.heard.filter(isFallback))).filter((index) => index >= 0)),
      ).toBe(0);
    });

    it("plays in Chromium through hls.js while the source comes and goes", async (context) => {
      requireClient(context, "chromium");
      const script = readFileSync(require.resolve("hls.js/dist/hls.min.js"));
      const server = createServer((request, response) => {
        const isScript = request.url === "/hls.js";
        response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
        response.end(isScript ? script : "<audio id=audio></audio><script src=/hls.js></script>");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const browser = await launchBrowser();
      try {
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        await page.evaluate(playHls, `${stack.edgeUrl}/browser.mp3.m3u8`);
        const state = (): Promise<{ time: number; ranges: number; events: string[]; titles: string[] }> =>
          page.evaluate("globalThis.hlsState()");
        const begun = await waitFor("Chromium to play", async () => {
          const now = await state();
          return now.time > 0 && now.events.includes("playing") && now;
        });
        await admin("metadata?mount=/browser.mp3&mode=updinfo&song=A%20new%20song");
        await waitFor("the title", async () => (await state()).titles.includes("A new song"));
        await sources.get("/browser.mp3")?.stop();
        await sleep(5_000);
        await play("/browser.mp3");
        const now = await waitFor(
          "half a minute",
          async () => {
            const later = await state();
            return later.time > begun.time + 26 && later;
          },
          45_000,
        );
        expect(now.ranges).toBe(1);
        expect(now.events.slice(now.events.indexOf("playing"))).toEqual(["playing"]);
      } finally {
        await browser.close();
        server.close();
      }
    }, 90_000);

    it("plays in mpv and VLC without a complaint", async (context) => {
      requireClient(context, "mpv", "cvlc");
      const url = `${stack.edgeUrl}/live.mp3.m3u8`;
      const folder = openFolder();
      const wave = join(folder, "vlc.wav");
      const mpv = spawnClient("mpv", [
        "--no-config",
        "--ao=null",
        "--term-status-msg=at ${=time-pos}",
        "--length=10",
        url,
      ]);
      const vlc = spawnVlc(folder, [
        "-vv",
        "--sout",
        `#transcode{acodec=s16l}:std{access=file,mux=wav,dst=${wave}}`,
        "--run-time=14",
        url,
        "vlc://quit",
      ]);
      try {
        await mpv.exited(40_000);
        await vlc.exited(40_000);
        expect(outputOf(mpv)).not.toMatch(decoderComplaint);
        expect(outputOf(mpv)).toMatch(/at \d+/);
        expect(outputOf(vlc)).not.toMatch(decoderComplaint);
        expect(readFileSync(wave).length).toBeGreaterThan(6 * 44_100 * 4);
      } finally {
        mpv.kill();
        vlc.kill();
        rmSync(folder, { recursive: true, force: true });
      }
    }, 90_000);

    it("goes on with silence while the source is away, and with its next epoch behind a discontinuity", async () => {
      const listening = await listenToHls(`${stack.edgeUrl}/once.mp3.m3u8`);
      await sources.get("/once.mp3")?.stop();
      await listening.readUntil("silence", isSilence);
      await listening.readUntil(
        "more silence",
        ({ number, uri }) =>
          uri.startsWith("e") && listening.heard.some((other) => isSilence(other) && other.number < number),
      );
      await play("/once.mp3");
      await listening.readUntil("the next epoch", ({ uri }) => uri.startsWith("2-1."));
      const { heard } = listening;
      const breaks = heard.filter(({ isBreak }) => isBreak);
      expect(
        breaks.map((segment) => (isSilence(segment) ? "silence" : segment.uri.replace(/\?.*/, ""))),
      ).toEqual(["silence", expect.stringMatching(/^2-0p?\.mp3$/)]);
      expect(heard.map(({ number }) => number)).toEqual(
        heard.map((_, index) => (heard[0]?.number ?? 0) + index),
      );
      const quiet = await decode(framesHeard(heard.filter(isSilence)));
      expect(
        Math.max(
          ...quiet.channels.flatMap((channel) => channel.reduce((a, b) => Math.max(a, Math.abs(b)), 0)),
        ),
      ).toBe(0);
      expect(
        jumps(
          indicesOf(framesHeard(heard.filter(({ uri }) => uri.startsWith("1-")))).filter(
            (index) => index >= 0,
          ),
        ),
      ).toBe(0);
    });

    it("tells titles where they begin", async () => {
      const listening = await listenToHls(`${stack.edgeUrl}/live.mp3.m3u8`);
      await admin(
        `metadata?mount=/live.mp3&mode=updinfo&charset=UTF-8&song=${encodeURIComponent("Björk – 안녕")}`,
      );
      const segment = await listening.readUntil("the title", ({ title }) => title === "Björk – 안녕");
      expect(segment.tag).toContain("TIT2");
      expect(segment.tag).toContain("Björk – 안녕");
      const later = await listening.readUntil("the segment after", ({ number }) => number > segment.number);
      expect(later.tag).toContain("Björk – 안녕");
    });

    it("reaches back into the archive, in a playlist that grows", async () => {
      const url = `${stack.edgeUrl}/live.mp3.m3u8`;
      const listening = await waitFor(
        "an archive",
        async () => {
          const found = await listenToHls(`${url}?dvr=3600`);
          return found.heard.length > 1 && found;
        },
        40_000,
      );
      expect(listening.playlist).toMatchObject({ type: "EVENT", mediaSequence: 0 });
      const indices = indicesOf(framesHeard(listening.heard)).filter((index, at) => at > 0 || index >= 0);
      expect(jumps(indices)).toBe(0);
      expect((await fetch(`${url}?dvr=x`)).status).toBe(400);
      const old = await fetch(`${url}?from=2020-01-01T00:00:00Z`);
      expect(`${old.status} ${await old.text()}`).toMatch(/^410 the earliest moment is 20\d\d-/);
    }, 60_000);

    it("counts each listener once while it asks, and no longer", async () => {
      const url = `${stack.edgeUrl}/full.mp3.m3u8`;
      const listening = await listenToHls(url, { "User-Agent": "phone/1" });
      await listening.read();
      await waitForStatus(stack, "/full.mp3", { listeners: 1 });
      const listed = await (await admin("listclients?mount=/full.mp3")).text();
      expect(listed).toContain("phone/1");
      const refused = await fetch(url);
      expect(`${refused.status} ${await refused.text()}`).toBe("403 max listeners reached");
      await waitForStatus(stack, "/full.mp3", { listeners: 0 });
      expect((await fetch(url)).status).toBe(200);
    }, 40_000);

    it("ends a listener that an administrator ends", async () => {
      const listening = await listenToHls(`${stack.edgeUrl}/live.mp3.m3u8`, { "User-Agent": "killed/1" });
      const id = await waitFor("the listener", async () => {
        await listening.read();
        const text = await (await admin("listclients?mount=/live.mp3")).text();
        return /<UserAgent>killed\/1<\/UserAgent>.*?<ID>(\d+)<\/ID>/s.exec(text)?.[1];
      });
      await admin(`killclient?mount=/live.mp3&id=${id}`);
      await waitFor("a refusal", async () => (await fetch(listening.url)).status === 403);
      const { uri = "" } = listening.playlist.segments.at(-1) ?? {};
      expect((await fetch(new URL(uri, listening.url))).status).toBe(403);
    });

    it("asks for the password once, and for a token ever after", async () => {
      const url = `${stack.edgeUrl}/closed.mp3.m3u8`;
      expect((await fetch(url)).status).toBe(401);
      const Authorization = `Basic ${Buffer.from("ann:pw").toString("base64")}`;
      const listening = await listenToHls(url, { Authorization });
      const segment = new URL(listening.playlist.segments[0]?.uri ?? "", listening.url);
      const reply = await fetch(segment);
      expect(reply.headers.get("Cache-Control")).toContain("private");
      for (const [name, change] of [
        ["none", (address: URL) => address.searchParams.delete("s")],
        ["another's", (address: URL) => address.searchParams.set("s", `0${address.searchParams.get("s")}`)],
      ] as const) {
        for (const address of [new URL(segment), new URL(listening.url)]) {
          change(address);
          expect((await fetch(address)).status, name).toBe(403);
        }
      }
      const elsewhere = new URL(segment.href.replace("/closed.mp3/", "/live.mp3/"));
      expect((await fetch(elsewhere)).status).toBe(403);
    });

    it("is a file for caches: HEAD, ETag and ranges", async () => {
      const listening = await listenToHls(`${stack.edgeUrl}/live.mp3.m3u8`);
      const url = new URL(listening.playlist.segments[0]?.uri ?? "", listening.url);
      const whole = await fetch(url);
      const bytes = Buffer.from(await whole.arrayBuffer());
      expect(whole.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
      const ETag = whole.headers.get("ETag") ?? "";
      const head = await fetch(url, { method: "HEAD" });
      expect([head.headers.get("Content-Length"), head.headers.get("ETag")]).toEqual([
        `${bytes.length}`,
        ETag,
      ]);
      expect((await fetch(url, { headers: { "If-None-Match": ETag } })).status).toBe(304);
      for (const [range, status, from, to] of [
        ["bytes=0-9", 206, 0, 10],
        ["bytes=100-", 206, 100, bytes.length],
        ["bytes=-5", 206, bytes.length - 5, bytes.length],
        [`bytes=${bytes.length}-`, 416, 0, 0],
        ["bytes=9-5", 416, 0, 0],
      ] as const) {
        const part = await fetch(url, { headers: { Range: range } });
        expect(part.status, range).toBe(status);
        if (status === 206)
          expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(from, to)), range).toBe(true);
      }
    });

    it("is not there where the mount says so, or is none", async () => {
      for (const path of [
        "/none.mp3.m3u8",
        "/none.mp3/hls/index.m3u8",
        "/nothing.mp3.m3u8",
        "/nothing.mp3/hls/1-1.mp3",
      ]) {
        expect((await fetch(stack.edgeUrl + path)).status, path).toBe(404);
      }
      expect((await fetch(`${stack.ingestUrl}/live.mp3.m3u8`)).status).toBe(200);
    });

    it("plays in ffmpeg, every frame once", async (context) => {
      requireClient(context, "ffmpeg");
      const args = [
        "-v",
        "error",
        "-t",
        "16",
        "-i",
        `${stack.edgeUrl}/live.mp3.m3u8`,
        "-c",
        "copy",
        "-write_xing",
        "0",
        "-id3v2_version",
        "0",
        "-f",
        "mp3",
        "-",
      ];
      const client = await runClient("ffmpeg", args, 40_000);
      const indices = indicesOf(client.stdout()).filter((index, at) => at > 0 || index >= 0);
      expect(indices.length).toBeGreaterThan(500);
      expect(jumps(indices)).toBe(0);
      expect(
        client
          .stderr()
          .split("\n")
          .filter((line) => decoderComplaint.test(line)),
      ).toEqual([]);
    }, 60_000);
  });

  it("reads a segment from storage once, however many listen", async () => {
    const before = await listenToHls(`${stack.edgeUrl}/live.mp3.m3u8`);
    const reads = async (): Promise<number> =>
      ((await (await fetch(`${stack.edgeUrl}/health`)).json()) as { bucketReads: number }).bucketReads;
    const atFirst = await reads();
    await Promise.all(Array.from({ length: 5 }, () => listenToHls(before.url.replace(/\/hls\/.*/, ".m3u8"))));
    // Those that came meanwhile.
    expect((await reads()) - atFirst).toBeLessThan(15);
  });

  it("numbers on when the edge is started anew", async () => {
    const listening = await listenToHls(`${stack.edgeUrl}/live.mp3.m3u8`);
    await listening.read();
    const before = listening.playlist;
    stack.kill("workerd");
    await waitFor(
      "the edge",
      async () => (await fetch(listening.url).catch(() => null))?.status === 200,
      40_000,
    );
    await listening.readUntil(
      "newer segments",
      ({ number }) => number > (before.segments.at(-1)?.number ?? 0) + 2,
    );
    const indices = indicesOf(framesHeard(listening.heard)).filter((index) => index >= 0);
    expect(jumps(indices)).toBe(0);
  }, 60_000);
});

/** Runs in the page. */
function playHls(url: string): void {
  interface Hls {
    on(
      event: string,
      handler: (
        event: string,
        data: { readonly details?: string; readonly samples?: readonly { readonly data: Uint8Array }[] },
      ) => void,
    ): void;
    loadSource(source: string): void;
    attachMedia(media: HTMLMediaElement): void;
  }
  const scope = globalThis as unknown as { Hls: new () => Hls; hlsState: () => unknown };
  const audio = document.getElementById("audio") as HTMLAudioElement;
  const events: string[] = [];
  const titles: string[] = [];
  for (const name of ["playing", "waiting", "stalled", "error", "ended"]) {
    audio.addEventListener(name, () => events.push(name));
  }
  const hls = new scope.Hls();
  hls.on("hlsError", (_, { details }) => events.push(`hls ${details}`));
  hls.on("hlsFragParsingMetadata", (_, { samples = [] }) => {
    for (const { data } of samples) {
      const text = new TextDecoder().decode(data);
      const at = text.indexOf("TIT2");
      if (at >= 0) titles.push(text.slice(at + 11).split("\0")[0] ?? "");
    }
  });
  scope.hlsState = () => ({ time: audio.currentTime, ranges: audio.buffered.length, events, titles });
  hls.loadSource(url);
  hls.attachMedia(audio);
  void audio.play();
}
