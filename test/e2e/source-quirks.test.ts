import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketOf } from "../support/bucket.ts";
import { excerptOf } from "../support/fixture-audio.ts";
import {
  accepted,
  badRequest,
  basic,
  continued,
  forbidden,
  normal,
  ok2,
  unauthorized,
} from "../support/icecast-wire.ts";
import { withoutSilence } from "../support/heard.ts";
import { listen } from "../support/listen.ts";
import { chunkOf } from "../support/paced-source.ts";
import { rawRequest } from "../support/raw-request.ts";
import { SourceClient } from "../support/source-client.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitForStatus } from "../support/status.ts";
import { waitFor } from "../support/wait.ts";

/** What real source clients do that breaks naive servers, each against the real ingest, storage and edge. */
const password = "the-station-pw";
const station = `
sources.password = "${password}"
limits = { segment_seconds = 0.5, grace_seconds = 2, sources = 200 }
ingest.shoutcast_mount = "/stream"
`;

const whole = excerptOf("crc128.mp3", 5).frames;
const audio = (seconds: number): Buffer => excerptOf("crc128.mp3", seconds).frames;
const auth = basic("source", password);
const mpeg = "Content-Type: audio/mpeg\r\n";
const sourceHead = (mount: string) => `SOURCE ${mount} HTTP/1.0\r\n${auth}${mpeg}\r\n`;

let stack: Stack;
beforeAll(async () => {
  stack = await startStation(station);
});
afterAll(() => stack.stop());

const source = (first: string | Uint8Array) => SourceClient.open(stack.ingestPort, first);
const shoutcast = (first: string | Uint8Array) => SourceClient.open(stack.ingestPort + 1, first);
const ask = async (request: string | Uint8Array) => normal(await rawRequest(stack.ingestPort, request));
const asUtf8 = (text: string) => Buffer.from(text, "utf8");

/** A source that is on the air. */
async function onAir(mount: string, seconds = 1): Promise<SourceClient> {
  const client = await source(sourceHead(mount));
  await client.until(accepted);
  client.send(audio(seconds));
  return client;
}

/** Ends a source and returns all that was stored of it, once that does not grow any more. */
async function storedOf(client: SourceClient, mount: string, length: number): Promise<Buffer> {
  client.socket.end();
  await client.text();
  return waitFor(`${length} bytes of ${mount} to be stored`, async () => {
    const stored = await bucketOf(stack).audio(mount);
    return stored.length >= length && stored;
  });
}

describe("the reply to a source", () => {
  it.each([
    ["SOURCE over HTTP/1.0", `SOURCE /r1 HTTP/1.0\r\n${auth}${mpeg}\r\n`, accepted, 19],
    ["SOURCE over HTTP/1.1", `SOURCE /r2 HTTP/1.1\r\nHost: x\r\n${auth}${mpeg}\r\n`, accepted, 19],
    ["SOURCE without a content type", `SOURCE /r3 HTTP/1.0\r\n${auth}\r\n`, accepted, 19],
    ["PUT over HTTP/1.1", `PUT /r4 HTTP/1.1\r\nHost: x\r\n${auth}${mpeg}\r\n`, accepted, 19],
    ["PUT with Expect", `PUT /r5 HTTP/1.1\r\n${auth}${mpeg}Expect: 100-continue\r\n\r\n`, continued, 63],
    [
      "PUT over HTTP/1.0 with Expect",
      `PUT /r6 HTTP/1.0\r\n${auth}${mpeg}Expect: 100-continue\r\n\r\n`,
      continued,
      63,
    ],
  ])(
    "begins HTTP/1.0 200, which darkice insists on, and has not a byte more: %s",
    async (_, head, reply, length) => {
      const client = await source(head);
      await client.until(reply);
      // Whatever else there was to come would come before the end of a body that follows.
      client.send(audio(1));
      client.socket.end();
      expect(await client.text()).toBe(reply);
      expect(reply).toHaveLength(length);
    },
  );

  it.each([
    ["a wrong password", basic("source", "wrong"), "/e1", mpeg, unauthorized],
    ["no password", "", "/e2", mpeg, unauthorized],
    ["no content type", auth, "/e3", "", forbidden("No Content-type given")],
  ])("to Expect is no 100 Continue when the source is refused: %s", async (_, login, mount, type, reply) => {
    expect(await ask(`PUT ${mount} HTTP/1.1\r\n${login}${type}Expect: 100-continue\r\n\r\n`)).toBe(reply);
  });
});

describe("a body", () => {
  it("needs no length: PUT over HTTP/1.1 with neither Content-Length nor Transfer-Encoding", async () => {
    const client = await source(`PUT /nolength HTTP/1.1\r\nHost: x\r\n${auth}${mpeg}\r\n`);
    await client.until(accepted);
    client.send(audio(2));
    expect((await storedOf(client, "/nolength", audio(2).length)).equals(audio(2))).toBe(true);
  });

  it("may begin in the packet of its head, before any reply", async () => {
    const client = await source(Buffer.concat([asUtf8(sourceHead("/inhead")), audio(2)]));
    expect((await storedOf(client, "/inhead", audio(2).length)).equals(audio(2))).toBe(true);
    expect(client.received).toBe(accepted);
  });

  it("in chunks never shows their framing to a listener", async () => {
    const client = await source(
      `PUT /chunks HTTP/1.1\r\nHost: x\r\n${auth}${mpeg}Transfer-Encoding: chunked\r\n\r\n`,
    );
    await client.until(accepted);
    const sent = audio(3);
    const pieces = Array.from({ length: Math.ceil(sent.length / 1_001) }, (_, index) =>
      chunkOf(sent.subarray(index * 1_001, (index + 1) * 1_001)),
    );
    const wire = Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
    // Cut where no chunk ends.
    for (let at = 0; at < wire.length; at += 777) {
      client.send(wire.subarray(at, at + 777));
      if (at === 777 * 30) await waitForStatus(stack, "/chunks");
    }
    const heard = await listen(`${stack.edgeUrl}/chunks?burst=60`);
    await heard.ended;
    expect(withoutSilence(heard.bytes()).equals(sent)).toBe(true);
  });
});

describe("libshout", () => {
  it("asks for the 401 first, then shows its password on a new connection", async () => {
    const head = `SOURCE /libshout HTTP/1.0\r\nUser-Agent: libshout/2.4.6\r\n${mpeg}ice-name: no name\r\n`;
    const first = await source(`${head}Content-Length: 0\r\nConnection: Keep-Alive\r\n\r\n`);
    // Neither `Allow`, which would change its method, nor a connection it could use again.
    expect(normal(await first.text())).toBe(unauthorized);
    const second = await source(`${head}${auth}Connection: Keep-Alive\r\n\r\n`);
    await second.until(accepted);
    second.destroy();
  });

  it("probes for TLS and goes on in the plain", async () => {
    const options = await ask(
      "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n",
    );
    expect(options).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
    expect(options).toContain("Connection: Close\r\n");
    expect(options).not.toMatch(/^(?:Allow|Upgrade):/im);
    expect(await ask("GET /admin/!POKE HTTP/1.1\r\nHost: x\r\n\r\n")).toBe(
      badRequest("Unrecognised command"),
    );
  });

  it("pokes the SHOUTcast port and is closed without a word", async () => {
    const poke = await shoutcast("!POKE\nicy-name:libshout server poke request\n\n");
    expect(await poke.text()).toBe("");
    expect(poke.wasReset).toBe(false);
  });
});

describe("a head", () => {
  it("may mix line endings and come in packets that end inside a header, as darkice's does", async () => {
    const client = await source(`SOURCE /darkice HTTP/1.0\n${auth.replace("\r", "")}Content-ty`);
    await sleep(30);
    client.send("pe: audio/mpeg\nice-bitrate: 128\nice-name: darkice\n");
    await sleep(30);
    client.send("\r\n");
    await client.until(accepted);
    client.send(audio(2));
    expect(await waitForStatus(stack, "/darkice")).toMatchObject({ server_name: "darkice", bitrate: 128 });
    client.destroy();
  });

  it.each([
    ["CRLF", "\r\n", "\r\n"],
    ["LF", "\n", "\n"],
    ["LF, then CRLF", "\n", "\r\n"],
    ["CRLF, then LF", "\r\n", "\n"],
  ])("ends with %s", async (name, eol, last) => {
    const mount = `/eol-${name.replaceAll(/\W/g, "")}`;
    const client = await source(
      `SOURCE ${mount} HTTP/1.0${eol}${auth.trim()}${eol}${mpeg.trim()}${eol}${last}`,
    );
    await client.until(accepted);
    client.destroy();
  });

  it("may come byte by byte", async () => {
    const client = await source("");
    for (const byte of asUtf8(sourceHead("/bytes"))) client.send(Uint8Array.of(byte));
    await client.until(accepted);
    client.destroy();
  });

  it.each([
    ["an empty Host over HTTP/1.1, as liquidsoap's", "Host: \r\n", "/host-empty"],
    ["no Host over HTTP/1.1", "", "/host-none"],
    ["the Host of somebody else", "Host: radio.example:1\r\n", "/host-other"],
  ])("may have %s", async (_, hostLine, mount) => {
    const client = await source(`PUT ${mount} HTTP/1.1\r\n${hostLine}${auth}${mpeg}\r\n`);
    await client.until(accepted);
    client.destroy();
  });
});

describe("a refused source", () => {
  it.each([
    ["the 401", basic("source", "wrong"), mpeg, unauthorized],
    ["the 403", auth, "Content-Type: video/mp4\r\n", undefined],
  ])("reads %s though a megabyte of its body is in flight", async (_, login, type, reply) => {
    const client = await source(
      Buffer.concat([
        asUtf8(`SOURCE /inflight HTTP/1.0\r\n${login}${type}\r\n`),
        ...Array.from({ length: 12 }, () => whole),
      ]),
    );
    const text = normal(await client.text());
    if (reply === undefined)
      expect(text).toMatch(/^HTTP\/1\.0 403 Forbidden\r\n[^]*\r\n\r\nContent-type not supported/);
    else expect(text).toBe(reply);
    expect(client.wasReset).toBe(false);
  });

  it("is told Mountpoint in use, to the byte, while the first goes on", async () => {
    const first = await onAir("/taken");
    await waitForStatus(stack, "/taken");
    for (const method of ["SOURCE /taken HTTP/1.0", "PUT /taken HTTP/1.1"]) {
      expect(await ask(`${method}\r\n${auth}${mpeg}Expect: 100-continue\r\n\r\n`)).toBe(
        forbidden("Mountpoint in use"),
      );
    }
    first.send(audio(2));
    const both = Buffer.concat([audio(1), audio(2)]);
    expect((await storedOf(first, "/taken", both.length)).equals(both)).toBe(true);
  });
});

describe("a mount is free again at once", () => {
  it("after its source has closed, 10 times over", async () => {
    for (let round = 0; round < 10; round++) {
      const client = await source(sourceHead("/fin"));
      await client.until(accepted);
      client.send(audio(0.2));
      client.socket.end();
      await client.text();
    }
  });

  it.each(["closed", "reset"] as const)(
    "for a client that dials again when it has %s, within ms",
    async (how) => {
      const mount = `/redial-${how}`;
      for (let round = 0; round < 10; round++) {
        let attempts = 0;
        for (let reply = ""; reply !== accepted; attempts++) {
          const client = await source(sourceHead(mount));
          await waitFor("any reply", () => client.received.includes("\r\n\r\n") || client.ended);
          reply = client.received;
          client.send(audio(0.2));
          if (how === "closed") client.socket.end();
          else client.socket.resetAndDestroy();
          expect(attempts, `refusals in round ${round}: ${reply}`).toBeLessThan(3);
        }
      }
    },
  );
});

describe("a storm of logins", () => {
  it("with a wrong password is slowed, and the right password still gets in at once", async () => {
    const startedAt = performance.now();
    let refusals = 0;
    const calm = new AbortController();
    const storm = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!calm.signal.aborted) {
          const reply = await ask(`SOURCE /stormed HTTP/1.0\r\n${basic("source", "wrong")}${mpeg}\r\n`);
          expect(reply).toBe(unauthorized);
          refusals++;
        }
      }),
    );
    await waitFor("the storm to be slowed", () => refusals >= 12);
    const before = refusals;
    for (let login = 0; login < 10; login++) {
      const client = await source(sourceHead(`/stormed${login}`));
      await client.until(accepted);
      client.destroy();
    }
    // Were the ten held back as the four are, each of the four would have been refused ten times meanwhile.
    expect(refusals - before).toBeLessThan(40);
    await waitFor("the storm to go on", () => refusals >= before + 4);
    calm.abort();
    await storm;
    // The first six of all come sooner, the others at most once in 300 ms each.
    const seconds = (performance.now() - startedAt) / 1000;
    expect(refusals).toBeLessThanOrEqual(10 + (seconds / 0.3) * 4);
  });
});

describe("the SHOUTcast port", () => {
  it("refuses a second login while the first goes on, and lets it in afterwards", async () => {
    const first = await shoutcast(`${password}\r\n`);
    await first.until(ok2);
    first.send("icy-name:first\r\n\r\n");
    first.send(audio(1));
    await waitForStatus(stack, "/stream");
    expect(await (await shoutcast(`${password}\r\nicy-name:second\r\n\r\n`)).text()).toBe("");
    first.send(audio(2));
    const both = Buffer.concat([audio(1), audio(2)]);
    expect((await storedOf(first, "/stream", both.length)).equals(both)).toBe(true);
    const second = await shoutcast(`${password}\nicy-name:second\n\n`);
    await second.until(ok2);
    second.destroy();
  });

  it.each([
    ["a wrong password", "wrong\r\nicy-name:x\r\n\r\n"],
    ["MP3 without a login, as a broken darkice sends it", audio(1)],
    ["an empty line", "\r\n"],
  ])("closes without a word on %s", async (_, bytes) => {
    const client = await shoutcast(bytes);
    expect(await client.text()).toBe("");
    expect(client.wasReset).toBe(false);
  });

  it("understands HTTP as well", async () => {
    const client = await shoutcast(`SOURCE /on-shoutcast HTTP/1.0\r\n${auth}${mpeg}\r\n`);
    await client.until(accepted);
    client.destroy();
    const health = await rawRequest(stack.ingestPort + 1, "GET /health HTTP/1.0\r\n\r\n");
    expect(health.toString()).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
  });
});
