import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type StatsSocket, StatsStream } from "../../../ingest/stats/stats-stream.ts";
import type { Statistics } from "../../../shared/edge-api.ts";

const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};

class FakeSocket extends EventEmitter {
  text = "";
  destroyed = false;
  writableLength = 0;
  write(chunk: string): boolean {
    this.text += chunk;
    return true;
  }
  resume(): this {
    return this;
  }
  destroy(): this {
    this.destroyed = true;
    this.emit("close");
    return this;
  }
}
const join = (stream: StatsStream, socket: FakeSocket) => stream.join(socket as unknown as StatsSocket);

let asked = 0;
let title = "one";
const statistics = async (): Promise<Statistics> => {
  asked++;
  return { global: { clients: "1" }, sources: { "/a.mp3": { title } } };
};

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  title = "one";
});
afterEach(() => vi.useRealTimers());

test("a client gets the reply, the dump, then what changes", async () => {
  const stream = new StatsStream({ statistics, log });
  const socket = new FakeSocket();
  await join(stream, socket);
  expect(socket.text).toBe(
    "HTTP/1.0 200 OK\r\n\r\nEVENT global clients 1\nEVENT global stats 1\nEVENT global stats_connections 1\nEVENT /a.mp3 title one\n",
  );
  socket.text = "";
  title = "two";
  await vi.advanceTimersByTimeAsync(1_000);
  expect(socket.text).toBe("EVENT /a.mp3 title two\n");
});

test("all share one question a second, and nobody there asks nothing", async () => {
  const stream = new StatsStream({ statistics, log });
  const sockets = Array.from({ length: 10 }, () => new FakeSocket());
  for (const socket of sockets) await join(stream, socket);
  asked = 0;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toBe(5);
  for (const socket of sockets) socket.destroy();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(5);
  expect(stream.clients).toBe(0);
});

test("one that joins later has what the first has", async () => {
  const stream = new StatsStream({ statistics, log });
  await join(stream, new FakeSocket());
  const late = new FakeSocket();
  await join(stream, late);
  expect(late.text).toContain("EVENT /a.mp3 title one\n");
  expect(late.text).toContain("EVENT global stats 2\n");
});

test("a client that does not read is dropped, the others stay", async () => {
  const stream = new StatsStream({ statistics, log, behindBytes: 100 });
  const slow = new FakeSocket();
  const well = new FakeSocket();
  await join(stream, slow);
  await join(stream, well);
  slow.writableLength = 101;
  title = "two";
  await vi.advanceTimersByTimeAsync(1_000);
  expect([slow.destroyed, well.destroyed]).toEqual([true, false]);
});

test("an edge that does not answer keeps clients waiting, and they miss nothing", async () => {
  let fails = true;
  const stream = new StatsStream({
    statistics: () => (fails ? Promise.reject(new Error("down")) : statistics()),
    log,
  });
  const socket = new FakeSocket();
  await join(stream, socket);
  expect(socket.text).toBe("HTTP/1.0 200 OK\r\n\r\n");
  fails = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(socket.text).toContain("EVENT /a.mp3 title one\n");
});
