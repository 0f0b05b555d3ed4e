import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../config/config-error.ts";
import { refusedPerAddress } from "../../ingest/limits.ts";
import { openLog } from "../../ingest/log.ts";
import { Servers } from "../../ingest/server.ts";
import { basic, eventually, frames, RunningIngest, sourceHead, sourcePassword } from "./running-ingest.ts";

let running: RunningIngest;
beforeEach(() => {
  running = new RunningIngest();
});
afterEach(() => running.close());

const selfSigned = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" ");

function makeCertificate(): { readonly certFile: string; readonly keyFile: string } {
  const folder = mkdtempSync(join(tmpdir(), "skywave-tls-"));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-keyout", keyFile, "-out", certFile];
  execFileSync("openssl", [...selfSigned, ...subject], { stdio: "ignore" });
  return { certFile, keyFile };
}

const exchangeTls = (port: number, bytes: string | Uint8Array, until: RegExp) =>
  new Promise<string>((resolve) => {
    const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () =>
      socket.write(bytes),
    );
    let received = "";
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString();
      if (until.test(received)) socket.end();
    });
    socket.on("close", () => resolve(received));
    socket.on("error", () => undefined);
  });

const limits = {
  sources: 3,
  connections: 2,
  connectionsPerAddress: 50,
  headerTimeoutMs: 60,
  sourceTimeoutMs: 1_000,
  segmentMs: 500,
  burstMs: 4_000,
  graceMs: 15_000,
};

test("a certificate that was renewed is shown to who connects after a reload; one that does not fit its key is not", async () => {
  const files = makeCertificate();
  await running.open({ tls: { port: 0, shoutcastPort: 0, ...files } });
  const { tlsPort = 0, tlsShoutcastPort = 0 } = running.ports;
  const shown = (port: number) =>
    new Promise<string>((resolve) => {
      const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
    });
  const before = await shown(tlsPort);
  const next = makeCertificate();
  copyFileSync(next.certFile, files.certFile);
  running.change({});
  await eventually(() => running.logLines.join("").includes("the certificate stays as it is"));
  expect(await shown(tlsPort)).toBe(before);
  copyFileSync(next.keyFile, files.keyFile);
  running.change({});
  await eventually(() => running.logLines.join("").includes("certificate read again"));
  const after = await shown(tlsPort);
  expect(after).not.toBe(before);
  expect(await shown(tlsShoutcastPort)).toBe(after);
});

test("a head that never comes to its end is closed without a word", async () => {
  await running.open({ limits });
  expect(await running.exchange("GET /x HTTP/1.0\r\nHost: x")).toBe("");
  expect(await running.exchange("")).toBe("");
  expect(await running.exchange("pass", running.ports.shoutcastPort)).toBe("");
});

test("a head over the limit is 431, one that cannot be understood 400, and neither is reset before it is read", async () => {
  await running.open();
  const large = running.connect();
  large.send(`GET /x HTTP/1.0\r\nX: ${"y".repeat(200_000)}`);
  expect(await large.text()).toMatch(/^HTTP\/1\.0 431 /);
  expect(large.reset).toBe(false);
  for (const bytes of ["HELLO\r\n\r\n", "\x16\x03\x01\x02\x00", "GET /x HTTP/1.1\r\nA b\r\n\r\n"]) {
    expect(await running.exchange(bytes)).toMatch(/^HTTP\/1\.0 400 /);
  }
});

test("connections over the limit are told so, and are taken again when others have gone", async () => {
  await running.open({ limits: { ...limits, headerTimeoutMs: 60_000 } });
  const held = [running.connect(), running.connect()];
  await Promise.all(held.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
  expect(await running.exchange("GET /health HTTP/1.0\r\n\r\n")).toContain(
    "Icecast connection limit reached",
  );
  for (const { socket } of held) socket.destroy();
  let reply = "";
  while (!reply.startsWith("HTTP/1.0 200")) reply = await running.exchange("GET /health HTTP/1.0\r\n\r\n");
});

/** Sockets from an address of this machine, connected. */
async function socketsFrom(count: number, localAddress: string, port: number): Promise<net.Socket[]> {
  const sockets = Array.from({ length: count }, () => net.connect({ port, host: "127.0.0.1", localAddress }));
  for (const socket of sockets) socket.on("error", () => undefined).resume();
  await Promise.all(
    sockets
      .filter((socket) => socket.connecting)
      .map((socket) => new Promise((done) => socket.once("connect", done))),
  );
  return sockets;
}

test("connections of one address are counted over all ports; others and whoever comes later are not held to them", async () => {
  await running.open({
    limits: { ...limits, connections: 50, connectionsPerAddress: 4, headerTimeoutMs: 60_000 },
  });
  const { port, shoutcastPort } = running.ports;
  const first = [
    ...(await socketsFrom(2, "127.0.0.1", port)),
    ...(await socketsFrom(2, "127.0.0.1", shoutcastPort)),
  ];
  await eventually(() => running.connections === 4);
  for (const each of [port, shoutcastPort]) {
    expect(await running.exchange("GET /health HTTP/1.0\r\n\r\n", each)).toContain(
      "Icecast connection limit reached",
    );
  }
  const others = await socketsFrom(4, "127.0.0.2", port);
  await eventually(() => running.connections >= 8);
  expect(others.filter(({ readableEnded }) => readableEnded)).toEqual([]);
  for (const socket of [...first, ...others]) socket.destroy();
  let reply = "";
  while (!reply.startsWith("HTTP/1.0 200")) reply = await running.exchange("GET /health HTTP/1.0\r\n\r\n");
  const told = running.logLines.filter((line) => line.includes("too many connections of one address"));
  expect(told).toHaveLength(1);
});

test("a thousand connections of one address leave room for another's, and only a few of them are answered", async () => {
  await running.open({
    limits: { ...limits, connections: 50, connectionsPerAddress: 8, headerTimeoutMs: 60_000 },
  });
  const { port } = running.ports;
  let most = 0;
  const flood: net.Socket[] = [];
  for (let round = 0; round < 10; round++) {
    flood.push(...(await socketsFrom(100, "127.0.0.3", port)));
    most = Math.max(most, running.connections);
    const reply = await running.exchange("GET /health HTTP/1.0\r\n\r\n");
    expect(reply).toMatch(/^HTTP\/1\.0 200 /);
  }
  // Eight that are served, a few that are being told, and the one of the moment.
  expect(most).toBeLessThanOrEqual(8 + refusedPerAddress + 1);
  for (const socket of flood) socket.destroy();
  await eventually(() => running.connections === 0);
});

test("a port in use is a problem with the flag's name, and nothing is left listening", async () => {
  const other = net.createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const servers = new Servers({
    bans: { refuses: () => false },
    settings: {
      host: "127.0.0.1",
      port: 0,
      shoutcastPort: port,
      limits: { connections: 1, connectionsPerAddress: 1, headerTimeoutMs: 1 },
    },
    serve: async () => {},
    serveShoutcast: async () => {},
    log: openLog("silent"),
  });
  const problems = await servers
    .listen()
    .catch((error: unknown) => error instanceof ConfigError && error.problems);
  expect(problems).toEqual([
    `cannot listen on 127.0.0.1:${port} (--ingest-port, plus one,): another program uses this port; stop it or choose another port`,
  ]);
  await new Promise((resolve) => other.close(resolve));
});

test("the TLS twins take sources and requests like the plain ports, and hold their connections to the same count", async () => {
  const { certFile, keyFile } = makeCertificate();
  await running.open({ tls: { port: 0, shoutcastPort: 0, certFile, keyFile } });
  let proto: unknown;
  running.edge.onRequest = (request, response) => {
    proto = request.headers["x-forwarded-proto"];
    response.end("hello");
  };
  const { tlsPort = 0, tlsShoutcastPort = 0 } = running.ports;
  expect(await exchangeTls(tlsPort, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", /hello/)).toMatch(
    /^HTTP\/1\.0 200 .*hello$/s,
  );
  expect(proto).toBe("https");
  const source = Buffer.concat([Buffer.from(sourceHead("/m")), frames(30)]);
  expect(await exchangeTls(tlsPort, source, /OK/)).toBe("HTTP/1.0 200 OK\r\n\r\n");
  expect(await exchangeTls(tlsShoutcastPort, `${sourcePassword}\r\n\r\n`, /OK2/)).toBe(
    "OK2\r\nicy-caps:11\r\n\r\n",
  );
  await eventually(() => running.edge.calls.filter((call) => call.startsWith("release")).length === 2);
  await eventually(() => running.connections === 0);
  writeFileSync(certFile, "no certificate");
  const broken = new RunningIngest();
  await expect(broken.open({ tls: { port: 0, shoutcastPort: 0, certFile, keyFile } })).rejects.toThrow(
    "the certificate or key cannot be used",
  );
  await broken.close();
});

test.each([
  ["that never begin", "", ""],
  ["that never end", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "x"],
])("TLS handshakes %s are closed when a head should have come", async (_, start, drop) => {
  const files = makeCertificate();
  await running.open({
    tls: { port: 0, shoutcastPort: 0, ...files },
    limits: { ...limits, connections: 50 },
  });
  const { tlsPort = 0, tlsShoutcastPort = 0 } = running.ports;
  const sockets = [
    ...(await socketsFrom(10, "127.0.0.1", tlsPort)),
    ...(await socketsFrom(10, "127.0.0.1", tlsShoutcastPort)),
  ];
  const timer = setInterval(() => {
    for (const socket of sockets) socket.write(drop);
  }, 5);
  for (const socket of sockets) socket.write(Buffer.from(start, "latin1"));
  await eventually(() => sockets.every(({ readableEnded, destroyed }) => readableEnded || destroyed));
  clearInterval(timer);
  await eventually(() => running.connections === 0);
});

test("health is 200 with edge and storage well, and 503 while either fails", async () => {
  await running.open();
  const health = async () => {
    const bytes = await running.exchange("GET /health HTTP/1.0\r\n\r\n");
    const reply = Buffer.from(bytes, "latin1").toString();
    return { status: reply.slice(9, 12), report: JSON.parse(reply.slice(reply.indexOf("\r\n\r\n"))) };
  };
  expect(await health()).toMatchObject({ status: "200", report: { ok: true, sources: [], queues: {} } });
  const client = running.connect();
  client.send(sourceHead("/라디오"));
  await client.until(/200 OK/);
  running.edge.putAnswer = 507;
  client.send(frames(25));
  await eventually(() => running.edge.calls.some((call) => call.startsWith("put")));
  await eventually(() => running.logLines.some((line) => line.includes("cannot publish")));
  expect(await health()).toMatchObject({
    status: "503",
    report: {
      ok: false,
      storage: "failing",
      edge: "ok",
      sources: [{ mount: "/라디오", epoch: 1, protocol: "SOURCE" }],
      queues: { "/라디오": { segments: 1, dropped: 0 } },
    },
  });
  running.edge.putAnswer = null;
  await eventually(() => running.edge.announcements.length === 1);
  expect((await health()).status).toBe("200");
});

test("a storm of refused logins is slowed down for its address, and the right password is not", async () => {
  await running.open();
  const refused = () => running.exchange(`SOURCE /m HTTP/1.0\r\n${basic("source", "x")}\r\n`);
  let answered = 0;
  const storm = Array.from({ length: 8 }, async () => {
    const reply = await refused();
    answered++;
    return reply;
  });
  const client = running.connect();
  client.send(sourceHead("/m"));
  await client.until(/200 OK/);
  expect(answered).toBeLessThan(8);
  for (const reply of await Promise.all(storm)) expect(reply).toMatch(/^HTTP\/1\.0 401 /);
});
