import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DjAccount, DjSlot } from "../../../config/ingest-settings.ts";
import { hashPassword } from "../../../shared/password-hash.ts";
import { basic, type Client, eventually, frames, RunningIngest, usualLimits } from "../running-ingest.ts";

let running: RunningIngest;
beforeEach(() => {
  running = new RunningIngest();
});
afterEach(() => running.close());

/** Finer than an operator can have it, so that a test need not wait for a minute to end. */
function slot(fromMs: number, toMs: number): DjSlot {
  const minutes = (ms: number) => (ms % 86_400_000) / 60_000;
  const day = new Date(fromMs).getUTCDay();
  return { days: [day === 0 ? 7 : day], from: minutes(fromMs), to: minutes(toMs), timeZone: "UTC" };
}
const dj = (name: string, ...slots: DjSlot[]): DjAccount => ({
  name,
  hash: createHash("md5").update(`${name}-pw`).digest("hex"),
  slots,
});
const open = (...djs: DjAccount[]) =>
  running.open({
    mounts: new Map([["/live*", { djs }]]),
    limits: { ...usualLimits, sourceTimeoutMs: 20_000 },
  });
const head = (name: string, password = `${name}-pw`) =>
  `SOURCE /live.mp3 HTTP/1.0\r\n${basic(name, password)}Content-Type: audio/mpeg\r\n\r\n`;
function connect(name: string): Client {
  const client = running.connect();
  client.send(head(name));
  return client;
}
const minute = 60_000;

test("a DJ is let in within the slot, and refused before, after and without the right password", async () => {
  const now = Date.now();
  await open(
    dj("in", slot(now - minute, now + 10 * minute)),
    dj("early", slot(now + 5 * minute, now + 10 * minute)),
    dj("late", slot(now - 10 * minute, now - 5 * minute)),
  );
  for (const name of ["early", "late"]) {
    expect(await running.exchange(head(name))).toMatch(
      /^HTTP\/1\.0 401 Authentication Required\r\n[^]*\r\n\r\nYou need to authenticate\r\n$/,
    );
    expect(running.logLines.join("")).toContain(`${name} is outside of their slot, the next one begins at 2`);
  }
  expect(await running.exchange(head("in", "wrong"))).toContain("401");
  await connect("in").until(/^HTTP\/1\.0 200 OK/);
  expect(running.events).toEqual(["connected /live.mp3 in"]);
});

test("a password of the modern kind is looked at as well", async () => {
  await open({ name: "ann", hash: await hashPassword("modern"), slots: [] });
  const client = running.connect();
  client.send(head("ann", "modern"));
  await client.until(/^HTTP\/1\.0 200 OK/);
});

test("at its end the source is closed, what it sent is on air, and whoever comes back again and again stays out", async () => {
  const now = Date.now();
  await open(dj("ann", slot(now - minute, now + 1_500)));
  const client = connect("ann");
  client.send(frames(30));
  await client.until(/^HTTP\/1\.0 200 OK/);
  await client.text();
  expect(Date.now()).toBeGreaterThanOrEqual(now + 1_500);
  expect(running.events.at(-1)).toBe("disconnected /live.mp3: the slot of ann is over");
  await eventually(() => running.edge.calls.includes("release /live.mp3"));
  const samples = running.edge.announcements.reduce((sum, { segment }) => sum + segment.samples, 0);
  expect(samples).toBe(30 * 1152);
  for (let again = 0; again < 3; again++) expect(await running.exchange(head("ann"))).toContain(" 401 ");
  expect(running.edge.claims).toHaveLength(1);
});

test("one hands over to the next at the boundary, however long the first goes on sending", async () => {
  const now = Date.now();
  const boundary = now + 1_200;
  await open(dj("ann", slot(now - minute, boundary)), dj("bob", slot(boundary, now + 10 * minute)));
  const ann = connect("ann");
  await ann.until(/^HTTP\/1\.0 200 OK/);
  let sent = 0;
  const sending = setInterval(() => ann.send(frames(4, 4 * sent++)), 100);
  let bob = "";
  while (!bob.startsWith("HTTP/1.0 200")) {
    const client = connect("bob");
    bob = await client.until(/\r\n\r\n/);
    if (bob.startsWith("HTTP/1.0 200")) break;
    expect(bob).toContain(" 401 ");
    expect(Date.now()).toBeLessThan(boundary + 1_000);
    await client.text();
  }
  expect(Date.now()).toBeGreaterThanOrEqual(boundary);
  await ann.text();
  clearInterval(sending);
  expect(running.events[0]).toBe("connected /live.mp3 ann");
  expect(running.events[1]).toMatch(/^disconnected \/live\.mp3: (?:the slot of ann is over|taken over)/);
  expect(running.events.slice(2)).toEqual(["connected /live.mp3 bob"]);
  expect(await running.exchange(head("ann"))).toContain(" 401 ");
});

test("titles are for who is in their slot; SHOUTcast's account form opens the mount too", async () => {
  const now = Date.now();
  await open(
    dj("ann", slot(now - minute, now + 10 * minute)),
    dj("bob", slot(now - 2 * minute, now - minute)),
  );
  const source = running.connect(running.ports.shoutcastPort);
  source.send("/live.mp3:ann:ann-pw\r\n\r\n");
  await source.until(/^OK2/);
  await eventually(() => running.events.length === 1);
  const title = (user: string) =>
    running.exchange(
      `GET /admin/metadata?mode=updinfo&mount=/live.mp3&song=by%20${user} HTTP/1.0\r\n${basic(user, `${user}-pw`)}\r\n`,
    );
  expect(await title("bob")).toContain(" 401 ");
  expect(await title("ann")).toContain("update successful");
  await running.exchange(`GET /admin.cgi?mode=updinfo&pass=ann:ann-pw&song=cgi HTTP/1.0\r\n\r\n`);
  expect(running.events).toEqual([
    "connected /live.mp3 ann",
    "title /live.mp3 by ann",
    "title /live.mp3 cgi",
  ]);
});
