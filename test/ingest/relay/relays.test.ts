import * as net from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RelaySettings } from "../../../config/ingest-settings.ts";
import { isPrivateAddress } from "../../../ingest/relay/relay-dial.ts";
import { encodeMetadataBlock, IcyInterleaver } from "../../../shared/icy.ts";
import { eventually, frames, RunningIngest, sourceHead } from "../running-ingest.ts";

/** A server whose streams are relayed: answers each request as the test says, and remembers the heads. */
class Upstream {
  readonly requests: string[] = [];
  readonly sockets = new Set<net.Socket>();
  answer: (socket: net.Socket, path: string) => void = (socket) => socket.destroy();
  readonly #server = net.createServer((socket) => {
    this.sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.sockets.delete(socket));
    socket.once("data", (head: Buffer) => {
      this.requests.push(head.toString("latin1"));
      this.answer(socket, head.toString().split(" ")[1] ?? "");
    });
  });
  port = 0;

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.port = typeof address === "object" && address ? address.port : 0;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const icyHead =
  "ICY 200 OK\r\nicy-name:Far Radio\r\nicy-br:128\r\nicy-pub:1\r\ncontent-type:audio/mpeg\r\nicy-metaint:1000\r\n\r\n";
/** Two seconds of audio with a title from its beginning. */
const interleaved = () =>
  new IcyInterleaver(1_000).push(frames(80), [
    { offset: 0, block: encodeMetadataBlock({ text: "Far - Song" }) },
  ]);

let upstream: Upstream;
let running: RunningIngest;
let dataDir: string;
/** Listeners of each mount, as the edge counts them. */
let listeners: Record<string, string>;
beforeEach(async () => {
  upstream = new Upstream();
  await upstream.open();
  running = new RunningIngest();
  dataDir = mkdtempSync(join(tmpdir(), "skywave-relay-"));
  listeners = {};
  running.edge.onRequest = (request, response) => {
    if (!request.url?.endsWith("/statistics")) return void response.writeHead(404).end();
    const sources = Object.entries(listeners).map(([mount, count]) => [mount, { listeners: count }]);
    response.end(JSON.stringify({ global: {}, sources: Object.fromEntries(sources) }));
  };
});
afterEach(async () => {
  await running.close();
  await upstream.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const open = (relays: readonly Partial<RelaySettings>[]) =>
  running.open({
    dataDir,
    relays: relays.map((relay) => ({
      url: upstream.url("/far.mp3"),
      mount: "/near.mp3",
      titles: true,
      onDemand: false,
      ...relay,
    })),
  });
/** The server streams for ever. */
const streams = (head = icyHead, body: Uint8Array = interleaved()) => {
  upstream.answer = (socket) => {
    socket.write(head, "latin1");
    socket.write(body);
  };
};
const onAir = () => eventually(() => running.edge.announcements.length > 0);

describe("a relay", () => {
  it("asks as Icecast's do and is on air as any source, with the titles of the stream", async () => {
    streams();
    await open([{ username: "me", password: "pw" }]);
    await onAir();
    expect(upstream.requests[0]).toBe(
      `GET /far.mp3 HTTP/1.0\r\nUser-Agent: Skywave/0.0.0\r\nHost: 127.0.0.1:${upstream.port}\r\nIcy-MetaData: 1\r\n` +
        `Authorization: Basic ${Buffer.from("me:pw").toString("base64")}\r\n\r\n`,
    );
    expect(running.edge.claims[0]).toMatchObject({
      mount: "/near.mp3",
      source: { name: "Far Radio", bitrate: "128", public: true, protocol: "relay", ip: "127.0.0.1" },
    });
    expect(running.events).toContain("title /near.mp3 Far - Song");
    const audio = Buffer.concat([...running.edge.objects.values()].map(({ body }) => body));
    expect(frames(80).subarray(0, audio.length).equals(audio)).toBe(true);
  });

  it("reads chunks, and streams without blocks", async () => {
    const body = frames(80);
    const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
    streams("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n", chunk);
    await open([{}]);
    await onAir();
    const audio = Buffer.concat([...running.edge.objects.values()].map(({ body: part }) => part));
    expect(frames(80).subarray(0, audio.length).equals(audio)).toBe(true);
  });

  it("leaves a URL out that is too long for the edge, which would refuse its segments", async () => {
    const title = { text: "Far - Song", url: `http://far.example/${"x".repeat(2_000)}` };
    const body = new IcyInterleaver(1_000).push(frames(80), [
      { offset: 0, block: encodeMetadataBlock(title) },
    ]);
    streams(icyHead, body);
    await open([{}]);
    await onAir();
    const titles = running.edge.announcements.flatMap(({ segment }) => segment.titles);
    expect(titles.map(({ text, url }) => ({ text, url }))).toEqual([{ text: "Far - Song", url: undefined }]);
  });

  it("leaves titles out that are not wanted", async () => {
    streams();
    await open([{ titles: false }]);
    await onAir();
    expect(running.events.filter((event) => event.startsWith("title"))).toEqual([]);
  });

  it("follows redirects, and keeps its password from other servers", async () => {
    const other = new Upstream();
    await other.open();
    other.answer = (socket) => {
      socket.write(icyHead);
      socket.write(interleaved());
    };
    upstream.answer = (socket, path) => {
      const to = path === "/far.mp3" ? "/second" : other.url("/third");
      socket.end(`HTTP/1.0 302 Found\r\nLocation: ${to}\r\n\r\n`);
    };
    await open([{ password: "pw" }]);
    await onAir();
    await other.close();
    expect(upstream.requests.map((request) => request.includes("Authorization"))).toEqual([true, true]);
    expect(other.requests.length).toBeGreaterThan(0);
    expect(other.requests.join("")).not.toContain("Authorization");
  });

  it("gives up on a ring of redirects, and tries again later", async () => {
    upstream.answer = (socket) => socket.end("HTTP/1.0 301 Moved\r\nLocation: /far.mp3\r\n\r\n");
    await open([{}]);
    await eventually(() => running.logLines.some((line) => line.includes("more than 10 redirects")));
    expect(upstream.requests.length).toBe(11);
    streams();
    await onAir();
  });

  it.each([
    ["a text", "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "text/html is not supported"],
    ["a refusal", "HTTP/1.0 401 Authentication Required\r\n\r\n", "answered 401"],
    [
      "a compressed stream",
      "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Encoding: gzip\r\n\r\n",
      "content encoding gzip is not supported",
    ],
    ["no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", "expected an HTTP or ICY reply"],
    [
      "a redirect to a file",
      "HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
      "a redirect to file:",
    ],
  ])("claims no mount for %s", async (_, reply, reason) => {
    upstream.answer = (socket) => socket.end(reply);
    await open([{ password: "a-secret" }]);
    await eventually(() => running.logLines.some((line) => line.includes(reason)));
    expect(running.edge.claims).toEqual([]);
    expect(running.logLines.join("")).not.toContain("a-secret");
  });

  it("comes back when its stream has ended, and when it has fallen silent", async () => {
    streams();
    await open([{}]);
    await onAir();
    // The source timeout of a running ingest in tests is a second: it falls silent by itself.
    await eventually(() => running.events.some((event) => event.includes("silent for")));
    await eventually(() => running.edge.claims.length === 2);
    for (const socket of upstream.sockets) socket.destroy();
    await eventually(() => running.edge.claims.length === 3);
  });

  it("does not relay its own station", async () => {
    await open([]);
    const own = `http://127.0.0.1:${running.ports.port}/near.mp3`;
    running.change({ relays: [{ url: own, mount: "/near.mp3", titles: true, onDemand: false }] });
    await eventually(() => running.logLines.some((line) => line.includes("one of this station")));
    expect(running.edge.claims).toEqual([]);
  });

  it("does not relay its own edge", async () => {
    await open([]);
    running.change({
      relays: [{ url: `${running.edge.url}/near.mp3`, mount: "/near.mp3", titles: true, onDemand: false }],
    });
    await eventually(() => running.logLines.some((line) => line.includes("one of this station")));
  });
});

describe("a source of the station's own", () => {
  it("takes a relay's mount at once, and gives it back when it goes", async () => {
    streams();
    await open([{}]);
    await onAir();
    const source = running.connect();
    source.send(sourceHead("/near.mp3"));
    await source.until(/200 OK/);
    await eventually(() =>
      running.events.includes("disconnected /near.mp3: taken over by another connection"),
    );
    source.send(frames(10));
    source.socket.end();
    await eventually(
      () => running.events.filter((event) => event === "connected /near.mp3 null").length === 2,
    );
  });

  it("keeps its mount from a relay", async () => {
    await open([]);
    const source = running.connect();
    source.send(sourceHead("/near.mp3"));
    await source.until(/200 OK/);
    streams();
    const relay = { url: upstream.url("/far.mp3"), titles: true, onDemand: false };
    running.change({
      relays: [
        { ...relay, mount: "/near.mp3" },
        { ...relay, mount: "/other.mp3" },
      ],
    });
    await eventually(() => running.edge.claims.length === 2);
    expect(running.edge.claims.map(({ mount }) => mount)).toEqual(["/near.mp3", "/other.mp3"]);
    source.socket.destroy();
  });
});

describe("a relay on demand", () => {
  it("is fetched for who asks this port for it, who then gets what the edge says", async () => {
    streams();
    await open([{ onDemand: true }]);
    expect(upstream.requests).toEqual([]);
    await running.exchange("GET /near.mp3 HTTP/1.0\r\n\r\n");
    expect(running.edge.claims.map(({ mount }) => mount)).toEqual(["/near.mp3"]);
  });

  it("is fetched when the edge has listeners for it", async () => {
    streams();
    await open([{ onDemand: true }]);
    listeners = { "/near.mp3": "1" };
    await onAir();
  });
});

it("relays that a reload takes away end, those that stay go on", async () => {
  streams();
  await open([{}, { mount: "/second.mp3" }]);
  await eventually(() => running.edge.claims.length === 2);
  running.change({
    relays: [{ url: upstream.url("/far.mp3"), mount: "/second.mp3", titles: true, onDemand: false }],
  });
  await eventually(() => running.events.some((event) => event.startsWith("disconnected")));
  expect(running.events.filter((event) => event.startsWith("disconnected"))).toEqual([
    "disconnected /near.mp3: the relay was taken away",
  ]);
});

it("a master's streams are relayed as its list has them", async () => {
  let list = "/one.mp3\r\n/two.mp3\r\n";
  upstream.answer = (socket, path) => {
    if (path === "/admin/streamlist.txt")
      return void socket.end(`HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n${list}`);
    socket.write(icyHead);
    socket.write(interleaved());
  };
  const master = { url: upstream.url(""), username: "relay", password: "pw", updateMs: 100, onDemand: false };
  await running.open({ dataDir, master });
  await eventually(() => running.edge.claims.length >= 2);
  expect(
    running.edge.claims
      .slice(0, 2)
      .map(({ mount }) => mount as string)
      .toSorted(),
  ).toEqual(["/one.mp3", "/two.mp3"]);
  list = "/two.mp3\r\n";
  await eventually(() => running.events.includes("disconnected /one.mp3: the relay was taken away"));
  expect(upstream.requests.every((request) => request.includes("Authorization: Basic "))).toBe(true);
});

it("private networks are known", () => {
  for (const address of [
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "192.168.0.1",
    "172.31.0.1",
    "169.254.169.254",
    "fd00::1",
    "::ffff:10.0.0.1",
  ]) {
    expect(isPrivateAddress(address), address).toBe(true);
  }
  for (const address of ["8.8.8.8", "172.32.0.1", "2001:db8::1", "", "name"])
    expect(isPrivateAddress(address), address).toBe(false);
});
