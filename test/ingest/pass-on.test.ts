import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bodyOf } from "./fake-edge.ts";
import { eventually, RunningIngest } from "./running-ingest.ts";

let running: RunningIngest;
let seen: IncomingMessage[];
beforeEach(async () => {
  running = new RunningIngest();
  await running.open();
  seen = [];
});
afterEach(() => running.close());

/** Names in lower case with their values, from the raw list. */
const headersOf = (request: IncomingMessage | undefined) => request?.headers ?? {};

test("a live stream leaves as HTTP/1.0, closed at its end, never chunked, to an HTTP/1.1 request too", async () => {
  running.edge.onRequest = (_, response) => {
    response.writeHead(200, { "Content-Type": "audio/mpeg", "icy-name": "Radio" });
    response.write("first ");
    setTimeout(() => response.end("second"), 20);
  };
  const reply = await running.exchange(
    "GET /live.mp3 HTTP/1.1\r\nHost: radio:8000\r\nRange: bytes=0-\r\n\r\n",
  );
  const [head, body] = reply.split("\r\n\r\n");
  expect(head?.startsWith("HTTP/1.0 200 OK\r\n")).toBe(true);
  expect(head).toContain("\r\nicy-name: Radio");
  expect(head).toContain("\r\nConnection: Close");
  expect(head?.toLowerCase()).not.toContain("transfer-encoding");
  expect(body).toBe("first second");
});

test("the edge is told who asks and for which host, and nothing that the client made up about it", async () => {
  running.edge.onRequest = (request, response) => {
    seen.push(request);
    response.end("ok");
  };
  await running.exchange(
    "GET /x?a=b HTTP/1.1\r\nHost: radio.example:8000\r\nIcy-MetaData: 1\r\nConnection: X-Drop\r\nX-Drop: 1\r\n" +
      "X-Skywave-Client: 6.6.6.6\r\nX-Skywave-Ingest: guess\r\nX-Forwarded-Host: evil\r\nX-Forwarded-For: 6.6.6.6\r\n" +
      "CF-Connecting-IP: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nTE: trailers\r\nUpgrade: h2c\r\n\r\n",
  );
  const { host, connection, ...rest } = headersOf(seen[0]);
  expect(seen[0]?.url).toBe("/x?a=b");
  expect(host).toBe(running.edge.url.slice("http://".length));
  expect(connection).toBe("close");
  expect(rest).toEqual({
    "icy-metadata": "1",
    "x-forwarded-host": "radio.example:8000",
    "x-forwarded-proto": "http",
    "x-forwarded-port": String(running.ports.port),
    "x-skywave-client": "127.0.0.1",
    "x-skywave-ingest": running.edge.token,
  });
});

test("raw UTF-8 arrives as such in headers, percent-encoded in the target, and comes back byte for byte", async () => {
  running.edge.onRequest = (request, response) => {
    seen.push(request);
    response.setHeader("icy-name", Buffer.from("라디오", "utf8").toString("latin1"));
    response.end();
  };
  const reply = await running.exchange("GET /라디오 x HTTP/1.0\r\nX-Title: 라디오\r\n\r\n");
  expect(seen[0]?.url).toBe(`/${encodeURIComponent("라디오")}%20x`);
  expect(Buffer.from(String(headersOf(seen[0])["x-title"]), "latin1").toString()).toBe("라디오");
  expect(Buffer.from(reply, "latin1").toString()).toContain("icy-name: 라디오\r\n");
});

test("HEAD gets the headers alone, with the length", async () => {
  running.edge.onRequest = (_, response) => response.setHeader("Content-Length", "1234").end();
  const reply = await running.exchange("HEAD /x HTTP/1.1\r\n\r\n");
  expect(reply).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
  expect(reply).toContain("Content-Length: 1234\r\n");
  expect(reply.endsWith("\r\n\r\n")).toBe(true);
});

test.each([
  ["a length", "Content-Length: 11\r\n\r\n", "hello world"],
  ["chunks", "Transfer-Encoding: chunked\r\n\r\n", "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"],
])("a body framed by %s reaches the edge whole", async (_, framing, body) => {
  running.edge.onRequest = (request, response) => {
    void bodyOf(request).then((received) => response.writeHead(201).end(received));
  };
  const client = running.connect();
  client.send(`POST /api/x HTTP/1.1\r\n${framing}${body.slice(0, 4)}`);
  await new Promise((resolve) => setTimeout(resolve, 10));
  client.send(body.slice(4));
  const reply = await client.text();
  expect(reply).toMatch(/^HTTP\/1\.0 201 Created\r\n/);
  expect(reply.endsWith("\r\n\r\nhello world")).toBe(true);
});

test("a body that is too large or whose chunks are wrong is refused", async () => {
  const tooLarge = await running.exchange("POST /x HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n");
  expect(tooLarge).toMatch(/^HTTP\/1\.0 413 /);
  const wrong = await running.exchange("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  expect(wrong).toMatch(/^HTTP\/1\.0 400 /);
});

test.each([
  ["is cut off", "Content-Length: 20\r\n\r\nbegin", "", true],
  ["has wrong chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n", "zz\r\n", false],
])("an answer under way is not written into when the body then %s", async (_, start, rest, closes) => {
  let answer = () => {};
  running.edge.onRequest = (_request, response) => {
    response.writeHead(200);
    response.write("early ");
    answer = () => response.end("and whole");
  };
  const client = running.connect();
  client.send(`POST /x HTTP/1.1\r\n${start}`);
  await client.until(/early /);
  client.send(rest);
  if (closes) client.socket.end();
  const next = await running.exchange("GET /health HTTP/1.0\r\n\r\n");
  expect(next).toMatch(/^HTTP\/1\.0 200 /);
  answer();
  const reply = await client.text();
  expect(reply.slice(reply.indexOf("\r\n\r\n") + 4)).toBe("early and whole");
});

test.each([
  "/cdn-cgi/local/r2/s3/skywave-segments/x",
  "//cdn-cgi/x",
  "/./cdn-cgi/x",
  "/a/../cdn-cgi/x",
  "/%63dn-cgi/x",
  "/%2563dn-cgi/x",
  "/CDN-CGI/x",
  "/\\cdn-cgi/x",
  "/cdn-cgi",
  "http://radio/cdn-cgi/x",
  "/api/ingest/v1/claim",
  "/api//ingest/v1/claim",
  "/api/./ingest/v1/claim",
  "/api/x/../ingest/v1/claim",
  "/api/x//../../ingest/v1/claim",
  "/api/x/%2e%2e/ingest/v1/claim",
  "/api/x/%252e%252e/ingest/v1/claim",
  "/api/x\\..\\ingest\\v1/claim",
  "/API/x/.%2E/Ingest",
])("%s stays here: the edge's own doors are not opened from outside", async (target) => {
  running.edge.onRequest = (request) => seen.push(request);
  expect(await running.exchange(`GET ${target} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.0 404 /);
  expect(seen).toEqual([]);
});

test("a client that leaves ends its request at the edge", async () => {
  let closed = false;
  running.edge.onRequest = (_, response) => {
    response.on("close", () => {
      closed = true;
    });
    setInterval(() => response.write("x"), 5).unref();
  };
  const client = running.connect();
  client.send("GET /live.mp3 HTTP/1.0\r\n\r\n");
  await client.until(/x$/);
  client.socket.destroy();
  await eventually(() => closed);
  expect(client.received).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
});

test("a client that does not read slows the edge down instead of filling our memory", async () => {
  const offered = 64 * 1024 * 1024;
  let written = 0;
  let stalled = false;
  running.edge.onRequest = (_, response) => {
    const chunk = Buffer.alloc(65_536);
    const more = () => {
      while (written < offered) {
        written += chunk.length;
        if (!response.write(chunk)) {
          stalled = true;
          response.once("drain", () => {
            stalled = false;
            more();
          });
          return;
        }
      }
    };
    more();
  };
  const client = running.connect();
  client.socket.pause();
  client.send("GET /live.mp3 HTTP/1.0\r\n\r\n");
  let before = -1;
  await eventually(() => {
    const still = stalled && written === before;
    before = written;
    return still;
  });
  expect(written).toBeLessThan(offered / 2);
  client.socket.destroy();
});

test("an answer that breaks off ends here as well, shorter than it says", async () => {
  running.edge.onRequest = (_, response) => {
    response.writeHead(200, { "Content-Length": "1000" });
    response.write("part", () => response.destroy());
  };
  const reply = await running.exchange("GET /x HTTP/1.0\r\n\r\n");
  expect(reply).toContain("Content-Length: 1000\r\n");
  expect(reply.endsWith("\r\n\r\npart")).toBe(true);
});

test("without an edge the answer is 502 in Icecast's layout", async () => {
  await running.edge.close();
  const reply = await running.exchange("GET /live.mp3 HTTP/1.1\r\n\r\n");
  expect(reply).toMatch(/^HTTP\/1\.0 502 Bad Gateway\r\n/);
  expect(reply).toContain("<b>502 - ");
  await running.edge.open();
});

test("OPTIONS * is libshout asking for TLS: 200, closed, no Allow; other methods are unknown requests", async () => {
  const options = await running.exchange("OPTIONS * HTTP/1.1\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n");
  expect(options).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
  expect(options).toContain("Connection: Close\r\n");
  expect(options).not.toMatch(/allow/i);
  for (const method of ["TRACE", "BREW"]) {
    const reply = await running.exchange(`${method} /x HTTP/1.1\r\n\r\n`);
    expect(reply).toContain("<b>400 - unknown request</b>");
  }
});

test.each([
  [
    "switches protocols unasked",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw",
  ],
  ["speaks no HTTP", "SSH-2.0-x\r\n\r\n"],
  [
    "frames its answer twice",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
  ],
  ["has a control character in a header", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"],
])("an edge that %s is one that cannot be reached", async (_, answer) => {
  running.edge.onRequest = (request) => request.socket.end(Buffer.from(answer, "latin1"));
  const reply = await running.exchange("GET /x HTTP/1.1\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
  expect(reply.match(/HTTP\/1\.[01] \d\d\d/g)).toEqual(["HTTP/1.0 502"]);
});

test("two answers in one are the first of them, and what follows is not passed down", async () => {
  running.edge.onRequest = (request) => {
    const one = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    request.socket.end(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${one}one${one}two`);
  };
  const reply = await running.exchange("GET /x HTTP/1.1\r\n\r\n");
  expect(reply.match(/HTTP\/1\.[01] \d\d\d/g)).toEqual(["HTTP/1.0 200"]);
  expect(reply.endsWith("\r\n\r\none")).toBe(true);
});
