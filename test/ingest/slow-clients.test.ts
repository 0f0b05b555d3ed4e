import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { idleMs, passOnBodyMs } from "../../ingest/limits.ts";
import { basic, type Client, eventually, RunningIngest, sourcePassword } from "./running-ingest.ts";

/** A head may take so long here. */
const headerTimeoutMs = 150;

let running: RunningIngest;
const stops: (() => void)[] = [];
beforeEach(async () => {
  running = new RunningIngest();
  await running.open({
    limits: {
      sources: 3,
      connections: 200,
      connectionsPerAddress: 200,
      headerTimeoutMs,
      sourceTimeoutMs: 60_000,
      segmentMs: 500,
      burstMs: 4_000,
      graceMs: 15_000,
    },
  });
});
afterEach(async () => {
  vi.useRealTimers();
  for (const stop of stops.splice(0)) stop();
  await running.close();
});

/** Sends `start` at once, then `drop` again and again until the other side closes. */
function trickle(client: Client, start: string, drop: string, everyMs = 10): void {
  client.send(start);
  const timer = setInterval(() => client.send(drop), everyMs);
  client.socket.once("end", () => clearInterval(timer)).once("close", () => clearInterval(timer));
  stops.push(() => clearInterval(timer));
}

describe("a client that sends a byte now and then, for ever,", () => {
  test.each([
    ["a request line", "main", "GET /", "x"],
    ["headers", "main", "GET /x HTTP/1.1\r\n", "X: y\r\n"],
    ["one header", "main", "GET /x HTTP/1.1\r\nX: ", "x"],
    ["a source's headers", "main", `SOURCE /m HTTP/1.0\r\n${basic("source", sourcePassword)}`, "X: y\r\n"],
    [
      "a title",
      "main",
      `POST /admin/metadata HTTP/1.1\r\n${basic("admin", "x")}Content-Length: 1000\r\n\r\n`,
      "x",
    ],
    ["a SHOUTcast password", "SHOUTcast", "pass", "x"],
    ["a SHOUTcast source's headers", "SHOUTcast", `${sourcePassword}\r\n`, "icy-name: x\r\n"],
    ["a request on the SHOUTcast port", "SHOUTcast", "GET /x HTTP/1.1\r\n", "X: y\r\n"],
    ["nothing but a first byte", "main", "G", ""],
    ["nothing but a first byte of SHOUTcast", "SHOUTcast", "x", ""],
    ["nothing", "main", "", ""],
    ["nothing to the SHOUTcast port", "SHOUTcast", "", ""],
  ])("of %s is closed when a head should have come", async (_, port, start, drop) => {
    const client = running.connect(port === "main" ? running.ports.port : running.ports.shoutcastPort);
    trickle(client, start, drop);
    const reply = await client.text();
    expect(reply).toMatch(/^(?:|HTTP\/1\.0 400 .*|OK2\r\nicy-caps:11\r\n\r\n)$/s);
    await eventually(() => running.connections === 0);
    expect(running.edge.calls).toEqual([]);
  });

  test("of a body that is passed on is refused, and the edge let go, when the body should have come", async () => {
    let closed = false;
    let bodyBytes = 0;
    running.edge.onRequest = (request) => {
      request.on("data", (chunk: Buffer) => (bodyBytes += chunk.length));
      request.socket.once("close", () => {
        closed = true;
      });
    };
    for (const framing of ["Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffff\r\n"]) {
      closed = false;
      bodyBytes = 0;
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
      const client = running.connect();
      trickle(client, `POST /x HTTP/1.1\r\n${framing}`, "x");
      await eventually(() => bodyBytes > 0);
      await vi.advanceTimersByTimeAsync(passOnBodyMs / 2);
      const before = bodyBytes;
      await eventually(() => bodyBytes > before);
      expect(client.received).toBe("");
      await vi.advanceTimersByTimeAsync(passOnBodyMs / 2);
      expect(await client.text()).toMatch(/^HTTP\/1\.0 400 .*too slow/s);
      await eventually(() => closed);
      vi.useRealTimers();
    }
  });
});

describe("a listener through this port", () => {
  /** A reply that goes on for ever, as fast as it is taken or a little at a time. */
  function serveEndless(everyMs: number | null): () => boolean {
    let closed = false;
    running.edge.onRequest = (_, response) => {
      response.on("close", () => {
        closed = true;
      });
      const chunk = Buffer.alloc(everyMs === null ? 65_536 : 16, "x");
      const once = () => response.write(chunk);
      const more = () => {
        while (once());
      };
      if (everyMs === null) {
        response.on("drain", more);
        more();
      } else {
        const timer = setInterval(once, everyMs);
        stops.push(() => clearInterval(timer));
      }
    };
    return () => closed;
  }

  test.each([
    ["says nothing", ""],
    ["keeps talking", "x"],
  ])("that takes nothing and %s is closed after a minute, and its request at the edge", async (_, drop) => {
    const closed = serveEndless(null);
    const client = running.connect();
    client.socket.pause();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    trickle(client, "GET /live.mp3 HTTP/1.0\r\n\r\n", drop);
    let before = -1;
    await eventually(() => {
      const still =
        running.connections === 1 && client.socket.readableLength > 0 && before === client.socket.bytesRead;
      before = client.socket.bytesRead;
      return still;
    });
    await vi.advanceTimersByTimeAsync(idleMs / 2);
    expect(closed()).toBe(false);
    await vi.advanceTimersByTimeAsync(idleMs);
    await eventually(closed);
    await eventually(() => running.connections === 0);
  });

  test("that takes what there is stays, however little that is", async () => {
    const closed = serveEndless(5);
    const client = running.connect();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    client.send("GET /live.mp3 HTTP/1.0\r\n\r\n");
    for (let round = 0; round < 6; round++) {
      const before = client.received.length;
      await eventually(() => client.received.length > before + 16);
      await vi.advanceTimersByTimeAsync(idleMs / 2);
    }
    expect(closed()).toBe(false);
    client.socket.destroy();
    await eventually(closed);
  });

  test("whose reply is at its end, but not taken, is closed after a minute too", async () => {
    running.edge.onRequest = (_, response) => void response.end(Buffer.alloc(16 * 1024 * 1024));
    const client = running.connect();
    client.socket.pause();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    trickle(client, "GET /large HTTP/1.0\r\n\r\n", "x");
    await eventually(() => client.socket.readableLength > 0);
    await vi.advanceTimersByTimeAsync(2 * idleMs);
    await eventually(() => running.connections === 0);
  });
});
