import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { byteRange } from "../../ingest/byte-range.ts";
import { Webroot, type WebrootOptions } from "../../ingest/webroot.ts";
import { RequestHeadParser } from "../../shared/source/request-head.ts";

const outer = mkdtempSync(join(tmpdir(), "skywave-web-"));
const folder = join(outer, "web");
const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
let server: net.Server;
/** A file that is none: what opens it would have to talk. */
const pipe = net.createServer();
let port = 0;
let options: Partial<WebrootOptions> = {};

beforeAll(async () => {
  mkdirSync(join(folder, "sub"), { recursive: true });
  mkdirSync(join(folder, ".git"));
  writeFileSync(join(folder, "a.bin"), body);
  writeFileSync(join(folder, "style.css"), "0123456789");
  writeFileSync(join(folder, "empty.txt"), "");
  writeFileSync(join(folder, "status.xsl"), "a stylesheet");
  writeFileSync(join(folder, ".git", "config"), "secret");
  writeFileSync(join(folder, "live.mp3"), "a file");
  writeFileSync(join(outer, "secret"), "secret");
  writeFileSync(join(folder, "sub", "한글 page.html"), "<p>");
  mkdirSync(join(outer, ".keys"));
  writeFileSync(join(outer, ".keys", "private"), "secret");
  writeFileSync(join(outer, "theme.css"), "a theme");
  symlinkSync(join(outer, "theme.css"), join(folder, "out.css"));
  symlinkSync(outer, join(folder, "up"));
  symlinkSync(join(outer, ".keys", "private"), join(folder, "private"));
  symlinkSync(join(folder, ".git", "config"), join(folder, "config"));
  symlinkSync(join(outer, "theme.css"), join(folder, ".theme.css"));
  symlinkSync(join(outer, "nothing"), join(folder, "broken"));
  symlinkSync("style.css", join(folder, "in.css"));
  await new Promise<void>((resolve) => pipe.listen(join(folder, "pipe"), resolve));
  server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const parser = new RequestHeadParser({ maxBytes: 16_384, maxHeaders: 100 });
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      const head = parser.push(chunk);
      if (!head) return;
      socket.removeAllListeners("data");
      socket.pause();
      const webroot = new Webroot({
        folder: () => folder,
        isMount: () => false,
        headers: () => [],
        aliases: () => [],
        ...options,
      });
      void webroot.serve(socket, head, head.target).then((isServed) => {
        if (!isServed) socket.end("not ours");
      });
    });
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address ? address.port : 0;
});
afterAll(() => {
  server.close();
  pipe.close();
  rmSync(outer, { recursive: true, force: true });
});

async function ask(path: string, headers = "", method = "GET"): Promise<{ head: string; body: Buffer }> {
  const socket = net.connect(port, "127.0.0.1");
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  const all = Buffer.concat(parts);
  const end = all.indexOf("\r\n\r\n");
  return end < 0
    ? { head: all.toString(), body: Buffer.alloc(0) }
    : { head: all.subarray(0, end).toString(), body: all.subarray(end + 4) };
}

describe("a file of the webroot", () => {
  it("comes whole, with its type, its length and a validator", async () => {
    const { head, body: got } = await ask("/style.css");
    expect(head).toMatch(/^HTTP\/1\.0 200 OK\r\nServer: Skywave\r\nConnection: Close\r\n/);
    expect(head).toContain("Content-Type: text/css; charset=utf-8\r\n");
    expect(head).toContain("Content-Length: 10\r\n");
    expect(head).toContain("Accept-Ranges: bytes");
    expect(got.toString()).toBe("0123456789");
  });

  it("comes by any spelling of its name, and a query is no part of it", async () => {
    const { body: got } = await ask(`/sub/${encodeURIComponent("한글 page.html")}`);
    expect(got.toString()).toBe("<p>");
  });

  it("larger than a socket's buffer comes byte for byte", async () => {
    expect((await ask("/a.bin")).body.equals(body)).toBe(true);
  });

  it("of nothing is a reply of nothing", async () => {
    const { head, body: got } = await ask("/empty.txt");
    expect(head).toContain("Content-Length: 0\r\n");
    expect(got.length).toBe(0);
  });

  it("is described to HEAD", async () => {
    const { head, body: got } = await ask("/style.css", "", "HEAD");
    expect(head).toContain("200 OK");
    expect(head).toContain("Content-Length: 10\r\n");
    expect(got.length).toBe(0);
  });

  it("comes in part, the end as it was asked for", async () => {
    const { head, body: got } = await ask("/style.css", "Range: bytes=5-7\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 206 Partial Content\r\n/);
    expect(head).toContain("Content-Range: bytes 5-7/10\r\n");
    expect(head).toContain("Content-Length: 3\r\n");
    expect(got.toString()).toBe("567");
  });

  it("has nothing behind its end", async () => {
    const { head } = await ask("/style.css", "Range: bytes=10-\r\n");
    expect(head).toMatch(/^HTTP\/1\.0 416 Request Range Not Satisfiable\r\n/);
    expect(head).toContain("Content-Range: bytes */10\r\n");
  });

  it("comes whole when it is another than the one of which a part was asked for", async () => {
    const tag = /ETag: (\S+)/.exec((await ask("/style.css")).head)?.[1] ?? "";
    const same = await ask("/style.css", `Range: bytes=0-1\r\nIf-Range: ${tag}\r\n`);
    const other = await ask("/style.css", 'Range: bytes=0-1\r\nIf-Range: "x"\r\n');
    expect([same.body.toString(), other.body.toString()]).toEqual(["01", "0123456789"]);
    expect((await ask("/style.css", `If-None-Match: ${tag}\r\n`)).head).toMatch(/^HTTP\/1\.0 304 /);
  });

  it("has the station's headers, its own in place of ours", async () => {
    options = {
      headers: () => [
        { name: "Access-Control-Allow-Origin", value: "https://a" },
        { name: "X-404", value: "x", status: 404 },
      ],
    };
    const { head } = await ask("/style.css");
    options = {};
    expect(head.match(/Access-Control-Allow-Origin/g)?.length).toBe(1);
    expect(head).toContain("https://a");
    expect(head).not.toContain("X-404");
  });

  it("comes through the operator's links, which may lead out of the folder", async () => {
    const bodies = ["/in.css", "/out.css", "/up/theme.css"].map(async (path) => (await ask(path)).body);
    expect((await Promise.all(bodies)).map(String)).toEqual(["0123456789", "a theme", "a theme"]);
  });

  it("comes under its alias", async () => {
    options = {
      aliases: () => [
        { source: "/look", destination: "/style.css" },
        { source: "/not", destination: "/a.bin", port: 1 },
      ],
    };
    const found = (await ask("/look")).body.toString();
    const other = (await ask("/not")).head;
    options = {};
    expect([found, other]).toEqual(["0123456789", "not ours"]);
  });
});

describe("what is no file", () => {
  it.each([
    "/",
    "/sub",
    "/sub/",
    "/nothing",
    "/../secret",
    "/sub/../../secret",
    "/%2e%2e/secret",
    "/..%2fsecret",
    "/sub/..%5c..%5csecret",
    "/secret",
    "/up",
    "/up/.keys/private",
    "/up/../secret",
    "/private",
    "/config",
    "/.theme.css",
    "/broken",
    "/.git/config",
    "/%2egit/config",
    "//style.css",
    "/style.css%00",
    "/style.css/",
    "/pipe",
    "/%ff",
    "/status.xsl",
    "/Status.XSL",
    "/admin/stats",
    "/health",
  ])("%s is left to others", async (path) => {
    expect((await ask(path)).head).toBe("not ours");
  });

  it("a mount on air goes before a file of its name", async () => {
    expect((await ask("/live.mp3")).body.toString()).toBe("a file");
    options = { isMount: (path) => path === "/live.mp3" };
    const { head } = await ask("/live.mp3");
    options = {};
    expect(head).toBe("not ours");
  });
});

test("ranges are those of RFC 9110", () => {
  expect(byteRange(undefined, 10)).toBe("all");
  expect(byteRange("bytes=0-", 10)).toEqual({ from: 0, to: 9 });
  expect(byteRange("bytes=5-9", 3_879)).toEqual({ from: 5, to: 9 });
  expect(byteRange("bytes=5-99", 10)).toEqual({ from: 5, to: 9 });
  expect(byteRange("bytes=-3", 10)).toEqual({ from: 7, to: 9 });
  expect(byteRange("bytes=-30", 10)).toEqual({ from: 0, to: 9 });
  expect(byteRange("bytes=-0", 10)).toBe("unsatisfiable");
  expect(byteRange("bytes=10-", 10)).toBe("unsatisfiable");
  expect(byteRange("bytes=0-", 0)).toBe("unsatisfiable");
  for (const other of ["bytes=5-2", "bytes=0-1,3-4", "bytes=-", "items=0-1", "bytes=a-b", "bytes"]) {
    expect(byteRange(other, 10), other).toBe("all");
  }
});

test("any header gives a part of the file, all of it or none", () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
  );
  fc.assert(
    fc.property(header, fc.nat(), (text, size) => {
      const range = byteRange(text, size);
      if (typeof range === "string") return;
      expect(range.from).toBeLessThanOrEqual(range.to);
      expect(range.to).toBeLessThan(size);
    }),
  );
});
