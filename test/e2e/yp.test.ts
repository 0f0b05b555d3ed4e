import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic } from "../support/icecast-wire.ts";
import { listen } from "../support/listen.ts";
import { openSocket, rawRequest } from "../support/raw-request.ts";
import { Receiver } from "../support/receiver.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** What Icecast does for a station besides streaming, on the real stack: the directory, STATS, the logs, files, metrics. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const directory = new Receiver();
const folder = mkdtempSync(join(tmpdir(), "skywave-yp-"));
let stack: Stack;
let source: Streaming;
let admin = "";
let startedMs = 0;
/** Of each call to the directory, when it came after the source's start, s. */
const secondsOf: number[] = [];

beforeAll(async () => {
  writeFileSync(join(folder, "hello.css"), "body { margin: 0 }");
  await directory.open();
  directory.answer = ({ body }) => {
    secondsOf.push((performance.now() - startedMs) / 1000);
    const headers = { YPResponse: "1", YPMessage: "ok", SID: "sid-123", TouchFreq: "30" };
    return { headers: body.includes("action=add") ? headers : { YPResponse: "1" } };
  };
  stack = await startStation(`
[station]
hostname = "radio.example"

[logs]
folder = ${JSON.stringify(join(folder, "logs"))}
access = "access.log"
playlist = "playlist.log"

[web]
root = ${JSON.stringify(folder)}

[[directory]]
url = "${directory.url}/yp"
`);
  admin = basic("admin", stack.adminPassword);
  source = await streamMp3(stack.ingestPort, "/yp.mp3", fixture, {
    password: stack.password,
    loop: true,
    headers: {
      "Ice-Name": "My & Radio",
      "Ice-Genre": "Jazz Soul",
      "Ice-Description": "D",
      "Ice-URL": "https://e.org/",
      "Ice-Public": "1",
      "Ice-Audio-Info": "ice-samplerate=44100;ice-bitrate=128;ice-channels=2",
      "User-Agent": "cap/1",
    },
  });
  startedMs = performance.now();
});
afterAll(async () => {
  source?.destroy();
  await stack?.stop();
  await directory.close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (request: string): Promise<string> =>
  (await rawRequest(stack.ingestPort, request)).toString();
const setTitle = (song: string) =>
  ask(
    `GET /admin/metadata?mode=updinfo&mount=/yp.mp3&song=${encodeURIComponent(song)} HTTP/1.0\r\n${admin}\r\n`,
  );
const log = (name: string): string => {
  try {
    return readFileSync(join(folder, "logs", name), "utf8");
  } catch {
    return "";
  }
};

describe("beside the stream", () => {
  it("STATS tells the whole state, then titles and listeners as they change", async () => {
    const socket = await openSocket(stack.ingestPort);
    let text = "";
    socket.on("data", (part: Buffer) => (text += part.toString()));
    socket.write(`STATS / HTTP/1.0\r\n${admin}\r\n`);
    await waitFor("the dump", () => text.includes("EVENT /yp.mp3 server_name My & Radio\n"));
    expect(text).toMatch(/^HTTP\/1\.0 200 OK\r\n\r\nEVENT global admin /);
    expect(text).toMatch(/^EVENT global stats 1$/m);
    await setTitle("A - B");
    await waitFor("the title", () => text.includes("EVENT /yp.mp3 title A - B\n"));
    const listener = await listen(`http://127.0.0.1:${stack.ingestPort}/yp.mp3`);
    await waitFor("the listener", () => /^EVENT \/yp\.mp3 listeners 1$/m.test(text));
    listener.close();
    await waitFor(
      "the listener to be gone",
      () => /^EVENT \/yp\.mp3 listeners 0$/m.test(text.slice(text.indexOf("listeners 1\n"))),
      30_000,
    );
    socket.destroy();
  });

  it("the access log has a line for each listener that has left", async () => {
    const headers = { "User-Agent": 'a "player"', Referer: "http://r/" };
    const listener = await listen(`http://127.0.0.1:${stack.ingestPort}/yp.mp3?token=secret`, { headers });
    await waitFor("audio", () => listener.bytes().length > 20_000);
    await sleep(1_000);
    listener.close();
    const line = await waitFor(
      "the line",
      () =>
        log("access.log")
          .split("\n")
          .find((each) => each.includes("player")),
      // Its end is noticed after 6 s, nobody goes on with it for 10, and it is handed on three times, every 10 s at most.
      90_000,
    );
    expect(line).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:[\d:]{8} [+-]\d{4}\] "GET \/yp\.mp3 HTTP\/1\.[01]" 200 \d{5,} "http:\/\/r\/" "a \\"player\\"" [1-9]\d*$/,
    );
    expect(log("access.log")).not.toContain("secret");
  });

  it("the playlist log has a line for each title", async () => {
    await setTitle("C|D");
    await waitFor("the line", () => log("playlist.log").includes("|C|D\n"));
    expect(log("playlist.log")).toMatch(/^\d\d\/\w{3}\/\d{4}:[\d:]{8} [+-]\d{4}\|\/yp\.mp3\|\d+\|C\|D$/m);
  });

  it("files of the webroot have ranges, and the edge's pages stay its own", async () => {
    expect(await ask("GET /hello.css HTTP/1.1\r\nHost: x\r\nRange: bytes=5-9\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 206 Partial Content\r\n[^]*Content-Range: bytes 5-9\/18\r\n[^]*\r\n\r\n\{ mar$/,
    );
    writeFileSync(join(folder, "status-json.xsl"), "a stylesheet");
    expect(await ask("GET /status-json.xsl HTTP/1.0\r\n\r\n")).toContain('{"icestats":');
    expect(await ask("GET /../yp.test.ts HTTP/1.0\r\n\r\n")).not.toContain("200 OK");
  });

  it("figures are there for Prometheus", async () => {
    const text = await ask(`GET /metrics HTTP/1.0\r\n${admin}\r\n`);
    expect(text).toContain("skywave_ingest_sources 1\n");
    expect(Number(/^skywave_ingest_frames_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(50);
    expect(await ask("GET /metrics HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.0 401 /);
  });
});

it("the directory is told as by Icecast: added after a minute, touched 5 s later, touched for a title, removed", async () => {
  await setTitle("A - B");
  await waitFor("the add and the touch", () => directory.requests.length >= 2, 80_000);
  const [add, touch] = directory.requests;
  expect(add?.headers["user-agent"]).toBe("Icecast 2.4.4");
  expect(add?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
  expect(add?.body).toBe(
    "action=add&sn=My%20%26%20Radio&genre=Jazz%20Soul&cpswd=&desc=D&url=https%3a%2f%2fe%2eorg%2f" +
      `&listenurl=http%3a%2f%2fradio%2eexample%3a${stack.ingestPort}%2fyp%2emp3&type=audio%2fmpeg&stype=&b=128` +
      "&ice%2dsamplerate%3d44100%3bice%2dbitrate%3d128%3bice%2dchannels%3d2\r\n",
  );
  expect(touch?.body).toMatch(
    /^action=touch&sid=sid-123&st=A%20%2d%20B&listeners=\d+&max_listeners=\d+&stype=\r\n$/,
  );
  expect(secondsOf[0]).toBeGreaterThan(59);
  await setTitle("E - F");
  await waitFor("a touch for the title", () => directory.requests.length >= 3);
  expect(directory.requests[2]?.body).toContain("&st=E%20%2d%20F&");
  await source.stop();
  await waitFor("the removal", () => directory.requests.length >= 4);
  expect(directory.requests[3]?.body).toBe("action=remove&sid=sid-123");
  await waitFor(
    "the source's line",
    () => log("access.log").includes("SOURCE") || log("access.log").includes("PUT"),
  );
  expect(log("access.log")).toMatch(
    /^127\.0\.0\.1 - source \[[^\]]+\] "PUT \/yp\.mp3 HTTP\/1\.0" 200 \d{6,} "-" "cap\/1" \d+$/m,
  );
});
