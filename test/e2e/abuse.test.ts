import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listen } from "../support/listen.ts";
import { rawRequest } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitForStatus } from "../support/status.ts";
import { type Streaming, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const fixture = join(import.meta.dirname, "..", "fixtures", "crc128.mp3");
const folder = mkdtempSync(join(tmpdir(), "skywave-abuse-"));
const stationFile = join(folder, "station.toml");
writeFileSync(stationFile, "[limits]\nheader_timeout = 2\nsegment_seconds = 0.5\nsources = 4\n");

/** A server that nobody has any business with. */
let canary: Server;
let canaryPort = 0;
let visits = 0;
let stack: Stack;
/** On air all the time. */
let source: Streaming;
const sockets = new Set<Socket>();

beforeAll(async () => {
  canary = createServer((socket) => {
    visits++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => canary.listen(0, "127.0.0.1", resolve));
  const address = canary.address();
  canaryPort = typeof address === "object" ? (address?.port ?? 0) : 0;
  stack = await startStack({ stationFile });
  source = await streamMp3(stack.ingestPort, "/live.mp3", fixture, { password: stack.password, loop: true });
  await waitForStatus(stack, "/live.mp3");
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await source?.stop();
  await stack?.stop();
  canary?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A connection from any address in 127.0.0.0/8, with all that came over it. */
class Visitor {
  readonly socket: Socket;
  received = "";
  closed = false;
  /** When the server ended it, in the order of all visitors; null while it is open. */
  endedAt: number | null = null;
  static #ended = 0;

  constructor(port: number, localAddress: string, start: string) {
    this.socket = connect({ port, host: "127.0.0.1", localAddress });
    sockets.add(this.socket);
    this.socket.setEncoding("latin1").on("data", (text: string) => (this.received += text));
    this.socket
      .on("error", () => undefined)
      .on("close", () => {
        this.closed = true;
        this.endedAt ??= Visitor.#ended++;
        sockets.delete(this.socket);
      });
    this.socket.write(start);
  }
}

const basic = (password: string, user = "source") =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString("base64")}\r\n`;
const sourceHead = (mount: string, password: string) =>
  `SOURCE ${mount} HTTP/1.0\r\n${basic(password)}Content-Type: audio/mpeg\r\n\r\n`;

describe.concurrent("wrong passwords from one address", () => {
  it("by the hundred are answered slowly or not at all, and the right one from there at once", async () => {
    const address = "127.0.0.9";
    const { ingestPort } = stack;
    const wrong = Array.from({ length: 400 }, (_, at) => {
      const guess = `guess${at}`;
      const [port, bytes] = [
        [ingestPort, sourceHead("/m.mp3", guess)],
        [ingestPort, `PUT /m.mp3 HTTP/1.1\r\n${basic(guess)}Content-Type: audio/mpeg\r\n\r\n`],
        [ingestPort + 1, `${guess}\r\n\r\n`],
        [ingestPort, `GET /admin/metadata?mode=updinfo&mount=/m.mp3&song=x HTTP/1.0\r\n${basic(guess)}\r\n`],
        [ingestPort, `GET /admin.cgi?mode=updinfo&song=x&pass=${guess} HTTP/1.0\r\n\r\n`],
      ][at % 5] as [number, string];
      return new Visitor(port, address, bytes);
    });
    const right = new Visitor(ingestPort, address, sourceHead("/right.mp3", stack.password));
    const elsewhere = new Visitor(ingestPort, "127.0.0.10", sourceHead("/m.mp3", "guess"));
    await waitFor(`the right source's answer\n${stack.log()}`, () => right.received !== "");
    expect(right.received).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
    const open = wrong.filter(({ closed, received }) => !closed && received === "");
    expect(open.length, "wrong ones that still wait when the right one is answered").toBeGreaterThan(0);
    await waitFor("another address's answer", () => elsewhere.closed);
    right.socket.write(readFileSync(fixture));
    await waitForStatus(stack, "/right.mp3");
    const title = new Visitor(
      ingestPort,
      address,
      `GET /admin/metadata?mode=updinfo&mount=/right.mp3&song=Right HTTP/1.0\r\n${basic(stack.password)}\r\n`,
    );
    await waitFor("the title's answer", () => title.closed);
    expect(title.received).toContain("Metadata update successful");
    await waitFor("all wrong ones to end", () => wrong.every(({ closed }) => closed), 15_000);
    const answered = wrong.filter(({ received }) => received !== "");
    for (const { received } of answered) expect(received).toMatch(/^HTTP\/1\.0 401 /);
    expect(answered.length).toBeLessThan(60);
    expect(elsewhere.endedAt).toBeLessThan(Math.max(...wrong.map(({ endedAt }) => endedAt ?? 0)));
    right.socket.destroy();
  });
});

describe.concurrent("a hundred connections that trickle", () => {
  it.each([
    ["ingest", "127.0.0.20"],
    ["edge", "127.0.0.21"],
  ] as const)("on the %s port keep nobody from listening", async (part, address) => {
    const port = part === "edge" ? stack.edgePort : stack.ingestPort;
    const starts = [
      "",
      "G",
      "GET /live.mp3 HTTP/1.1\r\nHost: x\r\n",
      "GET /live.mp3 HTTP/1.1\r\nHost: x\r\nX: ",
      "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
      "POST /api/ingest/v1/claim HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
      "GET /live.mp3 HTTP/1.1\r\nHost: x\r\n\r\nGET /",
    ];
    const before = await listen(`http://127.0.0.1:${port}/live.mp3`);
    const visitors = Array.from(
      { length: 98 },
      (_, at) => new Visitor(port, address, starts[at % starts.length] ?? ""),
    );
    const silent = visitors.filter((_, at) => at % starts.length === 0);
    const drip = setInterval(() => {
      for (const visitor of visitors) {
        if (!visitor.closed && !silent.includes(visitor)) visitor.socket.write("x");
      }
    }, 100);
    try {
      for (let round = 0; round < 3; round++) {
        const had = before.bytes().length;
        const listener = await listen(`http://127.0.0.1:${port}/live.mp3`, { icy: true });
        expect(listener.status).toBe(200);
        // A second of sound for each of them.
        await waitFor(`a listener on the ${part} port to be served`, () => listener.bytes().length > 16_000);
        await waitFor("the one before to go on", () => before.bytes().length > had + 16_000);
        listener.close();
      }
      const heads = visitors.filter((_, at) => at % starts.length < 4);
      // The runtime's own patience is 15 s; ours is the station's header_timeout.
      await waitFor("unfinished heads to be closed", () => heads.every(({ closed }) => closed), 25_000);
    } finally {
      clearInterval(drip);
      before.close();
      for (const { socket } of visitors) socket.destroy();
    }
  });
});

describe.concurrent("a URL or host that somebody names", () => {
  it("is never connected to, on either port", async () => {
    const evil = `127.0.0.1:${canaryPort}`;
    for (const port of [stack.ingestPort, stack.edgePort]) {
      const targets = [
        `http://${evil}/x`,
        `//${evil}/x`,
        `/\\${evil}/x`,
        `/@${evil}/live.mp3`,
        `/live.mp3.m3u?url=http://${evil}/`,
        `/x?url=http://${evil}/`,
      ];
      const requests = targets.map(
        (target) => `GET ${target} HTTP/1.1\r\nHost: ${evil}\r\nConnection: close\r\n`,
      );
      requests.push(
        `GET /x HTTP/1.1\r\nHost: x\r\nMF-Original-URL: http://${evil}/\r\nX-Forwarded-Host: ${evil}\r\nConnection: close\r\n`,
        `GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Original-URL: http://${evil}/\r\nForwarded: host=${evil}\r\n`,
        `CONNECT ${evil} HTTP/1.1\r\nHost: ${evil}\r\nConnection: close\r\n`,
      );
      const replies = await Promise.all(
        requests.map((request) => rawRequest(port, `${request}\r\n`, { timeoutMs: 3_000 })),
      );
      for (const [at, reply] of replies.entries()) {
        // The runtime answers CONNECT by itself, with 500.
        expect(reply.toString("latin1", 0, 12), requests[at]).toMatch(
          requests[at]?.startsWith("CONNECT") ? /^HTTP\/1\.[01] [45]00$/ : /^HTTP\/1\.[01] (?:200|400|404)$/,
        );
      }
    }
    const named = new Visitor(
      stack.ingestPort,
      "127.0.0.30",
      `SOURCE /named.mp3 HTTP/1.0\r\n${basic(stack.password)}Content-Type: audio/mpeg\r\n` +
        `icy-url: http://${evil}/\r\nice-url: http://${evil}/\r\nicy-logo: http://${evil}/x.png\r\n\r\n`,
    );
    await waitFor("an answer", () => named.received !== "");
    expect(named.received).toMatch(/^HTTP\/1\.0 (?:200|403) /);
    named.socket.destroy();
    const query = `mode=updinfo&mount=/live.mp3&song=x&url=${encodeURIComponent(`http://${evil}/`)}`;
    const title = await rawRequest(
      stack.ingestPort,
      `GET /admin/metadata?${query} HTTP/1.0\r\n${basic(stack.password)}\r\n`,
    );
    expect(title.toString()).toContain("Metadata update successful");
    await fetch(`${stack.edgeUrl}/status-json.xsl`);
    expect(visits).toBe(0);
  });
});

describe("one source password", () => {
  it("holds as many mounts as there may be sources, and another when one is given back", async () => {
    const take = (mount: string) => streamMp3(stack.ingestPort, mount, fixture, { password: stack.password });
    const held: Streaming[] = [];
    let refusal = "";
    for (let number = 0; refusal === ""; number++) {
      expect(number).toBeLessThan(5);
      try {
        held.push(await take(`/held${number}.mp3`));
      } catch (error) {
        refusal = String(error);
      }
    }
    expect(refusal).toMatch(/HTTP\/1\.0 403 Forbidden/);
    held.shift()?.destroy();
    const next = await waitFor("a mount for the next one", () => take("/next.mp3").catch(() => undefined));
    await waitForStatus(stack, "/next.mp3");
    for (const each of [next, ...held]) each.destroy();
  });
});
