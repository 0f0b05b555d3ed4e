import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type * as http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import { hashPassword } from "../../shared/password-hash.ts";
import { adminPassword, basic, eventually, frames, RunningIngest, sourceHead } from "./running-ingest.ts";

let running: RunningIngest;
let folder: string;
let listeners = "1";
/** Records of listeners that have gone, as the edge keeps them. */
let records: { sequence: number; userAgent: string }[];
const afters: number[] = [];

beforeEach(() => {
  running = new RunningIngest();
  folder = mkdtempSync(join(tmpdir(), "skywave-services-"));
  listeners = "1";
  records = [];
  running.edge.onRequest = (request, response) => void answer(request, response);
});
afterEach(async () => {
  await running.close();
  rmSync(folder, { recursive: true, force: true });
});

async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  let body = "";
  for await (const part of request) body += String(part);
  if (request.url === "/api/ingest/v1/statistics") {
    response.end(JSON.stringify({ global: { clients: "2" }, sources: { "/a.mp3": { listeners } } }));
  } else if (request.url === "/api/ingest/v1/records") {
    const { after } = JSON.parse(body) as { after: number };
    afters.push(after);
    const left = records.filter(({ sequence }) => sequence > after);
    const rest = {
      id: 1,
      mount: "/a.mp3",
      address: "192.0.2.1",
      referer: "",
      country: null,
      user: "bob",
      request: "GET /a.mp3 HTTP/1.1",
      startedMs: 0,
      endedMs: 61_000,
      bytesSent: 1_000_000,
    };
    response.end(JSON.stringify({ records: left.map((record) => ({ ...rest, ...record })) }));
  } else response.end(`edge ${request.url}`);
}

const admin = basic("admin", adminPassword);
const ask = (line: string, headers = admin) => running.exchange(`${line} HTTP/1.0\r\n${headers}\r\n`);

describe("STATS", () => {
  it("brings the dump and every change over a socket, to the administrator", async () => {
    await running.open({ dataDir: folder });
    const client = running.connect();
    client.send(`STATS / HTTP/1.0\r\n${admin}\r\n`);
    await client.until(/EVENT \/a.mp3 listeners 1\n/);
    expect(client.received).toMatch(
      /^HTTP\/1\.0 200 OK\r\n\r\nEVENT global clients 2\nEVENT global stats 1\n/,
    );
    listeners = "5";
    await client.until(/EVENT \/a.mp3 listeners 5\n/);
    expect(client.received.match(/EVENT global clients/g)?.length).toBe(1);
    client.socket.destroy();
  });

  it("is refused without a login, and with a wrong one", async () => {
    await running.open({ dataDir: folder });
    for (const headers of ["", basic("admin", "wrong")]) {
      const reply = await ask("STATS /", headers);
      expect(reply).toMatch(/^HTTP\/1\.0 401 Authentication Required\r\n/);
      expect(reply).toContain('WWW-Authenticate: Basic realm="Icecast2 Server"\r\n');
      expect(reply).toMatch(/\r\n\r\nYou need to authenticate\r\n$/);
    }
  });
});

describe("/metrics", () => {
  it("counts what sources send, also of those that have gone", async () => {
    await running.open({ dataDir: folder });
    const source = running.connect();
    source.send(sourceHead("/a.mp3"));
    await source.until(/200 OK/);
    source.send(Buffer.concat([Buffer.from("garbage"), frames(40)]));
    await eventually(() => running.edge.announcements.length > 0);
    const during = await ask("GET /metrics");
    expect(during).toContain("skywave_ingest_sources 1\n");
    expect(during).toContain("skywave_ingest_segment_publish_seconds_count 1\n");
    source.socket.end();
    await source.text();
    await ask("GET /metrics", basic("admin", "wrong"));
    const after = await ask("GET /metrics");
    expect(after).toContain("skywave_ingest_sources 0\n");
    expect(after).toContain("skywave_ingest_frames_total 40\n");
    expect(after).toContain("skywave_ingest_garbage_bytes_total 7\n");
    expect(after).toContain(`skywave_ingest_received_bytes_total ${7 + 40 * 417}\n`);
    expect(after).toContain("skywave_ingest_logins_refused_total 1\n");
  });

  it("is for users who may look, and for no others", async () => {
    const users = [
      { name: "eve", role: "viewer" as const, hash: await hashPassword("looks") },
      { name: "rel", role: "relay" as const, hash: await hashPassword("relays") },
    ];
    await running.open({ dataDir: folder, edgeSecrets: { users, signingKeys: [], listeners: {} } });
    const statuses: (string | undefined)[] = [];
    for (const login of [
      "",
      basic("eve", "looks"),
      basic("eve", "wrong"),
      basic("rel", "relays"),
      basic("source", "hackme-pw"),
    ]) {
      statuses.push((await ask("GET /metrics", login)).split(" ")[1]);
    }
    expect(statuses).toEqual(["401", "200", "401", "401", "401"]);
  });
});

describe("/health", () => {
  it("speaks of hidden mounts to this machine alone", async () => {
    const station = edgeStationSchema.parse({ mounts: { "/a.mp3": { hidden: true } } });
    await running.open({ dataDir: folder }, station);
    for (const mount of ["/a.mp3", "/b.mp3"]) {
      const source = running.connect();
      source.send(sourceHead(mount));
      await source.until(/200 OK/);
    }
    const get = "GET /health HTTP/1.0\r\n\r\n";
    const here = await running.exchange(get);
    expect(here.match(/"\/a\.mp3"/g)).toHaveLength(2);
    const elsewhere = await running.exchange(get, running.ports.port, "127.9.0.1");
    expect(elsewhere.match(/"\/b\.mp3"/g)).toHaveLength(2);
    expect(elsewhere).not.toContain("/a.mp3");
  });
});

describe("the webroot", () => {
  it("has files beside the edge's pages", async () => {
    writeFileSync(join(folder, "hello.txt"), "hello");
    writeFileSync(join(folder, "status.xsl"), "not this");
    await running.open({ dataDir: folder, webroot: folder });
    expect(await ask("GET /hello.txt", "")).toMatch(/\r\n\r\nhello$/);
    expect(await ask("GET /status.xsl", "")).toMatch(/edge \/status\.xsl$/);
    expect(await ask("GET /nothing.txt", "")).toMatch(/edge \/nothing\.txt$/);
  });
});

describe("the logs", () => {
  /** Empty as long as there is none: each file is written in its own time. */
  const text = (name: string) => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  const logs = () => ({
    folder,
    access: "access.log",
    playlist: "playlist.log",
    maxBytes: 0,
    archive: false,
  });

  it("have a line for each listener and each source that has gone, and for each title", async () => {
    records = [{ sequence: 7, userAgent: "VLC" }];
    await running.open({ dataDir: folder, logs: logs() });
    await eventually(() => afters.includes(7));
    const source = running.connect();
    source.send(sourceHead("/a.mp3", "User-Agent: enc/1\r\n"));
    await source.until(/200 OK/);
    source.send(frames(4));
    const login = basic("source", "hackme-pw");
    await running.exchange(
      `GET /admin/metadata?mode=updinfo&mount=/a.mp3&song=A%20-%20B HTTP/1.0\r\n${login}\r\n`,
    );
    source.socket.end();
    await source.text();
    await eventually(() => text("access.log").includes("SOURCE") && text("playlist.log") !== "");
    const date = String.raw`\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`;
    expect(text("access.log")).toMatch(
      new RegExp(
        String.raw`^192\.0\.2\.1 - bob ${date} "GET /a\.mp3 HTTP/1\.1" 200 1000000 "-" "VLC" 61\n` +
          String.raw`127\.0\.0\.1 - source ${date} "SOURCE /a\.mp3 HTTP/1\.0" 200 1668 "-" "enc/1" 0\n$`,
      ),
    );
    expect(text("playlist.log")).toMatch(/^\d\d\/\w{3}\/\d{4}:\S+ [+-]\d{4}\|\/a\.mp3\|0\|A - B\n$/);
  });

  it("that cannot be written take no source off the air", async () => {
    await running.open({ dataDir: folder, logs: { ...logs(), folder: "/dev/null/none" } });
    const source = running.connect();
    source.send(sourceHead("/a.mp3"));
    await source.until(/200 OK/);
    source.send(frames(40));
    await eventually(() => running.edge.announcements.length > 0);
    source.socket.end();
    await source.text();
    await eventually(() =>
      running.logLines.some(
        (line) => line.includes("lines of a log are lost") || line.includes("the access log waits"),
      ),
    );
  });
});
