import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, frames, RunningIngest, sourceHead, sourcePassword } from "./running-ingest.ts";

let running: RunningIngest;
beforeEach(async () => {
  running = new RunningIngest();
  await running.open();
});
afterEach(() => running.close());

const ok2 = "OK2\r\nicy-caps:11\r\n\r\n";
const connect = () => running.connect(running.ports.shoutcastPort);
const claimedMounts = () => running.edge.claims.map(({ mount }) => mount);

test("OK2 comes straight after the password, before any header", async () => {
  const client = connect();
  client.send(`${sourcePassword}\r\n`);
  await client.until(/\r\n\r\n/);
  expect(client.received).toBe(ok2);
  expect(running.edge.claims).toEqual([]);
  client.send("icy-name:SC\r\nicy-br:128\r\nicy-pub:0\r\n\r\n");
  client.send(frames(30));
  client.socket.end();
  await eventually(() => running.edge.calls.includes("release /stream"));
  expect(running.edge.claims[0]?.source).toEqual({
    name: "SC",
    bitrate: "128",
    public: false,
    contentType: "audio/mpeg",
    ip: "127.0.0.1",
    protocol: "SHOUTcast",
  });
  const bodies = [...running.edge.objects.values()].map(({ body }) => body);
  expect(Buffer.concat(bodies).equals(frames(30))).toBe(true);
});

test.each([
  [
    "login, headers and audio in one segment with bare line feeds",
    `${sourcePassword}\nicy-pub:no\n\n`,
    "/stream",
  ],
  ["/mount:password", `/dj.mp3:${sourcePassword}\r\nicy-pub:0\r\n\r\n`, "/dj.mp3"],
  ["user:password of a mount's own account", "/own.mp3:dj:dj-pw\r\nicy-pub:0\r\n\r\n", "/own.mp3"],
  ["the password of a mount of its own", "dj-pw\r\nicy-pub:0\r\n\r\n", "/own.mp3"],
  ["source:password", `source:${sourcePassword}\r\nicy-pub:0\r\n\r\n`, "/stream"],
])("%s", async (_, login, mount) => {
  const client = connect();
  client.send(Buffer.concat([Buffer.from(login), frames(30)]));
  await eventually(() => claimedMounts().length > 0);
  expect(claimedMounts()).toEqual([mount]);
  await client.until(/OK2/);
  await eventually(() => running.edge.announcements.length > 0);
});

test.each([
  ["a wrong password", "wrong\r\nicy-name:x\r\n\r\n"],
  ["a mount that cannot be", `/../x:${sourcePassword}\r\n`],
  ["libshout's probe", "!POKE\nicy-name:libshout server poke request\n\n"],
  ["MP3 without a login", frames(100)],
])("%s is closed without a word", async (_, bytes) => {
  expect(await running.exchange(bytes, running.ports.shoutcastPort)).toBe("");
});

test("a mount that has a source is refused before OK2", async () => {
  const first = running.connect();
  first.send(sourceHead("/stream"));
  await first.until(/200 OK/);
  expect(await running.exchange(`${sourcePassword}\r\n`, running.ports.shoutcastPort)).toBe("");
});

test("a title that comes while its source is being let in is that source's", async () => {
  // The segments of the source before keep the next one waiting.
  running.edge.putDelayMs = 300;
  const login = Buffer.from(`${sourcePassword}\r\nicy-pub:0\r\n\r\n`);
  const first = connect();
  first.send(Buffer.concat([login, frames(30)]));
  first.socket.end();
  await first.text();
  const second = connect();
  second.send(login);
  await second.until(/OK2/);
  const update = `GET /admin.cgi?mode=updinfo&pass=${sourcePassword}&song=early HTTP/1.0\r\n\r\n`;
  expect(claimedMounts()).toHaveLength(1);
  expect(await running.exchange(update)).toContain("Metadata update successful");
  second.send(frames(30));
  await eventually(() =>
    running.edge.announcements.some(({ segment }) => segment.titles[0]?.text === "early"),
  );
});

test("HTTP is understood on this port too", async () => {
  const client = connect();
  client.send(sourceHead("/m"));
  await client.until(/^HTTP\/1\.0 200 OK\r\n\r\n$/);
  const reply = await running.exchange(
    `GET /admin.cgi?mode=updinfo&pass=${sourcePassword}&song=x HTTP/1.0\r\n\r\n`,
    running.ports.shoutcastPort,
  );
  expect(reply).toContain("400 - Source does not exist");
});
