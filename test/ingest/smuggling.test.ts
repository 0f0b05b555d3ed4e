import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RecordingUpstream } from "./recording-upstream.ts";
import { RunningIngest } from "./running-ingest.ts";

const upstream = new RecordingUpstream();
const running = new RunningIngest();
beforeAll(async () => {
  await upstream.open();
  await running.open({ edgeUrl: upstream.url });
});
afterAll(async () => {
  await running.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.connections.length = 0;
});

/** Each request comes from an address of its own: answers to one that is refused often are held back. */
let clients = 0;
const address = () => `127.9.${clients >> 8}.${clients & 255}`;
function connect() {
  clients++;
  return running.connect(running.ports.port, address());
}

const second = "POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

/** Sends what may be one request, a second one after it, and returns the status of the one answer. */
async function statusOf(bytes: string): Promise<string> {
  const client = connect();
  client.send(Buffer.from(bytes, "latin1"));
  const reply = await client.text();
  expect(reply.match(/HTTP\/1\.[01] \d\d\d/g) ?? [], `answers to ${JSON.stringify(bytes)}`).toHaveLength(1);
  return reply.slice(9, 12);
}

/** The one request that may have come. */
function only() {
  const requests = upstream.requests();
  expect(requests.length).toBeLessThanOrEqual(1);
  for (const { headers } of requests) {
    const of = (wanted: string) =>
      headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
    expect(of("host")).toEqual([upstream.host]);
    expect(of("connection")).toEqual(["close"]);
    expect(of("x-skywave-client")).toEqual([address()]);
    expect(of("x-skywave-ingest")).toEqual([running.edge.token]);
    expect(of("x-forwarded-proto")).toEqual(["http"]);
  }
  return requests[0];
}

describe("a target", () => {
  test.each([
    ["/x%0d%0aHost:%20evil%0d%0a%0d%0aGET%20/y", "/x%0d%0aHost:%20evil%0d%0a%0d%0aGET%20/y"],
    ["/x%00", "/x%00"],
    ["/x%0a", "/x%0a"],
    ["/a b", "/a%20b"],
    ["/x HTTP/1.1", "/x%20HTTP/1.1"],
    ["/x\u00a0y", "/x%C2%A0y"],
    ["/x\u0085y", "/x%C2%85y"],
    ["/x\u2028y", "/x%E2%80%A8y"],
    ["http://evil.example/x?y", "/x?y"],
    ["HTTPS://user:pw@evil.example:81/x", "/x"],
    ["http://evil.example\\@other/x", "/x"],
    ["http:///x", "/x"],
    ["//evil.example/x", "//evil.example/x"],
    ["///evil.example/x", "///evil.example/x"],
    ["/\\evil.example/x", "/\\evil.example/x"],
    ["/x#y", "/x"],
    ["/x?y#z", "/x?y"],
    ["/http://evil.example/", "/http://evil.example/"],
    ["/x?url=http://evil.example/", "/x?url=http://evil.example/"],
  ])("%j reaches the edge as one of its own paths", async (target, arrives) => {
    const line = Buffer.from(`GET ${target} HTTP/1.1`, "utf8").toString("latin1");
    expect(await statusOf(`${line}\r\nHost: x\r\n\r\n${second}`)).toBe("204");
    expect(only()?.target).toBe(arrives);
  });

  test.each([
    "/x\rHost: evil",
    "/x\nX: y",
    "/x\0",
    "/x\ty",
    "/x\x0by",
    "/x\x7f",
    "x",
    "evil.example:443",
    "http:/evil.example/x",
    "http:\\\\evil.example\\x",
    "ftp://evil.example/x",
    "file:///etc/passwd",
    "http://evil.example",
    "http://evil.example?x",
    "\\\\evil.example\\x",
    "*",
    "?x",
    "#/x",
    "%2fx",
  ])("%j is refused", async (target) => {
    for (const method of ["GET", "POST"]) {
      expect(await statusOf(`${method} ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)).toBe("400");
    }
    expect(upstream.connections).toEqual([]);
  });
});

describe("a request line", () => {
  test.each([
    "GET /x",
    "GET /x HTTP/0.9",
    "GET /x HTTP/2.0",
    "GET /x HTTP/1.2",
    "GET /x http/1.1",
    "GET /x HTTP/1.10",
    "GET /x HTTP/01.1",
    "GET\t/x\tHTTP/1.1",
    "GET HTTP/1.1",
    " GET /x HTTP/1.1",
    "G=T /x HTTP/1.1",
    "GET /x HTTP/1.1\x00",
    "PRI * HTTP/2.0",
    "GE\0T /x HTTP/1.1",
    "CONNECT evil.example:443 HTTP/1.1",
    "CONNECT /x HTTP/1.1",
    "TRACE /x HTTP/1.1",
    "PATCH /x HTTP/1.1",
  ])("%j is refused", async (line) => {
    expect(await statusOf(`${line}\r\n\r\n${second}`)).toBe("400");
    expect(upstream.connections).toEqual([]);
  });

  test.each([
    "get /x HTTP/1.1",
    "GET  /x  HTTP/1.1",
    "GET /x HTTP/1.0",
    "GET /x ICE/1.0",
    "\r\n\nGET /x HTTP/1.1",
  ])("%j is read and written anew", async (line) => {
    expect(await statusOf(`${line}\nHost: x\n\n${second}`)).toBe("204");
    expect(only()).toMatchObject({ method: "GET", target: "/x", body: "" });
  });
});

describe("a body whose end two readers could see in different places", () => {
  test.each([
    ["a length beside chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked"],
    ["chunks beside a length", "Transfer-Encoding: chunked\r\nContent-Length: 5"],
    ["chunks beside no length at all", "Transfer-Encoding: chunked\r\nContent-Length: 0"],
    ["two lengths", "Content-Length: 5\r\nContent-Length: 0"],
    ["two lengths of one value in two spellings", "Content-Length: 5\r\nContent-Length: 05"],
    ["two lengths in a line", "Content-Length: 5, 0"],
    ["one length twice in a line", "Content-Length: 5, 5"],
    ["a signed length", "Content-Length: +5"],
    ["a negative length", "Content-Length: -5"],
    ["a hexadecimal length", "Content-Length: 0x5"],
    ["a length with a fraction", "Content-Length: 5.0"],
    ["a length with an exponent", "Content-Length: 5e0"],
    ["a length in other digits", "Content-Length: \xd9\xa5"],
    ["an empty length", "Content-Length: "],
    ["a length with a blank in it", "Content-Length: 0 5"],
    ["a length no number holds", "Content-Length: 18446744073709551621"],
    ["a length after a vertical tab", "Content-Length: \x0b5"],
    ["a length after a no-break space", "Content-Length: \xa05"],
    ["a folded header", "X: a\r\n Content-Length: 5"],
    ["a header folded with a tab", "X: a\r\n\tTransfer-Encoding: chunked"],
    ["a blank before the colon", "Content-Length : 5"],
    ["a tab before the colon", "Transfer-Encoding\t: chunked"],
    ["a blank before the name", " Content-Length: 5"],
    ["a name that is quoted", '"Content-Length": 5'],
    ["a name with a NUL", "Content-Length\0: 5"],
    ["a name with a slash", "Content/Length: 5"],
    ["a name with a byte over 127", "Content-Length\xa0: 5"],
    ["no name", ": 5"],
    ["no colon", "Content-Length 5"],
    ["a bare CR", "X: a\rContent-Length: 5"],
    ["a NUL in a value", "X: a\0b"],
    ["DEL in a value", "X: a\x7fb"],
    ["an unknown coding", "Transfer-Encoding: xchunked"],
    ["chunked and then identity", "Transfer-Encoding: chunked, identity"],
    ["gzip and then chunked", "Transfer-Encoding: gzip, chunked"],
    ["two codings in two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"],
    ["chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"],
    ["chunked twice in a line", "Transfer-Encoding: chunked, chunked"],
    ["a coding in quotes", 'Transfer-Encoding: "chunked"'],
    ["a coding with a parameter", "Transfer-Encoding: chunked;q=1"],
    ["a coding after a vertical tab", "Transfer-Encoding: \x0bchunked"],
    ["a coding before a no-break space", "Transfer-Encoding: chunked\xa0"],
    ["an empty coding", "Transfer-Encoding: "],
    ["an empty coding beside chunked", "Transfer-Encoding: ,chunked"],
  ])("(%s) is refused", async (_, lines) => {
    for (const method of ["POST", "DELETE"]) {
      const status = await statusOf(`${method} /x HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n0\r\n\r\n${second}`);
      expect(status).toMatch(/^(?:400|501)$/);
    }
    // Of methods without a body the coding is not looked at, and nothing of it passed on.
    await statusOf(`GET /x HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n0\r\n\r\n${second}`);
    expect(only() ?? { body: "" }).toMatchObject({ body: "" });
  });

  test.each([
    ["a length with zeros before it", "Content-Length: 005", "hello", "hello"],
    ["one length twice", "Content-Length: 5\r\nContent-Length: 5", "hello", "hello"],
    ["a length between tabs", "Content-Length:\t5\t", "hello", "hello"],
    ["a length named by Connection", "Connection: Content-Length\r\nContent-Length: 5", "hello", "hello"],
    ["chunks in capitals", "Transfer-Encoding:\tCHUNKED ", "5\r\nhello\r\n0\r\n\r\n", "hello"],
    [
      "chunks named by Connection",
      "Connection: transfer-encoding\r\nTransfer-Encoding: chunked",
      "5\r\nhello\r\n0\r\n\r\n",
      "hello",
    ],
    ["an extension", "Transfer-Encoding: chunked", '5;a="\r\n"\r\nhello\r\n0\r\n\r\n', null],
    ["an extension that looks like a size", "Transfer-Encoding: chunked", "5 ; 0\nhello\n0\n\n", "hello"],
    [
      "a trailer",
      "Transfer-Encoding: chunked",
      "5\r\nhello\r\n0\r\nContent-Length: 9\r\nHost: evil\r\n\r\n",
      "hello",
    ],
    ["no length", "X: y", "", ""],
  ])("(%s) is framed anew", async (_, lines, body, arrives) => {
    const status = await statusOf(`POST /x HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n${body}${second}`);
    if (arrives === null) expect(status).toBe("400");
    else expect(only()?.body).toBe(arrives);
  });

  test.each([
    "+5\r\nhello",
    "-5\r\nhello",
    "0x5\r\nhello",
    " 5\r\nhello",
    "5 5\r\nhello",
    "\r\nhello",
    "500000000\r\nhello",
    "5\rX\r\nhello",
    "5\r\nhello!",
  ])("(chunk %j) is refused, and the edge gets no end of it", async (chunk) => {
    const head = "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(await statusOf(`${head}${chunk}\r\n0\r\n\r\n${second}`)).toBe("400");
    for (const bytes of upstream.connections) {
      expect(bytes).not.toContain("smuggled");
      expect(bytes).not.toMatch(/\r\n0\r\n\r\n$/);
    }
  });

  test("a body that is shorter than it says is not completed with anything", async () => {
    const client = connect();
    client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello");
    client.socket.end();
    expect(await client.text()).toMatch(/^HTTP\/1\.0 400 /);
    for (const bytes of upstream.connections)
      expect(bytes.split("\r\n\r\n")[1] ?? "").toMatch(/^(?:hello)?$/);
  });
});

describe("headers", () => {
  test("that belong to the way here end here, whoever names them and however they are written", async () => {
    const status = await statusOf(
      "GET /x HTTP/1.1\r\nHost: radio.example\r\nConnection: keep-alive, X-A ,x-skywave-ingest, host,X-Forwarded-Proto\r\n" +
        "connection: X-b\r\nCONNECTION: Upgrade\r\nX-A: 1\r\nx-B: 2\r\nX-C: 3\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n" +
        "Trailer: X-C\r\nUpgrade: websocket\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\n" +
        `Expect: 100-continue\r\nHOST: evil.example\r\n\r\n${second}`,
    );
    expect(status).toBe("204");
    const names = only()?.headers.map(([name]) => name.toLowerCase());
    expect(names).toEqual([
      "host",
      "connection",
      "x-c",
      "x-forwarded-host",
      "x-forwarded-proto",
      "x-forwarded-port",
      "x-skywave-client",
      "x-skywave-ingest",
    ]);
  });

  test.each([
    "X-Skywave-Ingest: guess",
    "x-skywave-client: 6.6.6.6",
    "X-SKYWAVE-ANYTHING: 1",
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Port: 6",
    "CF-Connecting-IP: 6.6.6.6",
    "Cf-Worker: evil",
    "CF-EW-Via: 15",
    "True-Client-IP: 6.6.6.6",
    "X-Real-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
    "MF-Original-URL: http://evil.example/cdn-cgi/local/explorer",
    "MF-Route-Override: other",
    "mf-op: GET",
    "MF-CF-Blob: {}",
  ])("%s, which only we or the platform may say, ends here", async (line) => {
    expect(await statusOf(`GET /x HTTP/1.1\r\nHost: x\r\n${line}\r\n${line}\r\n\r\n`)).toBe("204");
    const [, value = ""] = line.split(": ");
    expect(only()?.headers.map(([, each]) => each)).not.toContain(value);
  });

  test("with every character that a name may have arrive as they are", async () => {
    const name = "!#$%&'*+-.^_`|~09az";
    expect(await statusOf(`GET /x HTTP/1.1\r\nHost: x\r\n${name}: a\tb \xe9\r\n\r\n`)).toBe("204");
    expect(only()?.headers).toContainEqual([name, "a\tb \xc3\xa9"]);
  });

  test("a websocket is not opened", async () => {
    const status = await statusOf(
      "GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    expect(status).toBe("204");
    expect(only()?.headers.map(([name]) => name.toLowerCase())).not.toContain("upgrade");
  });
});

test("a client that waits for 100 Continue with a body gets it from here, and the edge is not asked for one", async () => {
  const client = connect();
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  client.send(`hello${second}`);
  expect(await client.text()).toContain("HTTP/1.0 204 ");
  expect(only()).toMatchObject({ body: "hello" });
});

test("no head, however it is put together, makes two requests or one that can be misread", async () => {
  const blank = fc.constantFrom("", " ", "\t", "\x0b", "\xa0", "\0", "\r");
  const end = fc.constantFrom(
    ...Array.from({ length: 20 }, () => "\r\n"),
    "\n",
    "\r",
    "\r\n ",
    "\n\t",
    "\r\n\r\n",
    "\0\r\n",
  );
  const name = fc.constantFrom(
    "Content-Length",
    "content-length",
    "Transfer-Encoding",
    "Connection",
    "Host",
    "Expect",
    "Upgrade",
    "X-Skywave-Ingest",
    "X-A",
    "Trailer",
  );
  const value = fc.oneof(
    fc.constantFrom(
      "0",
      "5",
      "05",
      "+5",
      "0x5",
      "5, 5",
      "chunked",
      "Chunked",
      "chunked, identity",
      "identity",
      "x",
    ),
    fc.constantFrom(
      "close",
      "content-length",
      "transfer-encoding, host",
      "100-continue",
      "websocket",
      "a\r\nX: y",
    ),
    fc.string({ unit: "binary-ascii", maxLength: 12 }),
  );
  const line = fc.tuple(name, blank, fc.constantFrom(":", ":", ":", ""), blank, value, blank, end);
  const method = fc.constantFrom("GET", "POST", "HEAD", "DELETE", "OPTIONS", "post", "BREW");
  const target = fc.oneof(
    fc.constantFrom(
      "/x",
      "//evil/x",
      "http://evil/x",
      "/x HTTP/1.1\r\nHost: y\r\n\r\nGET /y",
      "/%0d%0a",
      "*",
      "/\\",
    ),
    fc.string({ unit: "binary-ascii", maxLength: 12 }).map((text) => `/${text}`),
  );
  const version = fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "");
  const body = fc.constantFrom(
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "5;x\nhello\n0\nA: b\n\n",
  );
  const request = fc.record({ method, target, version, end, lines: fc.array(line, { maxLength: 5 }), body });
  let passedOn = 0;
  await fc.assert(
    fc.asyncProperty(request, async (made) => {
      upstream.connections.length = 0;
      const lines = made.lines.map((parts) => parts.join("")).join("");
      const start = `${made.method} ${made.target} ${made.version}${made.end}`;
      const client = connect();
      client.send(Buffer.from(`${start}${lines}\r\n${made.body}${second}${second}`, "latin1"));
      client.socket.end();
      const reply = await client.text();
      expect(reply.match(/HTTP\/1\.0 \d\d\d/g) ?? []).toHaveLength(1);
      expect(upstream.connections.length).toBeLessThanOrEqual(1);
      // A request that was given up in the middle of its body is not whole; one that was answered is.
      if (reply.includes("HTTP/1.0 204 ")) {
        passedOn++;
        only();
      } else for (const bytes of upstream.connections) expect(bytes).not.toContain("smuggled");
    }),
    { numRuns: 400 },
  );
  expect(passedOn).toBeGreaterThan(10);
}, 30_000);
