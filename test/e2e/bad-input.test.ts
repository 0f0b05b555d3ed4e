import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bucket, bucketOf } from "../support/bucket.ts";
import { runClient } from "../support/clients.ts";
import { type FaultProxy, openFaultProxy } from "../support/fault-proxy.ts";
import { type IngestProcess, startIngest } from "../support/ingest-process.ts";
import { logLines, spellingsOf } from "../support/log-lines.ts";
import { openSocket, rawRequest } from "../support/raw-request.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const root = join(import.meta.dirname, "..", "..");
const fixture = join(root, "test", "fixtures", "crc128.mp3");
const folder = mkdtempSync(join(tmpdir(), "skywave-bad-"));
const stationFile = join(folder, "station.toml");
const connectionLimit = 300;
writeFileSync(
  stationFile,
  `[limits]\nheader_timeout = 2\nsegment_seconds = 0.5\nconnections = ${connectionLimit}\n`,
);
const wrong = "Tr0ub4dor&3 é";

let stack: Stack;
let bucket: Bucket;
/** An ingest whose way to the edge is watched. */
let watched: IngestProcess;
let edge: FaultProxy;

beforeAll(async () => {
  stack = await startStack({ stationFile });
  bucket = bucketOf(stack);
  edge = await openFaultProxy(stack.edgeUrl, () => "pass");
  watched = await startIngest({
    stack,
    bucket,
    edgeUrl: edge.url,
    bucketUrl: bucket.url,
    password: "correct horse",
    adminPassword: "battery staple",
  });
});

afterAll(async () => {
  await watched?.stop();
  edge?.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const basic = (password: string, user = "source") =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString("base64")}\r\n`;
/** A source's head, all but what is being tested right. */
const sourceHead = (mount: string, { method = "PUT", type = "audio/mpeg", lines = "" } = {}) =>
  `${method} ${mount} HTTP/1.1\r\nHost: 127.0.0.1\r\n${basic(stack.password)}` +
  `${type === "" ? "" : `Content-Type: ${type}\r\n`}${lines}\r\n`;
const ask = async (request: string | Uint8Array, port = stack.ingestPort): Promise<string> =>
  (await rawRequest(port, request)).toString("utf8");
const longHead = (bytes: number): string => `${missing}X: ${"x".repeat(bytes - missing.length - 7)}\r\n\r\n`;
const manyHeaders = (count: number): string => `${missing}${"X: y\r\n".repeat(count)}\r\n`;
const missing = "GET /missing.mp3 HTTP/1.0\r\n";
const statusLine = (reply: string): string => reply.split("\r\n", 1)[0] ?? "";
const logged = (fields: Record<string, unknown>) =>
  waitFor(
    `a log line with ${JSON.stringify(fields)}\n${stack.log()}`,
    () =>
      logLines(stack.log()).find((line) =>
        Object.entries(fields).every(([name, value]) => line[name] === value),
      ),
    3_000,
  );

describe.concurrent("a wrong password", () => {
  it.each(["PUT", "SOURCE"])("of %s gets Icecast's 401 and a line without it", async (method) => {
    const mount = `/wrong-${method}.mp3`;
    const reply = await ask(`${method} ${mount} HTTP/1.0\r\n${basic(wrong)}Content-Type: audio/mpeg\r\n\r\n`);
    expect(reply.replace(/^Date: .*$/m, "Date: x")).toBe(
      "HTTP/1.0 401 Authentication Required\r\nServer: Skywave\r\nConnection: Close\r\nDate: x\r\n" +
        'Content-Type: text/plain; charset=utf-8\r\nWWW-Authenticate: Basic realm="Icecast2 Server"\r\n' +
        "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
        "Access-Control-Allow-Origin: *\r\n\r\nYou need to authenticate\r\n",
    );
    expect(await logged({ mount, level: 40, msg: "source refused: wrong user or password" })).toBeDefined();
  });

  it("of a title update gets 401", async () => {
    const query = `mode=updinfo&mount=/wrong.mp3&song=x&pass=${encodeURIComponent(wrong)}`;
    for (const request of [
      `GET /admin/metadata?${query} HTTP/1.0\r\n${basic(wrong, "admin")}\r\n`,
      `GET /admin.cgi?${query} HTTP/1.0\r\n\r\n`,
    ]) {
      expect(statusLine(await ask(request))).toBe("HTTP/1.0 401 Authentication Required");
    }
    expect(await logged({ msg: "title refused: wrong user or password" })).toBeDefined();
  });

  it("of a SHOUTcast source closes its connection", async () => {
    expect(await ask(`${wrong}\r\n\r\n`, stack.ingestPort + 1)).toBe("");
    expect(
      await logged({ level: 40, protocol: "SHOUTcast", reason: "wrong password or mount" }),
    ).toBeDefined();
  });

  it("in a place where no password belongs gets 400", async () => {
    const misplaced = [
      `${wrong}\r\n\r\n`,
      `PUT /x.mp3 HTTP/1.1\r\n${wrong}\r\n\r\n`,
      `PUT /x.mp3 HTTP/1.1\r\n${wrong}: x\r\n\r\n`,
      `PUT ${wrong}\r\n\r\n`,
    ];
    for (const request of misplaced) {
      const reply = await ask(request);
      expect(statusLine(reply), `answer to ${request}`).toBe("HTTP/1.0 400 Bad Request");
    }
  });
});

describe.concurrent("a request head", () => {
  it("with an unknown method gets Icecast's 400", async () => {
    for (const method of ["BREW", "TRACE", "CONNECT", "PROPFIND"]) {
      const reply = await ask(`${method} /live.mp3 HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(statusLine(reply), `answer to ${method}`).toBe("HTTP/1.0 400 Bad Request");
      expect(reply).toContain("unknown request");
    }
  });

  it("may have 16,384 bytes and not one more", async () => {
    expect(statusLine(await ask(longHead(16_384)))).toBe("HTTP/1.0 404 File Not Found");
    const refused = await ask(longHead(16_385));
    expect(statusLine(refused)).toBe("HTTP/1.0 431 Request Header Fields Too Large");
    expect(refused).toContain("longer than 16384 bytes");
    expect(await logged({ level: 40, reason: "request head is longer than 16384 bytes" })).toBeDefined();
  });

  it("may have 100 headers and not one more", async () => {
    expect(statusLine(await ask(manyHeaders(100)))).toBe("HTTP/1.0 404 File Not Found");
    expect(statusLine(await ask(manyHeaders(101)))).toBe("HTTP/1.0 431 Request Header Fields Too Large");
  });

  it("that never ends is closed after header_timeout, and the log says so", async () => {
    expect(await ask("PUT /never.mp3 HTTP/1.1\r\nHost: x\r\n")).toBe("");
    expect(await ask("a password without a line's end", stack.ingestPort + 1)).toBe("");
    const reason = "no whole request came within 2000 ms";
    expect(await logged({ level: 40, reason, msg: "request refused" })).toBeDefined();
    expect(await logged({ level: 40, reason, protocol: "SHOUTcast" })).toBeDefined();
  });
});

describe.concurrent("a mount that cannot be", () => {
  it.each([
    ["live.mp3", 'must begin with "/"'],
    ["/", 'nothing before or after a "/"'],
    ["/a//b.mp3", 'nothing before or after a "/"'],
    ["/a/../b.mp3", 'has ".." as a folder'],
    ["/%2e%2e/b.mp3", 'has ".." as a folder'],
    ["/a/%2E", 'has "." as a folder'],
    ["/a%2fb.mp3", "encoded slash"],
    ["/a%5Cb.mp3", "backslash"],
    ["/a%0d%0ab.mp3", "control character"],
    ["/a%00.mp3", "control character"],
    ["/a%ff.mp3", "not UTF-8"],
    ["/a%zz.mp3", "without two hexadecimal digits"],
    [`/${"x".repeat(300)}`, "has 301 bytes, at most 200"],
    ["/health", "a name the server itself answers"],
    ["/admin/metadata", "a name the server itself answers"],
    ["/api/v1/x", "a name the server itself answers"],
    ["/cdn-cgi/x", "a name the server itself answers"],
    ["/status-json.xsl", "a name the server itself answers"],
    ["/live.mp3.m3u", "a name the server itself answers"],
  ])("%s is refused with its reason, in the reply and in the log", async (mount, why) => {
    for (const method of ["PUT", "SOURCE"]) {
      const reply = await ask(sourceHead(mount, { method }));
      expect(statusLine(reply)).toBe("HTTP/1.0 400 Bad Request");
      expect(reply.replaceAll("&quot;", '"')).toContain(why);
    }
    const told = logLines(stack.log()).filter(
      ({ msg, reason }) => msg === "source refused" && String(reason).includes(why),
    );
    expect(told.length).toBeGreaterThanOrEqual(2);
  });
});

describe.concurrent("a content type", () => {
  it.each(["audio/aac", "application/ogg", "video/mp4", "text/html", "audio/flac", "image/png"])(
    "%s is refused, naming what is taken",
    async (type) => {
      const mount = `/${type}`;
      const reply = await ask(sourceHead(mount, { type: `${type}; charset=utf-8` }));
      expect(statusLine(reply)).toBe("HTTP/1.0 403 Forbidden");
      expect(reply).toMatch(/\r\n\r\nContent-type not supported \(send one of: audio\/mpeg, [^)]*\)$/);
      expect(await logged({ mount, level: 40, contentType: type })).toBeDefined();
    },
  );

  it("has to be given with PUT", async () => {
    const mount = "/untyped.mp3";
    const reply = await ask(sourceHead(mount, { type: "" }));
    expect(reply).toMatch(/^HTTP\/1\.0 403 Forbidden\r\n[^]*\r\n\r\nNo Content-type given$/);
    expect(await logged({ mount, level: 40, msg: "source refused: no content type" })).toBeDefined();
  });
});

describe.concurrent("a request that two readers could end in different places", () => {
  const smuggled = "POST /api/ingest/v1/claim HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  it.each([
    ["a length beside chunks", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"],
    ["chunks beside a length", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"],
    ["two lengths", "Content-Length: 0\r\nContent-Length: 6\r\n"],
    ["two lengths in one line", "Content-Length: 0, 6\r\n"],
    ["a signed length", "Content-Length: +6\r\n"],
    ["a folded header", "X-Folded: a\r\n Content-Length: 6\r\n"],
    ["a space before the colon", "Content-Length : 6\r\n"],
    ["an empty name", ": chunked\r\n"],
    ["a NUL", "X-Nul: a\0b\r\n"],
    ["a bare CR", "X-Cr: a\rContent-Length: 6\r\n"],
    ["two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"],
    ["an unknown coding", "Transfer-Encoding: xchunked\r\n"],
  ])("(%s) is refused and never reaches the edge", async (what, lines) => {
    const path = `/smuggle-${encodeURIComponent(what)}`;
    for (const method of ["GET", "POST"]) {
      const reply = await ask(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\n${lines}\r\n0\r\n\r\n${smuggled}`,
        watched.port,
      );
      // A GET has no body here, so that a coding alone cannot hide anything in it.
      const plain = method === "GET" && /coding/.test(what);
      expect(statusLine(reply)).toMatch(plain ? /^HTTP\/1\.0 404 / : /^HTTP\/1\.0 (400|501) /);
      expect(reply.match(/HTTP\/1\.[01] \d\d\d/g), "one request, one answer").toHaveLength(1);
      const seen = edge.requests.filter((request) => request.path.startsWith(path));
      expect(seen.map((request) => request.method)).toEqual(/coding/.test(what) ? ["GET"] : []);
    }
    expect(edge.requests.filter(({ path: each }) => each.includes("/claim"))).toEqual([]);
  });
});

describe.concurrent("headers by which we or Cloudflare tell the edge something", () => {
  const forged = [
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: https",
    "X-Skywave-Client: 203.0.113.9",
    "X-Skywave-Ingest: guess",
    "CF-Connecting-IP: 203.0.113.9",
    "Forwarded: host=evil.example;proto=https",
    "X-Real-IP: 203.0.113.9",
  ].map((line) => `${line}\r\n`);

  it("are not believed from a client, on either port", async () => {
    for (const port of [stack.ingestPort, stack.edgePort]) {
      const host = `127.0.0.1:${port}`;
      const request = `GET /live.mp3.m3u HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${forged.join("")}\r\n`;
      const reply = await ask(request, port);
      expect(reply).toContain(`http://${host}/live.mp3`);
      expect(reply).not.toContain("evil.example");
      expect(reply).not.toContain("https://");
    }
  });

  it("do not show a way into the ingest's own paths", async () => {
    for (const path of [
      "/api/ingest/v1/claim",
      "/cdn-cgi/local/r2/s3/",
      "/x/..%2fcdn-cgi/local",
      "//cdn-cgi/x",
    ]) {
      const reply = await ask(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${forged.join("")}\r\n`,
        watched.port,
      );
      expect(statusLine(reply), `answer to ${path}`).toBe("HTTP/1.0 404 File Not Found");
    }
    expect(edge.requests.filter(({ path }) => /cdn-cgi|ingest/.test(path))).toEqual([]);
  });
});

describe("many connections", () => {
  const sockets: Socket[] = [];
  const openMany = async (count: number) => {
    sockets.push(...(await Promise.all(Array.from({ length: count }, () => openSocket(stack.ingestPort)))));
  };
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
  });

  it("that never finish their heads do not keep a source away", async () => {
    await openMany(200);
    for (const socket of sockets) socket.write("PUT /slow.mp3 HTTP/1.1\r\nX-");
    const source = await streamMp3(stack.ingestPort, "/beside.mp3", fixture, { password: stack.password });
    expect(sockets.filter(({ readableEnded, destroyed }) => readableEnded || destroyed)).toEqual([]);
    await source.stop();
    // Closing reaches a socket only while somebody reads it.
    for (const socket of sockets) socket.resume();
    await waitFor(
      "all of them to be closed",
      () => sockets.every(({ readableEnded }) => readableEnded),
      8_000,
    );
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  it("over the limit are told so, and there is room again when they have gone", async () => {
    const health = "GET /health HTTP/1.0\r\n\r\n";
    await waitFor("the last test's connections to be gone", async () =>
      (await ask(health)).includes(" 200 OK"),
    );
    await openMany(connectionLimit);
    const reply = await ask(health);
    expect(statusLine(reply)).toBe("HTTP/1.0 403 Forbidden");
    expect(reply).toContain("Icecast connection limit reached");
    for (const socket of sockets.splice(0)) socket.destroy();
    await waitFor("room for one more", async () => (await ask(health)).includes(" 200 OK"));
  });
});

describe("a broken station file", () => {
  it("stops the start with every problem in its line, and exit code 2", async () => {
    const broken = join(folder, "broken.toml");
    const lines = [
      "[limits]",
      "sources = -1",
      "header_timout = 2",
      "",
      "[ingest]",
      'port = "8000"',
      "[mounts.live]",
    ];
    writeFileSync(broken, lines.join("\n"));
    const flags = ["--config", broken, "--data", join(folder, "never"), "--edge-port", "99999"];
    const client = await runClient(process.execPath, [join(root, "local", "start.ts"), ...flags]);
    expect(await client.exited()).toBe(2);
    const problems = client.stderr();
    expect(problems).toContain("--edge-port must be");
    expect(problems).toContain("broken.toml:2: limits.sources must be a whole number from 1 to 10000");
    expect(problems).toMatch(/broken\.toml:3: .*header_timout.*header_timeout/);
    expect(problems).toContain("broken.toml:6: ingest.port must be a whole number");
    expect(problems).toMatch(/broken\.toml:7: .*mount name must begin with "\/"/);
    expect(existsSync(join(folder, "never")), "a data folder was made").toBe(false);
  });
});

describe("after all that", () => {
  it("nothing is stored, nothing failed, and no password was written anywhere", async () => {
    const keys = await bucket.keys();
    expect(keys.filter((key) => !/^(?:v1|e1)\/beside\.mp3\//.test(key))).toEqual([]);
    const log = stack.log() + watched.log();
    expect(logLines(log).filter(({ level }) => level >= 50)).toEqual([]);
    const passwords = [wrong, stack.password, stack.adminPassword, watched.password, watched.adminPassword];
    for (const secret of [...passwords, stack.ingestToken, bucket.secretAccessKey]) {
      for (const user of ["source", "admin"]) {
        for (const spelling of spellingsOf(secret, user)) expect(log).not.toContain(spelling);
      }
    }
    expect(log).not.toContain("Tr0ub4dor");
  });
});
