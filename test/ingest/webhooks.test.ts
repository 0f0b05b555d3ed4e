import { afterEach, beforeEach, expect, test } from "vitest";
import type { WebhookSettings } from "../../config/ingest-settings.ts";
import { Deliveries, FinalError } from "../../ingest/deliveries.ts";
import { deliveriesAtOnce } from "../../ingest/station-limits.ts";
import { openLog } from "../../ingest/log.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { Receiver, webhookSignature } from "../support/receiver.ts";
import { basic, eventually, RunningIngest, sourceHead, sourcePassword } from "./running-ingest.ts";

const receiver = new Receiver();
let running: RunningIngest;
beforeEach(async () => {
  receiver.requests.length = 0;
  receiver.answer = () => ({});
  await receiver.open();
  running = new RunningIngest();
});
afterEach(async () => {
  await running.close();
  await receiver.close();
});

const secret = Buffer.alloc(32, 7).toString("base64");
const all = ["source.connected", "source.disconnected", "title.changed"] as const;
const hook = (changes: Partial<WebhookSettings> = {}): WebhookSettings => ({
  url: `${receiver.url}/hook?token=t0ken`,
  secret,
  events: all,
  ...changes,
});

async function broadcast(mount: string): Promise<void> {
  const source = running.connect();
  source.send(sourceHead(mount, "ice-name: My Radio\r\nUser-Agent: enc/1\r\n"));
  await source.until(/200 OK/);
  await running.exchange(
    `GET /admin/metadata?mode=updinfo&mount=${mount}&song=one HTTP/1.0\r\n${basic("source", sourcePassword)}\r\n`,
  );
  source.socket.end();
  await source.text();
}
const told = () => receiver.requests.map(({ body }) => JSON.parse(body) as { type: string; data: object });

test("each event comes once, in order and signed", async () => {
  await running.open({ webhooks: [hook()] });
  await broadcast("/a.mp3");
  await eventually(() => receiver.requests.length === 3);
  expect(told()).toMatchObject([
    { type: "source.connected" },
    { type: "title.changed", data: { title: "one" } },
    { type: "source.disconnected", data: { reason: "the source closed its connection", seconds: 0 } },
  ]);
  expect(told()[0]?.data).toEqual({
    mount: "/a.mp3",
    epoch: 1,
    user: "source",
    protocol: "SOURCE",
    userAgent: "enc/1",
    name: "My Radio",
  });
  const ids = new Set<string>();
  for (const request of receiver.requests) {
    expect(request.url).toBe("/hook?token=t0ken");
    expect(request.headers["content-type"]).toBe("application/json");
    expect(request.headers["webhook-signature"]).toBe(webhookSignature(secret, request));
    expect(Math.abs(Number(request.headers["webhook-timestamp"]) - Date.now() / 1000)).toBeLessThan(60);
    ids.add(request.headers["webhook-id"] ?? "");
  }
  expect(ids.size).toBe(3);
  for (const part of [secret, "t0ken"]) expect(running.logLines.join("")).not.toContain(part);
});

test("a receipt is one whatever its body: nobody reads it, however long it is", async () => {
  receiver.answer = () => ({ status: 200, body: "x".repeat(1_000_000) });
  await running.open({ webhooks: [hook()] });
  await broadcast("/a.mp3");
  await eventually(() => receiver.requests.length === 3);
  expect(running.logLines.join("")).not.toContain("not delivered");
});

test("many mounts' events go to a receiver some at a time", async () => {
  let now = 0;
  let most = 0;
  let done = 0;
  const many = new Deliveries({ what: "test", log: openLog("silent") });
  for (let index = 0; index < 100; index++) {
    many.add(mountPath(`/m${index}`), async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 1));
      now--;
      done++;
    });
  }
  await many.stop(10_000);
  expect([most, done, many.isIdle]).toEqual([deliveriesAtOnce, 100, true]);
});

test("only the events and mounts that a webhook asks for", async () => {
  const some = hook({ events: ["source.disconnected"], mounts: ["/live/*"] });
  await running.open({ webhooks: [some] });
  await broadcast("/a.mp3");
  await broadcast("/live/b.mp3");
  await eventually(() => receiver.requests.length === 1);
  expect(told()).toMatchObject([{ type: "source.disconnected", data: { mount: "/live/b.mp3" } }]);
});

test("one that was not received is sent again under its id before what comes after it", async () => {
  await running.open({ webhooks: [hook({ events: ["source.connected", "source.disconnected"] })] });
  receiver.answer = () => ({ status: receiver.requests.length === 1 ? 503 : 204 });
  await broadcast("/a.mp3");
  await eventually(() => receiver.requests.length === 3);
  expect(told().map(({ type }) => type)).toEqual([
    "source.connected",
    "source.connected",
    "source.disconnected",
  ]);
  const ids = receiver.requests.map(({ headers }) => headers["webhook-id"]);
  expect(ids[0]).toBe(ids[1]);
  expect(ids[1]).not.toBe(ids[2]);
});

test("a receiver that hangs or redirects costs a source nothing, and nobody else is asked", async () => {
  const elsewhere = new Receiver();
  await elsewhere.open();
  receiver.answer = ({ body }) =>
    body.includes("connected") ? { status: 307, headers: { location: `${elsewhere.url}/` } } : "hang";
  await running.open({ webhooks: [hook()] });
  await broadcast("/a.mp3");
  await eventually(() => receiver.requests.length >= 1 && running.events.length === 3);
  await running.stop();
  expect(elsewhere.requests).toEqual([]);
  await elsewhere.close();
});

test("what happens as the ingest ends is told before it has ended", async () => {
  await running.open({ webhooks: [hook({ events: ["source.disconnected"] })] });
  const source = running.connect();
  source.send(sourceHead("/a.mp3"));
  await source.until(/200 OK/);
  await running.stop();
  expect(told()).toMatchObject([{ data: { reason: "the ingest is stopping" } }]);
});

const mount = mountPath("/m");
const other = mountPath("/n");
function deliveries(limits: { waiting?: number; waitsMs?: readonly number[]; timeoutMs?: number }) {
  const lines: string[] = [];
  const log = openLog("info", { write: (line) => void lines.push(line) });
  return { lines, tested: new Deliveries({ what: "a test", log, limits }) };
}

test("a delivery that fails for good is given up, and the next one of its mount goes on", async () => {
  const { lines, tested } = deliveries({ waitsMs: [1, 1] });
  const done: string[] = [];
  const fail = (name: string, error: Error) => async () => {
    done.push(name);
    throw error;
  };
  tested.add(mount, fail("tried", new Error("not yet")));
  tested.add(mount, fail("final", new FinalError("never")));
  tested.add(mount, async () => void done.push("last"));
  await tested.stop(5_000);
  expect(done).toEqual(["tried", "tried", "tried", "final", "last"]);
  expect(lines.filter((line) => line.includes("given up"))).toHaveLength(2);
});

test("mounts do not wait for each other, what waits is bounded, and one that hangs is given up", async () => {
  const { lines, tested } = deliveries({ waiting: 3, waitsMs: [], timeoutMs: 60_000 });
  const done: string[] = [];
  const hang = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
  tested.add(mount, hang);
  tested.add(mount, async () => void done.push("behind it"));
  tested.add(other, async () => void done.push("beside it"));
  tested.add(other, async () => void done.push("too many"));
  await eventually(() => done.length === 1);
  await tested.stop(1);
  expect(done).toEqual(["beside it"]);
  expect(lines.join("")).toContain("too much waits");
});
