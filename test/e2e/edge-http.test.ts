import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ingestApiPrefix } from "../../shared/edge-api.ts";
import { FrameCheck, FrameList } from "../support/frame-check.ts";
import { listen, type Listening } from "../support/listen.ts";
import { openSocket, rawRequest, readHead } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { statusOf, waitForStatus } from "../support/status.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixtures = join(import.meta.dirname, "..", "fixtures");
const fixture = join(fixtures, "cbr128-joint44.mp3");
const list = new FrameList(framesOf(fixture));
const framesIn = (seconds: number) => Math.ceil((seconds * 44_100) / 1152);
/** A segment is 2 s: the first frame boundary at or after 88,200 samples. */
const framesPerSegment = framesIn(2);

const stationFile = `[mounts."/small.mp3"]\nmax_listeners = 2\n`;
const station = {
  name: "라디오 하늘 – Ünïcode 🎧",
  description: "All day; 'quoted' & <marked>",
  genre: "Jazz Ëlectro",
  url: "https://a.example/ü",
};

let stack: Stack;
let named: Streaming;
const sources: Streaming[] = [];
const folder = mkdtempSync(join(tmpdir(), "skywave-edge-"));
const ports = ["edge", "ingest"] as const;
const portOf = (port: (typeof ports)[number]) => (port === "edge" ? stack.edgePort : stack.ingestPort);
const url = (path: string) => `${stack.edgeUrl}${path}`;

async function goOnAir(mount: string, file = fixture): Promise<Streaming> {
  const authorization = Buffer.from(`source:${stack.password}`).toString("base64");
  const head = [
    `PUT ${mount} HTTP/1.1`,
    `Authorization: Basic ${authorization}`,
    "Content-Type: audio/mpeg",
    ...(mount === "/named.mp3"
      ? [
          `Ice-Name: ${station.name}`,
          `Ice-Description: ${station.description}`,
          `Ice-Genre: ${station.genre}`,
          `Ice-URL: ${station.url}`,
          "Ice-Public: 1",
          "Ice-Audio-Info: ice-bitrate=128;ice-channels=2;ice-samplerate=44100",
        ]
      : []),
  ];
  const { password } = stack;
  const request = { password, loop: true, head: `${head.join("\r\n")}\r\n\r\n` };
  const source = await streamMp3(stack.ingestPort, mount, file, request);
  sources.push(source);
  return source;
}

beforeAll(async () => {
  const file = join(folder, "station.toml");
  writeFileSync(file, stationFile);
  stack = await startStack({ stationFile: file });
});

afterAll(async () => {
  for (const source of sources) source.destroy();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const icestats = async (query = "") => {
  const reply = await fetch(url(`/status-json.xsl${query}`));
  expect(reply.headers.get("content-type")).toBe("application/json; charset=UTF-8");
  return ((await reply.json()) as { icestats: Record<string, unknown> }).icestats;
};

const health = async () => (await (await fetch(url("/health"))).json()) as { listeners: number };

/** Lower-case names and values of a reply's head; names repeated keep each value. */
function headersOf(head: string): [string, string][] {
  const lines = Buffer.from(head, "latin1").toString("utf8").split("\r\n").slice(1, -2);
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
}

async function ask(port: number, path: string, headers: readonly string[] = [], method = "GET") {
  const socket = await openSocket(port);
  socket.write([`${method} ${path} HTTP/1.1`, "Host: radio.example:9000", ...headers, "", ""].join("\r\n"));
  const head = await readHead(socket, 20_000);
  socket.destroy();
  return { status: Number(head.split(" ")[1]), headers: headersOf(head) };
}

describe("the statistics", () => {
  it("have no source, one as an object, two as an array, as Icecast's", async () => {
    const none = await icestats();
    expect(Object.keys(none)).toEqual([
      ...["admin", "host", "location", "server_id", "server_start", "server_start_iso8601", "dummy"],
    ]);
    named = await goOnAir("/named.mp3");
    await waitForStatus(stack, "/named.mp3");
    expect((await icestats())["source"]).toMatchObject({
      server_name: station.name,
      server_description: station.description,
      genre: station.genre,
      server_url: station.url,
      listenurl: url("/named.mp3"),
      "ice-bitrate": 128,
      dummy: null,
    });
    await goOnAir("/small.mp3");
    await waitForStatus(stack, "/small.mp3");
    const two = [{ listenurl: url("/named.mp3") }, { listenurl: url("/small.mp3") }];
    expect((await icestats())["source"]).toMatchObject(two);
    expect((await icestats("?mount=/small.mp3"))["source"]).toMatchObject({ listenurl: url("/small.mp3") });
    expect(await icestats("?mount=/nobody.mp3")).not.toHaveProperty("source");
  });

  it("count listeners as they come and go", async () => {
    const opened = await Promise.all([1, 2, 3].map(() => listen(url("/named.mp3"))));
    await waitForStatus(stack, "/named.mp3", { listeners: 3, listener_peak: 3 });
    for (const each of opened.slice(1)) each.close();
    await waitForStatus(stack, "/named.mp3", { listeners: 1, listener_peak: 3 });
    opened[0]?.close();
    await waitForStatus(stack, "/named.mp3", { listeners: 0, listener_peak: 3 });
    expect((await health()).listeners).toBe(0);
  });
});

describe("a mount", () => {
  it.each(ports)("tells on the %s port what the source said of itself, byte for byte", async (port) => {
    const { status, headers } = await ask(portOf(port), "/named.mp3", ["Icy-MetaData: 1"]);
    expect(status).toBe(200);
    expect(headers).toEqual(
      expect.arrayContaining([
        ["content-type", "audio/mpeg"],
        ["icy-br", "128"],
        ["ice-audio-info", "ice-bitrate=128;ice-channels=2;ice-samplerate=44100"],
        ["icy-name", station.name],
        ["icy-description", station.description],
        ["icy-genre", station.genre],
        ["icy-url", station.url],
        ["icy-pub", "1"],
        ["icy-metaint", "16000"],
        ["cache-control", "no-cache, no-store"],
      ]),
    );
    expect(headers.filter(([name]) => name === "icy-br")).toHaveLength(1);
  });

  it.each([[[]], [["Icy-MetaData: 0"]], [["Icy-MetaData: "]], [["Icy-MetaData: no"]]])(
    "has no metadata for %j",
    async (headers) => {
      const names = (await ask(stack.edgePort, "/named.mp3", headers)).headers.map(([name]) => name);
      expect(names).toContain("icy-name");
      expect(names).not.toContain("icy-metaint");
    },
  );

  it("answers HEAD at once with GET's headers, and goes on with the connection", async () => {
    const framing = /^(?:transfer-encoding|content-length|connection|date)$/;
    const plain = (headers: [string, string][]) =>
      headers.filter(([name]) => !framing.test(name)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const get = await ask(stack.edgePort, "/named.mp3", ["Icy-MetaData: 1"]);
    const socket = await openSocket(stack.edgePort);
    for (let round = 0; round < 2; round++) {
      socket.write("HEAD /named.mp3 HTTP/1.1\r\nHost: radio.example:9000\r\nIcy-MetaData: 1\r\n\r\n");
      socket.resume();
      const head = await readHead(socket);
      expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(plain(headersOf(head))).toEqual(plain(get.headers));
    }
    socket.write("HEAD /nobody.mp3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    socket.resume();
    expect(await readHead(socket)).toMatch(/^HTTP\/1\.1 404 /);
    const rest: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => rest.push(chunk));
    socket.resume();
    await waitFor("the connection to end", () => socket.readableEnded);
    socket.destroy();
    expect(Buffer.concat(rest).toString()).toBe("");
  });

  it("answers HEAD on the ingest port and closes", async () => {
    const reply = await rawRequest(stack.ingestPort, "HEAD /named.mp3 HTTP/1.1\r\nHost: a\r\n\r\n");
    const text = reply.toString("latin1");
    expect(text).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
    expect(text.endsWith("\r\n\r\n")).toBe(true);
    expect(text.indexOf("\r\n\r\n")).toBe(text.length - 4);
  });

  it.each(ports)("lets a browser's script read ICY from the %s port", async (port) => {
    const preflight = await fetch(`http://127.0.0.1:${portOf(port)}/named.mp3`, {
      method: "OPTIONS",
      headers: {
        Origin: "https://elsewhere.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "icy-metadata",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("icy-metadata");
    const { headers } = await ask(portOf(port), "/named.mp3", ["Origin: https://elsewhere.example"]);
    expect(headers).toContainEqual(["access-control-allow-origin", "*"]);
    const exposed = headers.find(([name]) => name === "access-control-expose-headers")?.[1].toLowerCase();
    for (const name of ["icy-metaint", "icy-br", "icy-name", "icy-genre"]) expect(exposed).toContain(name);
  });

  it.each(["bytes=0-", "bytes=100-199", "bytes=-500"])("ignores Range: %s", async (range) => {
    const { status, headers } = await ask(stack.edgePort, "/named.mp3", [`Range: ${range}`]);
    expect(status).toBe(200);
    const names = headers.map(([name]) => name);
    for (const name of ["content-range", "accept-ranges", "content-length"])
      expect(names).not.toContain(name);
  });

  it("refuses a listener over its limit as Icecast, and takes one when another has gone", async () => {
    const opened = await Promise.all([listen(url("/small.mp3")), listen(url("/small.mp3"))]);
    const refused = await fetch(url("/small.mp3"));
    expect(refused.status).toBe(403);
    expect(await refused.text()).toBe("max listeners reached");
    opened[0]?.close();
    const third = await waitFor("a place", async () => {
      const next = await listen(url("/small.mp3"));
      if (next.status === 200) return next;
      next.close();
      return undefined;
    });
    for (const each of [...opened, third]) each.close();
  });

  // The edge's platform insists on a Host.
  it.each([
    ["edge", "Host: radio.example\r\n"],
    ["ingest", "Host: radio.example\r\n"],
    ["ingest", ""],
  ] as const)("sends an HTTP/1.0 client plain bytes from the %s port (%j)", async (port, host) => {
    const socket = await openSocket(portOf(port));
    socket.write(`GET /named.mp3 HTTP/1.0\r\n${host}\r\n`);
    const head = await readHead(socket);
    expect(head).toMatch(/^HTTP\/1\.[01] 200 OK\r\n/);
    expect(head).not.toMatch(/^(?:transfer-encoding|content-length):/im);
    const check = new FrameCheck(list);
    socket.on("data", (chunk: Buffer) => check.push(chunk));
    socket.resume();
    await waitFor("most of the burst", () => check.frames > framesIn(1.5));
    socket.destroy();
    expect(check.problems).toEqual([]);
  });

  it.each([
    // Begins with the segment that is open when it comes.
    ["?burst=0", 0, 2.5],
    ["?burst=10", 9.5, 10.5],
    ["?burst=", 3.5, 4.5],
    ["?burst=-1", 3.5, 4.5],
    ["?burst=loud", 3.5, 4.5],
    ["?burst=NaN&burst=1", 3.5, 4.5],
  ])("begins for %s from %d to %d s behind", async (query, least, most) => {
    await waitFor("11 s on air", () => named.sent.length > framesIn(12));
    const before = named.sent.length;
    const listening = await listen(url(`/named.mp3${query}`));
    const check = new FrameCheck(list);
    await waitFor("the first bytes", () => listening.chunks.length > 0);
    const during = named.sent.length - before;
    check.push(listening.bytes());
    listening.close();
    const round = list.frames.length;
    const distance = (before - check.first + round) % round;
    const behind = distance > round / 2 ? distance - round : distance;
    expect(behind).toBeGreaterThanOrEqual(framesIn(least) - during);
    expect(behind).toBeLessThanOrEqual(framesIn(most));
  });
});

describe("playlists", () => {
  it.each(ports)("name the host that the %s port was asked by", async (port) => {
    const body = async (path: string) => {
      const request = `GET ${path} HTTP/1.1\r\nHost: radio.example:9000\r\nConnection: close\r\n\r\n`;
      const reply = (await rawRequest(portOf(port), request)).toString();
      return { status: Number(reply.split(" ")[1]), text: reply };
    };
    const here = "http://radio.example:9000/named.mp3";
    const m3u = await body("/named.mp3.m3u");
    expect(m3u.text).toMatch(/^content-type: audio\/x-mpegurl\r$/im);
    expect(m3u.text).toContain(`${here}\r\n`);
    const pls = await body("/named.mp3.pls");
    expect(pls.text).toMatch(/^content-type: audio\/x-scpls\r$/im);
    expect(pls.text).toContain(`File1=${here}\r\n`);
    const xspf = await body("/named.mp3.xspf");
    expect(xspf.text).toMatch(/^content-type: application\/xspf\+xml/im);
    expect(xspf.text).toContain(`<location>${here}</location>`);
    expect(xspf.text).toContain("&amp; &lt;marked&gt;");
    const vclt = await body("/named.mp3.vclt");
    expect(vclt.text).toMatch(/^content-type: audio\/x-vclt/im);
    expect(vclt.text).toContain(`STREAMURL=${here}\n`);
    expect((await body("/nobody.mp3.xspf")).status).toBe(404);
    expect((await body("/nobody.mp3.m3u")).status).toBe(200);
  });

  it("believe no forwarded host but the ingest's", async () => {
    const reply = await fetch(url("/named.mp3.m3u"), {
      headers: { "X-Forwarded-Host": "evil.example", "X-Skywave-Ingest": "guess" },
    });
    expect(await reply.text()).toBe(`${url("/named.mp3")}\r\n`);
    const passedOn = await fetch(`${stack.ingestUrl}/named.mp3.m3u`, {
      headers: { "X-Forwarded-Host": "evil.example", "X-Skywave-Ingest": "guess" },
    });
    expect(await passedOn.text()).toBe(`${stack.ingestUrl}/named.mp3\r\n`);
  });
});

const notFound =
  "<html><head><title>Error 404</title></head><body><b>404 - The file you requested could not be found</b></body></html>\r\n";

describe("the server", () => {
  it.each(ports)("has Icecast's 404 on the %s port", async (port) => {
    const reply = await fetch(`http://127.0.0.1:${portOf(port)}/nobody.mp3`);
    expect(reply.status).toBe(404);
    expect(reply.statusText).toBe("File Not Found");
    expect(reply.headers.get("content-type")).toMatch(/^text\/html/);
    expect(reply.headers.get("cache-control")).toContain("no-store");
    expect(await reply.text()).toBe(notFound);
  });

  it.each([
    ...[
      "/..%2f",
      "/%2e%2e%2fetc",
      "/%00",
      "/%",
      "/%zz",
      "/%ff",
      "//",
      "/a//b",
      "/a%5cb",
      "/live.mp3%0d%0aX:y",
    ],
    ...[`/${"a".repeat(300)}`, `/${"%ea".repeat(300)}`, "/cdn-cgi/", "/cdn-cgi/local/r2/s3/skywave-segments"],
  ])("finds nothing at %.20s on either port, and lives", async (path) => {
    for (const port of ports) {
      const request = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
      const reply = (await rawRequest(portOf(port), request)).toString("latin1");
      expect(reply).toMatch(/^HTTP\/1\.[01] 40[04] /);
      if (port === "edge") expect(reply).toMatch(/^HTTP\/1\.1 404 /);
    }
    expect((await fetch(url("/health"))).status).toBe(200);
  });

  it.each(["POST", "DELETE", "PATCH", "BREW", "PROPFIND"])("does not know %s", async (method) => {
    const request = `${method} /named.mp3 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    const reply = (await rawRequest(stack.edgePort, request)).toString("latin1");
    expect(reply).toMatch(/^HTTP\/1\.1 (?:400|405|501) /);
    expect((await fetch(url("/health"))).status).toBe(200);
  });

  it.each(ports)("shows on the %s port that it lives, and tells nothing", async (port) => {
    const reply = await fetch(`http://127.0.0.1:${portOf(port)}/health?alive`);
    expect(reply.ok).toBe(true);
    expect(await reply.text()).toBe("");
  });

  it.each(ports)("is well on the %s port", async (port) => {
    const reply = await fetch(`http://127.0.0.1:${portOf(port)}/health`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await reply.json()).toMatchObject(
      port === "edge" ? { ok: true, mounts: expect.any(Number) } : { ok: true, edge: "ok" },
    );
  });

  it("lets nobody without the token at the ingest's calls", async () => {
    const call = (base: string, token: string | null, body: string) =>
      fetch(`${base}${ingestApiPrefix}/claim`, {
        method: "POST",
        body,
        headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
      });
    const whole = JSON.stringify({ mount: "/x.mp3", ingest: "i", source: {} });
    const statuses = async (...args: Parameters<typeof call>) => (await call(...args)).status;
    expect(await statuses(stack.edgeUrl, null, whole)).toBe(401);
    expect(await statuses(stack.edgeUrl, "guess", whole)).toBe(401);
    expect(await statuses(stack.edgeUrl, stack.ingestToken, whole)).toBe(400);
    expect(await statuses(stack.edgeUrl, stack.ingestToken, "{")).toBe(400);
    expect(await statuses(stack.edgeUrl, stack.ingestToken, "")).toBe(400);
    expect(await statuses(stack.edgeUrl, stack.ingestToken, "x".repeat(300_000))).toBe(413);
    expect(await statuses(stack.ingestUrl, stack.ingestToken, whole)).toBe(404);
    expect(await statusOf(stack, "/x.mp3")).toBeUndefined();
  });

  it("holds at most 250 KB for each listener that reads nothing", async () => {
    const mute = 100;
    await goOnAir("/loud.mp3", join(fixtures, "cbr320.mp3"));
    await waitForStatus(stack, "/loud.mp3");
    const opened: Socket[] = [];
    const before = residentKb();
    for (let count = 0; count < mute; count++) {
      const socket = await openSocket(stack.edgePort);
      socket.pause();
      socket.write("GET /loud.mp3?burst=60 HTTP/1.1\r\nHost: a\r\nIcy-MetaData: 1\r\n\r\n");
      opened.push(socket);
    }
    const frames = named.sent.length;
    await waitFor("3 segments", () => named.sent.length > frames + 3 * framesPerSegment);
    const after = residentKb();
    const { listeners } = await health();
    for (const socket of opened) socket.destroy();
    expect(listeners).toBe(mute);
    // What the runtime's garbage may take before it is collected comes on top.
    expect(after - before).toBeLessThanOrEqual(mute * 250 + 32 * 1024);
  });
});

describe("when the runtime is killed", () => {
  it("nobody is counted that is gone, and the mount is on the air again", async () => {
    const opened: Listening[] = await Promise.all([1, 2, 3].map(() => listen(url("/named.mp3"))));
    await waitForStatus(stack, "/named.mp3", { listeners: 3 });
    stack.kill("workerd");
    await Promise.all(opened.map(({ ended }) => ended));
    await waitFor(
      "the mount without listeners",
      async () => (await statusOf(stack, "/named.mp3").catch(() => undefined))?.["listeners"] === 0,
      30_000,
    );
    const again = await listen(url("/named.mp3"));
    const check = new FrameCheck(list);
    await waitFor("two segments", () => again.bytes().length > 4 * 16_000);
    check.push(again.bytes());
    again.close();
    expect(check.problems).toEqual([]);
  });
});

/** Resident memory of the runtime. */
function residentKb(): number {
  const pid = stack.pidOf("workerd");
  return Number(execFileSync("ps", ["-o", "rss=", "-p", `${pid}`], { encoding: "utf8" }));
}
