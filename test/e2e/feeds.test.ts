import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { FrameList } from "../support/frame-check.ts";
import { splicedRuns } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { claim } from "../support/silent-source.ts";
import { startStation } from "../support/station.ts";
import { statusOf, waitForStatus } from "../support/status.ts";
import type { Stack } from "../support/stack.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** What an isolate remembers of a mount, when it has not looked for a while, and what it must not make up. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");

describe("an isolate's view of a mount", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStation(
      '[limits]\ngrace_seconds = 1\nmax_listeners_per_address = 3\n[mounts."/few.mp3"]\nmax_listeners = 2\n',
    );
  });
  afterAll(() => stack.stop());

  const status = (path: string) =>
    fetch(stack.edgeUrl + path, { method: "HEAD" }).then(({ status: code }) => code);
  const onAir = (mount: string) => waitFor(`${mount} to be there`, async () => (await status(mount)) === 200);
  const setTitle = (mount: string, song: string) =>
    fetch(
      `${stack.ingestUrl}/admin/metadata?${new URLSearchParams({ mode: "updinfo", mount, song }).toString()}`,
      {
        headers: { authorization: `Basic ${Buffer.from(`source:${stack.password}`).toString("base64")}` },
      },
    );

  it("does not outlive the broadcast: the next one begins with its own sound and title", async () => {
    const mount = "/days.mp3";
    const { ingestPort, edgeUrl, password } = stack;
    const yesterday = await streamMp3(ingestPort, mount, fixture, { password });
    await setTitle(mount, "Yesterday");
    await waitForStatus(stack, mount, { title: "Yesterday" });
    // The isolate has seen yesterday, and nobody is there when it ends.
    const early = await listen(edgeUrl + mount, { icy: true });
    await waitFor("some of yesterday", () => early.bytes().length > 60_000);
    early.close();
    await yesterday.stop();
    await waitFor("the broadcast to end", async () => (await statusOf(stack, mount)) === undefined);
    // The grace; nobody asks for the mount itself, so that the isolate learns nothing.
    await sleep(1_500);

    const today = await streamMp3(ingestPort, mount, fixture, { password });
    await waitForStatus(stack, mount);
    // From its first frame on, however long this machine took to come here.
    const late = await listen(`${edgeUrl}${mount}?burst=60`, { icy: true });
    await waitFor("some of today", () => late.bytes().length > 60_000, 20_000);
    late.close();
    today.destroy();
    const { audio, titles } = heard(late);
    const [run] = splicedRuns(audio, new FrameList(framesOf(fixture))).runs;
    expect(run).toMatchObject({ first: 0, primers: 0 });
    expect(titles).toEqual([""]);
  });

  it("counts a listener that waits for the first sound, whatever others ask for meanwhile", async () => {
    const mount = "/waiting.mp3";
    const socket = await claim(stack, mount);
    await onAir(mount);
    const first = listen(stack.edgeUrl + mount);
    await sleep(1_500);
    // A mount that had a source, and that this isolate has not been asked for yet.
    (await claim(stack, "/elsewhere.mp3")).destroy();
    expect(await status("/elsewhere.mp3")).toBeOneOf([200, 404]);
    const second = listen(stack.edgeUrl + mount);
    await sleep(300);
    for (const frame of framesOf(fixture).slice(0, 200)) socket.write(frame.bytes);
    const both = await Promise.all([first, second]);
    await waitForStatus(stack, mount, { listeners: 2 });
    both[1].close();
    for (const frame of framesOf(fixture).slice(200, 400)) socket.write(frame.bytes);
    await waitForStatus(stack, mount, { listeners: 1 });
    both[0].close();
    socket.destroy();
  });

  it("keeps to max_listeners also when they all came before the first sound", async () => {
    const mount = "/few.mp3";
    const socket = await claim(stack, mount);
    await onAir(mount);
    const waiting = Array.from({ length: 6 }, () => listen(stack.edgeUrl + mount));
    await sleep(500);
    for (const frame of framesOf(fixture).slice(0, 200)) socket.write(frame.bytes);
    const replies = await Promise.all(waiting);
    const codes = replies.map((reply) => reply.status);
    expect([200, 403].map((code) => codes.filter((each) => each === code).length)).toEqual([2, 4]);
    for (const reply of replies) reply.close();
    socket.destroy();
  });

  it("finds a mount as soon as its source has been told that it is on air, though it was absent a moment ago", async () => {
    for (const mount of ["/never.mp3", "/again.mp3", "/again.mp3"]) {
      await waitFor("the mount to be absent", async () => (await status(mount)) === 404);
      const socket = await claim(stack, mount);
      expect(await status(mount)).toBe(200);
      socket.destroy();
    }
  });

  it("believes nobody's word for an address: neither more listeners of one, nor less room for another", async () => {
    const mount = "/addressed.mp3";
    const { ingestPort, ingestUrl, edgeUrl, password } = stack;
    const source = await streamMp3(ingestPort, mount, fixture, { password, loop: true });
    await waitForStatus(stack, mount);
    const opened: Listening[] = [];
    const enter = async (url: string, headers: Record<string, string>) => {
      const listening = await listen(url + mount, { headers });
      opened.push(listening);
      return listening.status;
    };
    const forged = (ip: string) => ({
      "CF-Connecting-IP": ip,
      "X-Skywave-Client": ip,
      "X-Skywave-Ingest": "guess",
      "MF-CF-Blob": JSON.stringify({ clientIp: ip, colo: "FRA" }),
    });
    // As many as one address may have, in the name of another: that one is 127.0.0.1 on the ingest port.
    for (let count = 0; count < 3; count++) expect(await enter(edgeUrl, forged("127.0.0.1"))).toBe(200);
    for (let count = 0; count < 3; count++)
      expect(await enter(ingestUrl, forged(`203.0.113.${count}`))).toBe(200);
    expect(await enter(ingestUrl, forged("203.0.113.9"))).toBe(403);
    for (const each of opened) each.close();
    source.destroy();
  });

  it("warns of what a source sends that is no audio", async () => {
    const socket = await claim(stack, "/dirty.mp3");
    const frames = framesOf(fixture).map(({ bytes }) => bytes);
    socket.write(
      Buffer.concat([...frames.slice(0, 100), Buffer.alloc(3_000, "x"), ...frames.slice(100, 200)]),
    );
    await waitFor("a warning for the status page", async () => {
      const { warnings } = (await (await fetch(`${stack.edgeUrl}/api/v1/warnings`)).json()) as {
        warnings: { mount: string; text: string }[];
      };
      return warnings.some(({ mount, text }) => mount === "/dirty.mp3" && text.includes("sent 3000 bytes"));
    });
    socket.destroy();
  });

  it("makes nothing for mounts that never had a source", async () => {
    const objects = () =>
      readdirSync(join(stack.dataDir, "edge", "v3"), { recursive: true }).filter((name) =>
        String(name).endsWith(".sqlite"),
      ).length;
    const before = objects();
    expect(before).toBeGreaterThan(0);
    const codes = await Promise.all(
      Array.from({ length: 100 }, (_, number) => status(`/random-${number}.mp3`)),
    );
    expect(new Set(codes)).toEqual(new Set([404]));
    expect(objects()).toBe(before);
  });
});

function heard(listening: Listening): { audio: Uint8Array; titles: string[] } {
  const { audio, titles } = new IcyDeinterleaver(Number(listening.headers["icy-metaint"])).push(
    listening.bytes(),
  );
  return { audio: Buffer.concat(audio), titles: titles.map(({ text }) => text) };
}
