import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketOf } from "../support/bucket.ts";
import { openMpg123Wasm } from "../support/decoders.ts";
import { askForMount, type Encoder, type SourceLogin, takeMount } from "../support/encoder.ts";
import { FrameList } from "../support/frame-check.ts";
import { firstStepBack, heardFrames } from "../support/heard.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { listen, type Listening } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const decode = await openMpg123Wasm();
const fixture = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const first = framesOf(fixture("cbr128-joint44.mp3"));
// Encoders that go on where they were: their first frames reach back to some that the other host got.
const second = framesOf(fixture("vbr-v2.mp3")).slice(200, 700);
const third = framesOf(fixture("vbr-v2.mp3")).slice(700);
/** In the order in which every encoder here sends them, so that what is heard twice is a step back. */
const list = new FrameList([...first, ...second, ...third]);
const at = { second: first.length, third: first.length + second.length };
const perSecond = 44_100 / 1_152;

const folder = mkdtempSync(join(tmpdir(), "skywave-two-ingests-"));
const stationFile = join(folder, "station.toml");
writeFileSync(stationFile, "[limits]\nsegment_seconds = 1\nburst_seconds = 6\nsource_timeout = 60\n");

let stack: Stack;
/** The stack's own ingest, to which the encoders fail over. */
let spare: SourceLogin;
/** One for each test that does something to it. */
let hosts: readonly IngestProcess[] = [];

beforeAll(async () => {
  stack = await startStack({ stationFile });
  spare = { port: stack.ingestPort, password: stack.password };
  const bucket = bucketOf(stack);
  const { password, adminPassword, edgeUrl } = stack;
  const options = { stack, bucket, edgeUrl, bucketUrl: bucket.url, password, adminPassword, stationFile };
  hosts = await Promise.all([startIngest(options), startIngest(options), startIngest(options)]);
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function hostAt(index: number): IngestProcess {
  const host = hosts[index];
  if (!host) throw new Error(`no ingest ${index}`);
  return host;
}

/** What a listener got so far, with the end of it in words for a message. */
const heardBy = (listener: Listening) => heardFrames(listener.bytes(), list);

async function untilHeard(listener: Listening, index: number): Promise<number[]> {
  let heard: number[] = [];
  try {
    return await waitFor("", () => {
      heard = heardBy(listener);
      return heard.includes(index) && heard;
    });
  } catch (error) {
    throw new Error(`waited to hear frame ${index}, heard ${heard.slice(-20).join(" ")}\n${stack.log()}`, {
      cause: error,
    });
  }
}

/** The connection is the first one, no frame came twice, and none of a run is missing from its first to its last. */
async function expectHeardOn(
  listener: Listening,
  heard: readonly number[],
  runs: readonly { readonly from: number; readonly to: number }[],
): Promise<void> {
  expect(firstStepBack(heard), "frames heard twice").toBeNull();
  for (const { from, to } of runs) {
    const run = heard.slice(heard.indexOf(from), heard.indexOf(to) + 1).filter((index) => index >= 0);
    expect(run, `frames ${from} to ${to}`).toEqual(Array.from({ length: to - from + 1 }, (_, i) => from + i));
    if (from > 0) expect(heard[heard.indexOf(from) - 1], `a primer before frame ${from}`).toBe(-1);
  }
  const ended = await Promise.race([listener.ended.then(() => true), Promise.resolve(false)]);
  expect(ended, "the listener's connection has ended").toBe(false);
  expect((await decode(listener.bytes())).complaints, "a decoder over the splices").toEqual([]);
}

const seconds = (count: number) => Math.round(count * perSecond);

async function listenTo(mount: string, encoder: Encoder): Promise<Listening> {
  const listener = await waitFor("a listener to be let in", async () => {
    const listening = await listen(`${stack.edgeUrl}${mount}`);
    if (listening.status === 200) return listening;
    listening.close();
    return undefined;
  });
  expect(encoder.closed).toBe(false);
  return listener;
}

describe("two ingest hosts of one station", () => {
  it.concurrent("a second source gets 403 wherever it connects, as long as the first one sends", async () => {
    const mount = "/held.mp3";
    const holder = await takeMount(hostAt(0), mount);
    const sending = holder.send(first.slice(0, seconds(5)));
    const replies: string[] = [];
    while (holder.sent < seconds(4.5)) {
      const reply = await askForMount(spare, mount);
      replies.push(typeof reply === "string" ? reply : "granted");
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await sending;
    expect(replies.length).toBeGreaterThan(3);
    for (const reply of replies) expect(reply).toMatch(/^HTTP\/1\.0 403 [^]*Mountpoint in use$/);
    expect(holder.closed).toBe(false);
    holder.stop();
  });

  it.concurrent("an encoder fails over to the other host and back, its listener hears on", async () => {
    const mount = "/failover.mp3";
    const a = await takeMount(hostAt(0), mount);
    const sending = a.send(first.slice(0, seconds(3)));
    const listener = await listenTo(mount, a);
    await sending;
    a.stop();
    const b = await takeMount(spare, mount);
    await b.send(second.slice(0, seconds(2.5)));
    b.stop();
    const again = await takeMount(hostAt(0), mount);
    await again.send(third.slice(0, seconds(2.5)));
    again.stop();
    const last = at.third + again.sent - 1;
    const heard = await untilHeard(listener, last);
    await expectHeardOn(listener, heard, [
      { from: Math.max(0, heard.find((index) => index >= 0) ?? -1), to: a.sent - 1 },
      { from: at.second, to: at.second + b.sent - 1 },
      { from: at.third, to: last },
    ]);
    listener.close();
  });

  it.concurrent("a host that is killed: its mount is free for the other one when its lease is over", async () => {
    const mount = "/killed.mp3";
    const lost = await takeMount(hostAt(1), mount);
    const sending = lost.send(first);
    const listener = await listenTo(mount, lost);
    await waitFor("three seconds of audio", () => lost.sent > seconds(3));
    const refusals: string[] = [];
    await hostAt(1).end("SIGKILL");
    await sending;
    const next = await takeMount(spare, mount, { refusals, timeoutMs: 12_000 });
    for (const refusal of refusals) expect(refusal).toMatch(/^HTTP\/1\.0 403 [^]*Mountpoint in use$/);
    expect(refusals.length, "refused while the lease runs").toBeGreaterThan(0);
    await next.send(second.slice(0, seconds(3)));
    next.stop();
    const last = at.second + next.sent - 1;
    const heard = await untilHeard(listener, last);
    await expectHeardOn(listener, heard, [{ from: at.second, to: last }]);
    listener.close();
  });

  it.concurrent("a host that wakes up after another one took its mount is fenced, and heard no more", async () => {
    const mount = "/zombie.mp3";
    const zombie = hostAt(2);
    const stale = await takeMount(zombie, mount);
    const sending = stale.send(first);
    const listener = await listenTo(mount, stale);
    await waitFor("three seconds of audio", () => stale.sent > seconds(3));
    process.kill(zombie.pid, "SIGSTOP");
    let next: Encoder;
    let newSending: Promise<void>;
    try {
      next = await takeMount(spare, mount);
      newSending = next.send(second.slice(0, seconds(6)));
      await untilHeard(listener, at.second);
    } finally {
      process.kill(zombie.pid, "SIGCONT");
    }
    await waitFor(`the zombie to close its source\n${zombie.log()}`, () => stale.closed);
    await sending;
    expect(zombie.log()).toContain("another source has taken the mount");
    await newSending;
    expect(next.closed, "the source that has the mount stays").toBe(false);
    next.stop();
    const last = at.second + next.sent - 1;
    const heard = await untilHeard(listener, last);
    await expectHeardOn(listener, heard, [{ from: at.second, to: last }]);
    // Whoever joins now finds nothing of the zombie's behind the splice either.
    const late = await listen(`${stack.edgeUrl}${mount}?burst=60`);
    expect(firstStepBack(await untilHeard(late, last))).toBeNull();
    late.close();
    listener.close();
  });
});
