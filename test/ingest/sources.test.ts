import { afterEach, beforeEach, expect, test } from "vitest";
import {
  basic,
  eventually,
  frames,
  RunningIngest,
  sourceHead,
  sourcePassword,
  usualLimits,
} from "./running-ingest.ts";

let running: RunningIngest;
beforeEach(async () => {
  running = new RunningIngest();
  await running.open();
});
afterEach(() => running.close());

const ok = "HTTP/1.0 200 OK\r\n\r\n";
const login = basic("source", sourcePassword);
const stored = (): Buffer => {
  const keys = [...running.edge.objects.keys()].toSorted();
  return Buffer.concat(keys.map((key) => running.edge.objects.get(key)?.body ?? Buffer.alloc(0)));
};
const released = (mount: string) => eventually(() => running.edge.calls.includes(`release ${mount}`));
const status = (reply: string) => /^HTTP\/1\.0 (\d+)/.exec(reply)?.[1];
const bodyOf = (reply: string) => reply.slice(reply.indexOf("\r\n\r\n") + 4);

test("SOURCE gets 19 bytes after the claim; every whole frame is stored once and in order, then the mount is released", async () => {
  const client = running.connect();
  client.send(sourceHead("/live.mp3", "ice-name: Radio\r\n"));
  await client.until(/\r\n\r\n/);
  expect(client.received).toBe(ok);
  expect(running.edge.claims).toEqual([
    {
      mount: "/live.mp3",
      ingest: "ingest-test",
      process: expect.any(String),
      source: { name: "Radio", contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "SOURCE" },
      credential: expect.stringMatching(/^[\w-]{32}$/),
      takeover: "same-credentials",
      policy: { segmentMs: 500, graceMs: 15_000 },
    },
  ]);
  client.send(frames(100));
  client.socket.end();
  await released("/live.mp3");
  expect(stored().equals(frames(100))).toBe(true);
  expect(running.edge.calls.at(-1)).toBe("release /live.mp3");
  expect(running.edge.announcements.map(({ segment }) => segment.sequence)).toEqual([0, 1, 2, 3, 4]);
});

test.each([
  ["SOURCE over HTTP/1.1", `SOURCE /m HTTP/1.1\r\n${login}\r\n`],
  ["SOURCE over ICE/1.0 with bare line feeds", `SOURCE /m ICE/1.0\n${login.replace("\r", "")}\n`],
  ["PUT with an empty Host", `PUT /m HTTP/1.1\r\nHost: \r\n${login}Content-Type: audio/mpeg\r\n\r\n`],
])("%s is accepted, and audio in the same segment as the head is kept", async (_, head) => {
  const client = running.connect();
  client.send(Buffer.concat([Buffer.from(head), frames(30)]));
  client.socket.end();
  expect(await client.text()).toBe(ok);
  await released("/m");
  expect(stored().equals(frames(30))).toBe(true);
});

test("a head may come byte by byte", async () => {
  const client = running.connect();
  client.socket.setNoDelay(true);
  for (const byte of Buffer.from(sourceHead("/slow"))) {
    client.send(Uint8Array.of(byte));
    await new Promise(setImmediate);
  }
  await client.until(/\r\n\r\n/);
  expect(client.received).toBe(ok);
  client.socket.destroy();
});

test("PUT with Expect gets 100 and then 200, 63 bytes, and chunked framing never reaches storage", async () => {
  const client = running.connect();
  client.send(
    `PUT /c HTTP/1.1\r\n${login}Content-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`,
  );
  await client.until(/200 OK\r\n\r\n/);
  expect(client.received).toBe(`HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n${ok}`);
  const audio = frames(40);
  for (let at = 0; at < audio.length; at += 1_000) {
    const part = audio.subarray(at, at + 1_000);
    client.send(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]));
  }
  client.send("0\r\n\r\n");
  await client.text();
  await released("/c");
  expect(stored().equals(audio)).toBe(true);
});

test("an upload with a length ends after that many bytes, and nothing more is said", async () => {
  const audio = frames(20);
  const head = `PUT /l HTTP/1.1\r\n${login}Content-Type: audio/mpeg\r\nContent-Length: ${audio.length}\r\n\r\n`;
  expect(await running.exchange(Buffer.concat([Buffer.from(head), audio]))).toBe(ok);
  await released("/l");
  expect(stored().equals(audio)).toBe(true);
});

test("libshout's challenge without a password gets 401 at once, to be closed", async () => {
  const reply = await running.exchange(
    "SOURCE /m HTTP/1.0\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n",
  );
  expect(status(reply)).toBe("401");
  expect(reply).toContain('WWW-Authenticate: Basic realm="Icecast2 Server"\r\n');
  expect(reply).toContain("Connection: Close\r\n");
});

test.each([
  ["a wrong password", basic("source", "nope"), "/m", "401", "You need to authenticate\r\n"],
  ["the admin's login", basic("admin", "admin-pw"), "/m", "401", "You need to authenticate\r\n"],
  [
    "the station's password on a mount with its own",
    login,
    "/own.mp3",
    "401",
    "You need to authenticate\r\n",
  ],
  ["a mount without a slash", login, "m", "400", "mount name must begin with &quot;/&quot;"],
  ["a mount with ..", login, "/a/../b", "400", "mount name has &quot;..&quot; as a folder"],
  ["a mount with an encoded slash", login, "/a%2Fb", "400", "mount name has an encoded slash"],
  ["a mount of 300 characters", login, `/${"a".repeat(300)}`, "400", "mount name has 301 bytes"],
  ["a mount of the server's own", login, "/admin/x", "400", "is a name the server itself answers"],
])("%s is refused with a clear reply and never gets 100 Continue", async (_, auth, mount, code, text) => {
  const reply = await running.exchange(
    `PUT ${mount} HTTP/1.1\r\n${auth}Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n\r\n`,
  );
  expect(status(reply)).toBe(code);
  expect(bodyOf(reply)).toContain(text);
  expect(running.edge.claims).toEqual([]);
});

test("a mount's own user and password open it", async () => {
  const client = running.connect();
  client.send(`SOURCE /own.mp3 HTTP/1.0\r\n${basic("dj", "dj-pw")}\r\n`);
  expect(await client.until(/\r\n\r\n/)).toBe(ok);
});

test("content types: PUT must name one, and what cannot be framed is refused by name", async () => {
  const missing = await running.exchange(`PUT /m HTTP/1.1\r\n${login}\r\n`);
  expect(bodyOf(missing)).toBe("No Content-type given");
  const video = await running.exchange(`SOURCE /m HTTP/1.0\r\n${login}Content-Type: video/mp4\r\n\r\n`);
  expect(status(video)).toBe("403");
  expect(bodyOf(video)).toMatch(/^Content-type not supported .*audio\/mpeg/);
});

test("a refused source reads its reply though its audio is in flight", async () => {
  const client = running.connect();
  client.send(`SOURCE /m HTTP/1.0\r\n${basic("source", "wrong")}\r\n`);
  client.send(frames(1_000));
  expect(status(await client.text())).toBe("401");
  expect(client.reset).toBe(false);
});

test("what came before broken chunk framing is published, then the source ends", async () => {
  const client = running.connect();
  client.send(`PUT /c HTTP/1.1\r\n${login}Content-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n`);
  await client.until(/200 OK/);
  const audio = frames(4);
  const chunk = Buffer.concat([
    Buffer.from(`${audio.length.toString(16)}\r\n`),
    audio,
    Buffer.from("\r\nzz\r\n"),
  ]);
  client.send(chunk);
  await released("/c");
  expect(stored().equals(audio)).toBe(true);
});

test("a second source on a mount gets 403 Mountpoint in use, and the mount is free as soon as the first has gone", async () => {
  const first = running.connect();
  first.send(sourceHead("/m"));
  await first.until(/200 OK/);
  expect(bodyOf(await running.exchange(sourceHead("/m")))).toBe("Mountpoint in use");
  first.socket.resetAndDestroy();
  await released("/m");
  const again = running.connect();
  again.send(sourceHead("/m"));
  await again.until(/200 OK/);
});

test("a source that comes back at once: the last segments of the one before are heard before the new epoch", async () => {
  const first = running.connect();
  first.send(sourceHead("/m"));
  await first.until(/200 OK/);
  first.send(frames(50));
  await eventually(() => running.edge.announcements.length === 2);
  running.edge.putDelayMs = 100;
  first.socket.end();
  await eventually(() => running.logLines.some((line) => line.includes("source ended")));
  const second = running.connect();
  second.send(sourceHead("/m"));
  await second.until(/200 OK/);
  const { calls } = running.edge;
  expect(calls.indexOf("announce 1/2")).toBeGreaterThan(0);
  expect(calls.indexOf("announce 1/2")).toBeLessThan(calls.lastIndexOf("claim /m"));
});

test("a source elsewhere: the edge's 409 is 403 here; an edge that fails is 503, which is not final", async () => {
  running.edge.apiAnswer = { claim: 409 };
  expect(bodyOf(await running.exchange(sourceHead("/m")))).toBe("Mountpoint in use");
  running.edge.apiAnswer = { claim: 500 };
  expect(status(await running.exchange(sourceHead("/m")))).toBe("503");
  running.edge.apiAnswer = {};
  const client = running.connect();
  client.send(sourceHead("/m"));
  await client.until(/200 OK/);
});

test("no more sources than the limit", async () => {
  for (const mount of ["/1", "/2", "/3"]) {
    const client = running.connect();
    client.send(sourceHead(mount));
    await client.until(/200 OK/);
  }
  expect(bodyOf(await running.exchange(sourceHead("/4")))).toBe("too many sources connected");
});

test.each([
  ["text", Buffer.from("Lorem ipsum dolor sit amet. ".repeat(4_000))],
  ["a picture", Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(100_000, 0x5a)])],
])("%s declared as audio/mpeg is closed after 64 KiB and nothing is stored", async (_, bytes) => {
  const client = running.connect();
  client.send(sourceHead("/m"));
  await client.until(/200 OK/);
  client.send(bytes);
  expect(await client.text()).toBe(ok);
  await released("/m");
  expect(running.edge.objects.size).toBe(0);
  expect(running.logLines.join("")).toContain("without an audio frame");
});

test("a large tag before the audio is no garbage", async () => {
  const client = running.connect();
  client.send(sourceHead("/m"));
  // ID3v2.3, 200,000 bytes: the size is four times seven bits.
  const tag = Buffer.concat([Buffer.from("494433030000000c1a40", "hex"), Buffer.alloc(200_000)]);
  client.send(Buffer.concat([tag, frames(30)]));
  client.socket.end();
  await released("/m");
  expect(stored().equals(frames(30))).toBe(true);
});

test("a source that says nothing is closed after the timeout and its mount released", async () => {
  await running.close();
  running = new RunningIngest();
  await running.open({
    limits: { ...usualLimits, sourceTimeoutMs: 60 },
  });
  const client = running.connect();
  client.send(sourceHead("/m"));
  expect(await client.text()).toBe(ok);
  await released("/m");
});

test("a source that is there without sending is renewed, and one that is fenced is closed", async () => {
  await running.close();
  running = new RunningIngest();
  await running.open({
    limits: { ...usualLimits, sourceTimeoutMs: 60_000 },
  });
  const client = running.connect();
  client.send(sourceHead("/m"));
  await eventually(() => running.edge.calls.includes("renew /m"));
  running.edge.apiAnswer = { renew: 410 };
  await client.text();
  expect(running.edge.calls).not.toContain("release /m");
});

test("a source faster than real time is left unread once it is ten seconds ahead", async () => {
  const client = running.connect();
  client.send(sourceHead("/fast"));
  client.send(frames(2_300));
  const startedMs = performance.now();
  const announced = () => running.edge.announcements.reduce((sum, { segment }) => sum + segment.samples, 0);
  await eventually(() => announced() >= 11 * 44_100);
  // Ten seconds, the time since, and the last piece looked at.
  const allowedMs = 10_000 + 150 + performance.now() - startedMs;
  expect((announced() * 1000) / 44_100).toBeLessThanOrEqual(allowedMs);
  client.socket.destroy();
});

test("a source that asks for the mount of one held back is told to come again, in the log how far ahead that one is", async () => {
  const client = running.connect();
  client.send(sourceHead("/fast"));
  client.send(frames(2_300));
  await eventually(() => running.edge.announcements.length >= 18);
  client.socket.destroy();
  expect(status(await running.exchange(sourceHead("/fast")))).toBe("503");
  expect(running.logLines.join("")).toMatch(
    /"aheadMs":\d+,"msg":"the source on air has run ahead and is held back"/,
  );
});

test("a source that has sent everything and gone while it is ahead loses nothing", async () => {
  const client = running.connect();
  client.send(sourceHead("/fast"));
  client.send(frames(420));
  client.socket.end();
  await released("/fast");
  expect(stored().equals(frames(420))).toBe(true);
});

test("stopping publishes the open segment, releases the mount and closes the source", async () => {
  const client = running.connect();
  client.send(sourceHead("/m"));
  client.send(frames(10));
  await eventually(() => running.logLines.some((line) => line.includes("first frame")));
  expect(await running.stop()).toBe(0);
  await client.text();
  expect(stored().equals(frames(10))).toBe(true);
  expect(running.edge.calls.at(-1)).toBe("release /m");
});

test("a reset in any phase harms nobody else", async () => {
  const phases: ((client: ReturnType<typeof running.connect>) => Promise<unknown> | void)[] = [
    () => undefined,
    (client) => client.send("SOURCE /m HT"),
    (client) => client.send(sourceHead("/m")),
    async (client) => {
      client.send(sourceHead("/m"));
      await client.until(/200 OK/);
      client.send(frames(5).subarray(0, 1_000));
    },
    (client) => client.send("GET /health HTTP/1.0\r\n\r\n"),
    (client) => client.send("POST /admin/metadata HTTP/1.0\r\nContent-Length: 10\r\n\r\nab"),
  ];
  for (const port of [running.ports.port, running.ports.shoutcastPort]) {
    for (const phase of phases) {
      const client = running.connect(port);
      await new Promise((resolve) => client.socket.once("connect", resolve));
      await phase(client);
      await new Promise((resolve) => setTimeout(resolve, 10));
      client.socket.resetAndDestroy();
    }
  }
  const survivor = running.connect();
  survivor.send(sourceHead("/m"));
  await survivor.until(/^HTTP\/1\.0 200 OK/);
  expect(running.logLines.join("")).not.toContain("request failed");
});

test("passwords stand in no log line", async () => {
  await running.exchange(`SOURCE /m HTTP/1.0\r\n${basic("source", "wrong-secret")}\r\n`);
  await running.exchange("SOURCE wrong-secret /m HTTP/1.0\r\n\r\n");
  await running.exchange("SOURCE wrong-secret /m\r\n\r\n");
  await running.exchange("GET /admin.cgi?mode=updinfo&pass=wrong-secret&song=x HTTP/1.0\r\n\r\n");
  await running.exchange("GET /x?pass=wrong-secret HTTP/1.0\r\n\r\n");
  await running.exchange("wrong-secret\r\nicy-name:x\r\n\r\n", running.ports.shoutcastPort);
  const client = running.connect();
  client.send(sourceHead("/m"));
  await client.until(/200 OK/);
  const log = running.logLines.join("");
  expect(log).toContain("source on air");
  for (const secret of ["wrong-secret", sourcePassword, "Basic "]) expect(log).not.toContain(secret);
  expect(log).not.toContain(Buffer.from(`source:${sourcePassword}`).toString("base64"));
});

test("a source that ends its head only when the ingest is stopping is told to come again", async () => {
  const onAir = running.connect();
  onAir.send(sourceHead("/a"));
  await onAir.until(/200 OK/);
  onAir.send(frames(10));
  running.edge.putDelayMs = 300;
  const late = running.connect();
  late.send(sourceHead("/b").slice(0, -2));
  await eventually(() => running.connections === 2);
  const stopped = running.stop();
  late.send("\r\n");
  expect(await late.text()).toMatch(/^HTTP\/1\.0 503 /);
  expect(await stopped).toBe(0);
  expect(running.edge.claims.map(({ mount }) => mount)).toEqual(["/a"]);
});
