import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketOf } from "../support/bucket.ts";
import { askForMount, type Encoder, type SourceLogin, takeMount } from "../support/encoder.ts";
import { FrameList } from "../support/frame-check.ts";
import { firstStepBack, heardFrames } from "../support/heard.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { listen, type Listening } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const first = framesOf(fixture("cbr128-joint44.mp3"));
// Its first frame reaches back to some that nobody got.
const second = framesOf(fixture("vbr-v2.mp3")).slice(200);
const list = new FrameList([...first, ...second]);
const perSecond = 44_100 / 1_152;
const seconds = (count: number) => Math.round(count * perSecond);

const folder = mkdtempSync(join(tmpdir(), "skywave-takeover-"));
const station = "[limits]\nsegment_seconds = 1\nburst_seconds = 6\nsource_timeout = 60\n";
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

let stack: Stack;
let own: SourceLogin;
/** Has the station's password. */
let other: IngestProcess;
/** Has another one. */
let stranger: IngestProcess;

beforeAll(async () => {
  const stationFile = file("station.toml", `${station}[mounts."/always.mp3"]\ntakeover = "always"\n`);
  stack = await startStack({ stationFile });
  own = { port: stack.ingestPort, password: stack.password };
  const bucket = bucketOf(stack);
  const { adminPassword, edgeUrl } = stack;
  const options = { stack, bucket, edgeUrl, bucketUrl: bucket.url, adminPassword, stationFile };
  [other, stranger] = await Promise.all([
    startIngest({ ...options, password: stack.password }),
    startIngest({ ...options, password: "another password" }),
  ]);
});
afterAll(async () => {
  await Promise.all([other?.stop(), stranger?.stop()]);
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What the first source sends before anything happens to it: more than a burst. */
const sentBefore = seconds(7.5);

/** A source that has just sent its last for now, and a listener who has a whole burst in hand. */
async function onAir(login: SourceLogin, mount: string): Promise<{ encoder: Encoder; listener: Listening }> {
  const encoder = await takeMount(login, mount);
  const sending = encoder.send(first.slice(0, sentBefore));
  await waitFor("more than a burst", () => encoder.sent > seconds(7.2));
  const listener = await listen(`${stack.edgeUrl}${mount}`);
  expect(listener.status).toBe(200);
  await sending;
  return { encoder, listener };
}

async function untilHeard(listener: Listening, index: number): Promise<number[]> {
  let heard: number[] = [];
  try {
    return await waitFor("", () => {
      heard = heardFrames(listener.bytes(), list);
      return heard.includes(index) && heard;
    });
  } catch (error) {
    throw new Error(`waited to hear frame ${index}, heard ${heard.slice(-20).join(" ")}\n${stack.log()}`, {
      cause: error,
    });
  }
}

/** All that the first source sent, a primer and nothing else, then all that the second sent. */
function expectOneSplice(heard: readonly number[], last: number): void {
  expect(firstStepBack(heard)).toBeNull();
  const from = heard.indexOf(sentBefore - 1);
  expect(heard.slice(from, from + 3), "from the last frame of the one to the first of the other").toEqual([
    sentBefore - 1,
    -1,
    first.length,
  ]);
  const rest = heard.slice(heard.indexOf(first.length), heard.indexOf(last) + 1);
  expect(rest).toEqual(Array.from({ length: last - first.length + 1 }, (_, i) => first.length + i));
}

const inUse = /^HTTP\/1\.0 403 [^]*Mountpoint in use$/;

describe("a mount and who comes for it next", () => {
  it.concurrent("stuck, it goes to the same login at the same host, and the listener hears no silence", async () => {
    const mount = "/same-host.mp3";
    const { encoder, listener } = await onAir(own, mount);
    const refusals: string[] = [];
    const next = await takeMount(own, mount, { refusals });
    for (const refusal of refusals) expect(refusal).toMatch(inUse);
    await waitFor("the stuck connection to be cut", () => encoder.closed);
    await next.send(second.slice(0, seconds(4)));
    const last = first.length + next.sent - 1;
    next.stop();
    expectOneSplice(await untilHeard(listener, last), last);
    listener.close();
  });

  it.concurrent("stuck, it goes to the same login at another host, and to no other login", async () => {
    const mount = "/other-host.mp3";
    const { encoder, listener } = await onAir(own, mount);
    // Stuck for sure: a segment and two seconds.
    await sleep(4_000);
    expect(await askForMount(stranger, mount), "another login").toMatch(inUse);
    const next = await takeMount(other, mount);
    const sending = next.send(second.slice(0, seconds(4)));
    await waitFor(`the stuck connection to be closed\n${stack.log()}`, () => encoder.closed);
    await sending;
    const last = first.length + next.sent - 1;
    next.stop();
    const heard = await untilHeard(listener, last);
    expect(firstStepBack(heard)).toBeNull();
    listener.close();
  });

  it.concurrent("for whoever comes last, it goes over from a source that sends, at once", async () => {
    const mount = "/always.mp3";
    const { encoder, listener } = await onAir(own, mount);
    const still = encoder.send(first.slice(sentBefore));
    const next = await askForMount(stranger, mount);
    if (typeof next === "string") throw new Error(next);
    await next.send(second.slice(0, seconds(3)));
    await still;
    expect(encoder.closed).toBe(true);
    const last = first.length + next.sent - 1;
    next.stop();
    expect(firstStepBack(await untilHeard(listener, last))).toBeNull();
    listener.close();
  });

  it.concurrent("a hiccup shorter than the burst, on one connection: no silence, every frame once", async () => {
    const { encoder, listener } = await onAir(own, "/hiccup.mp3");
    await sleep(2_500);
    await encoder.send(first.slice(sentBefore, seconds(10)));
    encoder.stop();
    const last = seconds(10) - 1;
    const heard = await untilHeard(listener, last);
    const from = heard.findIndex((index) => index >= 0);
    expect(heard.slice(from, heard.indexOf(last) + 1)).toEqual(
      Array.from({ length: last + 1 - (heard[from] ?? 0) }, (_, i) => (heard[from] ?? 0) + i),
    );
    listener.close();
  });

  it.concurrent("a hiccup shorter than the burst, with a new connection: a primer and no silence", async () => {
    const mount = "/reconnect.mp3";
    const { encoder, listener } = await onAir(own, mount);
    encoder.destroy();
    await sleep(2_500);
    const next = await takeMount(own, mount);
    await next.send(second.slice(0, seconds(3)));
    const last = first.length + next.sent - 1;
    next.stop();
    expectOneSplice(await untilHeard(listener, last), last);
    listener.close();
  });
});
