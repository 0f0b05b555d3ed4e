import { afterEach, beforeEach, expect, test } from "vitest";
import type { IngestMount } from "../../../config/ingest-settings.ts";
import { UrlAuth } from "../../../ingest/access/url-call.ts";
import { authOfAddress, authWaiting } from "../../../ingest/login-limits.ts";
import { openLog } from "../../../ingest/log.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { hashPassword } from "../../../shared/password-hash.ts";
import { Receiver } from "../../support/receiver.ts";
import { basic, eventually, RunningIngest, sourceHead, sourcePassword } from "../running-ingest.ts";

const server = new Receiver();
let running: RunningIngest;
beforeEach(async () => {
  server.requests.length = 0;
  server.answer = () => ({ headers: { "Icecast-Auth-User": "1" } });
  await server.open();
  running = new RunningIngest();
});
afterEach(async () => {
  await running.close();
  await server.close();
});

const head = (user: string, password: string) =>
  `SOURCE /url.mp3 HTTP/1.0\r\n${basic(user, password)}Content-Type: audio/mpeg\r\n\r\n`;
const open = (rules: IngestMount) =>
  running.open({
    mounts: new Map([["/url*", rules]]),
    hostname: "radio.example",
    serverId: "Icecast 2.4.4",
  });
const streamAuth = () => ({ url: `${server.url}/sauth?x=1` });

test("a source is asked for as Icecast 2.4.4 asks, byte for byte", async () => {
  await open({ streamAuth: streamAuth() });
  const source = running.connect();
  source.send(head("d&j", "p w@é"));
  await source.until(/^HTTP\/1\.0 200 OK\r\n\r\n$/);
  const [asked, ...more] = server.requests;
  expect(more).toEqual([]);
  expect(asked?.url).toBe("/sauth?x=1");
  expect(asked?.body).toBe(
    `action=stream_auth&mount=%2furl%2emp3&ip=127%2e0%2e0%2e1&server=radio%2eexample&port=${running.ports.port}&user=d%26j&pass=p%20w%40%c3%a9`,
  );
  expect(asked?.headers).toMatchObject({
    authorization: "Basic Og==",
    "user-agent": "Icecast 2.4.4",
    accept: "*/*",
    "content-type": "application/x-www-form-urlencoded",
  });
  expect(running.events).toEqual(["connected /url.mp3 d&j"]);
});

test("a title with its source's credentials is asked for as admin, one of the administrator's is not", async () => {
  await open({ streamAuth: streamAuth() });
  const source = running.connect();
  source.send(head("dj", "pw"));
  await source.until(/200 OK/);
  const url = "GET /admin/metadata?mode=updinfo&mount=/url.mp3&song=x HTTP/1.0\r\n";
  expect(await running.exchange(`${url}${basic("dj", "pw")}\r\n`)).toContain("update successful");
  expect(server.requests.at(-1)?.body).toMatch(/&user=dj&pass=pw&admin=1$/);
  await running.exchange(`${url}${basic("admin", "admin-pw")}\r\n`);
  expect(server.requests).toHaveLength(2);
});

test.each<[string, ReturnType<Receiver["answer"]>]>([
  ["no header", {}],
  ["another header", { headers: { "icecast-auth-user": "0" } }],
  ["an error with nothing", { status: 500 }],
  ["a redirect", { status: 302, headers: { location: "/elsewhere" } }],
])("%s: refused, as the right password of the station is", async (_, answer) => {
  await open({ streamAuth: streamAuth() });
  server.answer = () => answer;
  expect(await running.exchange(head("source", sourcePassword))).toContain("401 Authentication Required\r\n");
  expect(server.requests).toHaveLength(1);
});

test("the header alone counts, whatever the status", async () => {
  await open({ streamAuth: streamAuth() });
  server.answer = () => ({ status: 403, headers: { "ICECAST-AUTH-USER": "1" } });
  const source = running.connect();
  source.send(head("dj", "pw"));
  await source.until(/^HTTP\/1\.0 200 OK/);
});

test("a server that hangs keeps its own source waiting and nobody else, and its questions are bounded", async () => {
  await open({ streamAuth: streamAuth() });
  server.answer = () => "hang";
  const waiting = running.connect();
  waiting.send(head("dj", "pw"));
  await eventually(() => server.requests.length === 1);
  const other = running.connect();
  other.send(sourceHead("/other.mp3"));
  await other.until(/^HTTP\/1\.0 200 OK/);
  expect(waiting.received).toBe("");
  waiting.socket.destroy();
});

test("no answer in time is a no; more questions than may wait are told at once to come again", async () => {
  const lines: string[] = [];
  server.answer = () => "hang";
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const identity = () => ({ hostname: "h", port: 1, serverId: "s" });
  const auth = new UrlAuth({ identity, log, timeoutMs: 50 });
  const question = { mount: mountPath("/m"), ip: "::1", user: "u", password: "secret-pw", admin: false };
  const ask = (ip: string) => auth.admits(streamAuth(), { ...question, ip });
  const asked = Array.from({ length: authWaiting }, (_, index) => ask(`192.0.2.${index >> 3}`));
  expect(await ask("::1")).toBe("busy");
  expect(lines.join("")).toContain("too many questions");
  expect(await Promise.all(asked)).toEqual(asked.map(() => false));
  expect(lines.join("")).toContain("no answer in time");
  expect(lines.join("")).not.toContain("secret-pw");
  await server.close();
  expect(await auth.admits(streamAuth(), question)).toBe(false);
  await server.open();
});

test("an address that asks and asks leaves room for the others, and is told to come again", async () => {
  await open({ streamAuth: streamAuth() });
  server.answer = () => "hang";
  const guesses = Array.from({ length: authOfAddress + 1 }, (_, index) => {
    const client = running.connect(running.ports.port, "127.0.0.2");
    client.send(head("dj", `guess ${index}`));
    return client;
  });
  await eventually(() => guesses.some(({ received }) => received.startsWith("HTTP/1.0 503 ")));
  expect(server.requests).toHaveLength(authOfAddress);
  server.answer = () => ({ headers: { "Icecast-Auth-User": "1" } });
  const source = running.connect();
  source.send(head("dj", "pw"));
  await source.until(/^HTTP\/1\.0 200 OK/);
  for (const { socket } of guesses) socket.destroy();
});

test("SHOUTcast without a mount: a server that hangs keeps no account of another mount waiting", async () => {
  const hash = await hashPassword("dj-pw");
  server.answer = () => "hang";
  await running.open({
    shoutcastMount: "/url.mp3",
    mounts: new Map<string, IngestMount>([
      ["/url.mp3", { streamAuth: streamAuth() }],
      ["/url2.mp3", { streamAuth: streamAuth(), password: "two" }],
      ["/dj.mp3", { djs: [{ name: "dj", hash, slots: [] }] }],
    ]),
  });
  const source = running.connect(running.ports.shoutcastPort);
  source.send("dj:dj-pw\r\n");
  await source.until(/^OK2/);
  source.socket.destroy();
  const guess = running.connect(running.ports.shoutcastPort);
  guess.send("dj:wrong\r\n");
  await eventually(() => server.requests.length === 1);
  expect(server.requests[0]?.body).toContain("mount=%2furl%2emp3&");
  guess.socket.destroy();
});

test("its own credentials are sent where it has some, those in its URL before others", async () => {
  const { host } = new URL(server.url);
  await open({ streamAuth: { url: `http://us%40r:pw@${host}/`, username: "no", password: "no" } });
  const source = running.connect();
  source.send(head("dj", "pw"));
  await source.until(/200 OK/);
  expect(server.requests[0]?.headers["authorization"]).toBe(
    `Basic ${Buffer.from("us@r:pw").toString("base64")}`,
  );
});

test("SHOUTcast: an account is asked for, a password alone is the mount's", async () => {
  await open({ streamAuth: streamAuth() });
  const account = running.connect(running.ports.shoutcastPort);
  account.send("/url.mp3:dj:pw\r\n");
  await account.until(/^OK2/);
  expect(server.requests[0]?.body).toMatch(/&user=dj&pass=pw$/);
  account.socket.destroy();
  const plain = running.connect(running.ports.shoutcastPort);
  plain.send(`/url2.mp3:${sourcePassword}\r\n`);
  await plain.until(/^OK2/);
  expect(server.requests).toHaveLength(1);
});

test("the coming and going of a source are told in order, again when they were not heard", async () => {
  await open({ mountAdd: { url: `${server.url}/madd` }, mountRemove: { url: `${server.url}/mrem` } });
  server.answer = () => (server.requests.length === 1 ? { status: 500 } : {});
  const source = running.connect();
  source.send(sourceHead("/url.mp3"));
  await source.until(/200 OK/);
  source.socket.end();
  await eventually(() => server.requests.length === 3);
  expect(server.requests.map(({ url }) => url)).toEqual(["/madd", "/madd", "/mrem"]);
  expect(server.requests[2]?.body).toBe(
    `action=mount_remove&mount=%2furl%2emp3&server=radio%2eexample&port=${running.ports.port}`,
  );
});
