import { afterEach, beforeEach, expect, test } from "vitest";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import {
  basic,
  type Client,
  eventually,
  frames,
  RunningIngest,
  sourceHead,
  sourcePassword,
  usualLimits,
} from "./running-ingest.ts";

const mounts: IngestSettings["mounts"] = new Map([
  ["/always", { takeover: "always", graceMs: 3_000 }],
  ["/never", { takeover: "never" }],
]);
let running: RunningIngest;
beforeEach(async () => {
  running = new RunningIngest();
  await running.open({
    mounts,
    shoutcastMount: "/shoutcast",
    limits: { ...usualLimits, sources: 10, sourceTimeoutMs: 60_000 },
  });
});
afterEach(() => running.close());

const bodyOf = (reply: string) => reply.slice(reply.indexOf("\r\n\r\n") + 4);
const status = (reply: string) => /^HTTP\/1\.0 (\d+)/.exec(reply)?.[1];
const callsOf = (mount: string) => running.edge.calls.filter((call) => call.endsWith(mount));
const announcements = (mount: string) =>
  running.edge.announcements.filter((each) => each.mount === mount).map(({ segment }) => segment);

async function onAir(mount: string): Promise<Client> {
  const client = running.connect();
  client.send(sourceHead(mount));
  await client.until(/200 OK/);
  return client;
}

/** Asks for a mount until it gets it, as an encoder does that comes back; the replies before that. */
async function persistent(mount: string): Promise<{ readonly client: Client; readonly refusals: string[] }> {
  const refusals: string[] = [];
  for (;;) {
    const client = running.connect();
    client.send(sourceHead(mount));
    const reply = await client.until(/\r\n\r\n/);
    if (status(reply) === "200") return { client, refusals };
    refusals.push(await client.text());
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("the login of a stuck source takes its mount over: its socket goes at once, its last segments come before the claim", async () => {
  const stuck = await onAir("/m");
  stuck.send(frames(25));
  await eventually(() => announcements("/m").length > 0);
  const { refusals } = await persistent("/m");
  expect(refusals.length).toBeGreaterThan(0);
  for (const refusal of refusals) expect(bodyOf(refusal)).toBe("Mountpoint in use");
  await stuck.text();
  const { calls } = running.edge;
  const samples = announcements("/m").reduce((sum, segment) => sum + segment.samples, 0);
  expect(samples).toBe(25 * 1_152);
  expect(calls.findLastIndex((call) => call.startsWith("announce 1/"))).toBeLessThan(
    calls.lastIndexOf("claim /m"),
  );
  expect(running.logLines.join("")).toContain('"reason":"taken over by another connection"');
});

test("two sources of the same login that both send do not kick each other", async () => {
  const first = await onAir("/m");
  let sent = 0;
  const sending = setInterval(() => {
    first.send(frames(4, sent));
    sent += 4;
  }, 104);
  const refused: string[] = [];
  const until = performance.now() + 2_600;
  while (performance.now() < until) {
    refused.push(await running.exchange(Buffer.concat([Buffer.from(sourceHead("/m")), frames(20)])));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  clearInterval(sending);
  expect(refused.map(bodyOf)).toEqual(refused.map(() => "Mountpoint in use"));
  expect(callsOf("claim /m")).toHaveLength(1);
  expect(first.socket.readableEnded || first.socket.destroyed).toBe(false);
});

test("of many that come for a stuck source's mount at once exactly one gets it", async () => {
  await onAir("/m");
  await eventually(() => running.edge.calls.includes("renew /m"));
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  const racers = Array.from({ length: 6 }, () => running.connect());
  for (const racer of racers) racer.send(sourceHead("/m"));
  const replies = await Promise.all(racers.map((racer) => racer.until(/\r\n\r\n/)));
  const statuses = replies.map(status);
  expect(statuses.filter((each) => each === "200")).toHaveLength(1);
  // While the one is being let in this passes, once it is on air the mount is in use.
  expect(statuses.filter((each) => each === "403" || each === "503")).toHaveLength(5);
  expect(callsOf("claim /m")).toHaveLength(2);
});

test("always: whoever may log in takes the mount from a source that sends; never: not even from one that is stuck", async () => {
  const stuck = await onAir("/never");
  const first = await onAir("/always");
  first.send(frames(3));
  const second = await onAir("/always");
  await first.text();
  expect(second.socket.destroyed).toBe(false);
  expect(running.edge.claims.map(({ takeover, policy }) => [takeover, policy.graceMs])).toEqual([
    ["never", 15_000],
    ["always", 3_000],
    ["always", 3_000],
  ]);
  const wrong = `SOURCE /always HTTP/1.0\r\n${basic("source", "wrong")}\r\n`;
  expect(status(await running.exchange(wrong))).toBe("401");
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  expect(bodyOf(await running.exchange(sourceHead("/never")))).toBe("Mountpoint in use");
  expect(stuck.socket.readableEnded).toBe(false);
});

test("while the edge cannot grant it a mount to another, the source on air stays: neither goes", async () => {
  const first = await onAir("/always");
  first.send(frames(3));
  running.edge.apiAnswer = { claim: 500 };
  expect(status(await running.exchange(sourceHead("/always")))).toBe("503");
  first.send(frames(40, 3));
  await eventually(() => announcements("/always").length > 1);
  expect(first.socket.readableEnded || first.socket.destroyed).toBe(false);
  running.edge.apiAnswer = {};
  await onAir("/always");
  await first.text();
  const samples = announcements("/always").reduce((sum, segment) => sum + segment.samples, 0);
  expect(samples).toBe(43 * 1_152);
});

test("a SHOUTcast source takes over what the same password holds, whatever the protocol", async () => {
  const stuck = await onAir("/shoutcast");
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  const source = running.connect(running.ports.shoutcastPort);
  source.send(`${sourcePassword}\r\n`);
  await source.until(/OK2/);
  source.send("icy-name:x\r\n\r\n");
  await stuck.text();
  await eventually(() => callsOf("claim /shoutcast").length === 2);
  const [first, second] = running.edge.claims;
  expect(second?.credential).toBe(first?.credential);
});

test("what a stalled source has sent is published before its segment is full, and the next is shorter than usual", async () => {
  await running.close();
  running = new RunningIngest();
  await running.open({ limits: { ...usualLimits, segmentMs: 4_000, sourceTimeoutMs: 60_000 } });
  const source = await onAir("/m");
  source.send(frames(10));
  await eventually(() => announcements("/m").length === 1);
  expect(announcements("/m")[0]?.samples).toBe(10 * 1_152);
  // Listeners have less in hand now, so the next segment is cut before it has the 154 frames of a whole one.
  source.send(frames(120, 10));
  await eventually(() => announcements("/m").length === 2);
  expect(announcements("/m")[1]?.samples).toBeLessThan(100 * 1_152);
  source.socket.end();
});

test("after a reconnect within the grace segments are short, without one as long as usual", async () => {
  await running.close();
  running = new RunningIngest();
  await running.open({ limits: { ...usualLimits, segmentMs: 2_000 } });
  running.edge.gapMs = 3_000;
  const back = await onAir("/back");
  back.send(frames(25));
  running.edge.gapMs = null;
  const fresh = await onAir("/fresh");
  fresh.send(frames(80));
  await eventually(() => announcements("/back").length > 0 && announcements("/fresh").length > 0);
  expect(announcements("/back")[0]?.samples).toBe(20 * 1_152);
  expect(announcements("/fresh")[0]?.samples).toBe(77 * 1_152);
});

test("while storage fails a source's lease is renewed about as often as its segments are due", async () => {
  running.edge.putAnswer = 503;
  const source = await onAir("/m");
  source.send(frames(60));
  let due = 0;
  const ticks = setInterval(() => due++, usualLimits.segmentMs);
  await eventually(() => callsOf("renew /m").length >= 5);
  clearInterval(ticks);
  expect(due).toBeLessThanOrEqual(10);
  expect(announcements("/m")).toEqual([]);
  running.edge.putAnswer = null;
  source.socket.end();
});
