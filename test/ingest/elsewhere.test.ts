import { subscribe, unsubscribe } from "node:diagnostics_channel";
import * as net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { basic, eventually, frames, RunningIngest, sourceHead, sourcePassword } from "./running-ingest.ts";

/** A server that nobody has any business with. */
const canary = net.createServer((socket) => {
  visits++;
  socket.destroy();
});
let visits = 0;
let evil = "";
/** Ports that this process connected to, and names that it looked up. */
const ports = new Set<number>();
const names = new Set<string>();
const watch = (message: unknown) => {
  const socket = message instanceof Object && "socket" in message ? message.socket : null;
  if (!(socket instanceof net.Socket)) return;
  socket.on("connectionAttempt", (_ip: string, port: number) => ports.add(port));
  socket.on("lookup", (_error, _address, _family, host) => names.add(host));
};

let running: RunningIngest;
beforeEach(async () => {
  await new Promise<void>((resolve) => canary.listen(0, "127.0.0.1", resolve));
  const address = canary.address();
  evil = `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  visits = 0;
  ports.clear();
  names.clear();
  subscribe("net.client.socket", watch);
  running = new RunningIngest();
  await running.open();
  running.edge.onRequest = (request, response) => {
    // The edge may say where to go: that is for the client.
    response
      .writeHead(302, { Location: `http://${evil}${request.url}`, Refresh: `0; url=http://${evil}/` })
      .end();
  };
});
afterEach(async () => {
  unsubscribe("net.client.socket", watch);
  await running.close();
  await new Promise((resolve) => canary.close(resolve));
});

/** Connections went to the ingest (ours) and to its edge and storage, nowhere else, and no name was looked up. */
function expectNowhereElse(): void {
  const { port, shoutcastPort } = running.ports;
  const own = [port, shoutcastPort, Number(new URL(running.edge.url).port)];
  expect([...ports]).toContain(port);
  expect([...ports].filter((each) => !own.includes(each))).toEqual([]);
  expect([...names]).toEqual([]);
  expect(visits).toBe(0);
}

const hosts = () => [evil, "canary.invalid", `user:pw@${evil}`, `[::ffff:127.0.0.1]:${evil.split(":")[1]}`];

test("no target, Host or other header of a request makes this host connect elsewhere", async () => {
  for (const host of hosts()) {
    const targets = [
      `http://${host}/x`,
      `https://${host}/x`,
      `//${host}/x`,
      `/\\${host}/x`,
      `/@${host}/x`,
      `/x?url=http://${host}/`,
    ];
    const requests = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const headers = [
      "X-Forwarded-Host",
      "Forwarded",
      "X-Original-URL",
      "X-Rewrite-URL",
      "Referer",
      "Origin",
      "Location",
    ];
    const lines = headers.map((name) => `${name}: http://${host}/\r\n`).join("");
    requests.push(
      `GET /x HTTP/1.1\r\nHost: ${host}\r\n${lines}MF-Original-URL: http://${host}/\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
      `POST http://${host}/x HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\n\r\nx`,
      `OPTIONS * HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `GET ${host} HTTP/1.1\r\n\r\n`,
      `GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    );
    const replies = await Promise.all(
      requests.map((request, at) => running.exchange(request, running.ports.port, `127.8.0.${at + 1}`)),
    );
    for (const reply of replies) expect(reply).toMatch(/^HTTP\/1\.0 (?:200|302|400) /);
  }
  expectNowhereElse();
});

test("no URL that a source or its title names is opened", async () => {
  const url = `http://${evil}/`;
  const urlHeaders = [
    "icy-url",
    "ice-url",
    "Icy-Logo",
    "ice-audio-info",
    "icy-main-stream-url",
    "icy-version",
    "Referer",
    "Location",
  ];
  const lines = urlHeaders
    .map((name) => `${name}: ${name === "ice-audio-info" ? `url=${url}` : url}\r\n`)
    .join("");
  const source = running.connect();
  source.send(sourceHead("/m.mp3", `Host: ${evil}\r\n${lines}`));
  source.send(frames(60));
  await source.until(/200 OK/);
  const shoutcast = running.connect(running.ports.shoutcastPort);
  shoutcast.send(`${sourcePassword}\r\n${lines}\r\n`);
  shoutcast.send(frames(60));
  const enc = encodeURIComponent(url);
  for (const target of [
    `/admin/metadata?mode=updinfo&mount=/m.mp3&song=x&url=${enc}`,
    `/admin/metadata?mode=updurl&mount=/m.mp3&url=${enc}&song=${enc}&artist=${enc}`,
    `http://${evil}/admin/metadata?mode=updinfo&mount=/m.mp3&song=${enc}`,
    `/admin.cgi?mode=updinfo&song=x&pass=${sourcePassword}&url=${enc}`,
    `/admin/metadata?mode=updinfo&mount=${enc}&song=x`,
  ]) {
    const reply = await running.exchange(
      `GET ${target} HTTP/1.0\r\nHost: ${evil}\r\n${basic("source", sourcePassword)}\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.0 (?:200|400) /);
  }
  source.socket.end();
  shoutcast.socket.end();
  await eventually(() => running.edge.announcements.length >= 2);
  await eventually(() => running.edge.calls.filter((call) => call.startsWith("release")).length === 2);
  expectNowhereElse();
});

test("a redirect of edge or storage is not followed with what is to be published", async () => {
  running.edge.putAnswer = 307;
  const source = running.connect();
  source.send(sourceHead("/m.mp3"));
  source.send(frames(60));
  await eventually(() => running.edge.calls.filter((call) => call.startsWith("put")).length >= 2);
  expectNowhereElse();
  running.edge.putAnswer = null;
  source.socket.destroy();
});
