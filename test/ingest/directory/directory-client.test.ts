import * as net from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDirectoryPost } from "../../../ingest/directory/directory-client.ts";

/** A directory as a bare socket: what it was sent, and what it says to that. */
let received = "";
let answer: (socket: net.Socket) => void;
let server: net.Server;
let url = "";
const open = new Set<net.Socket>();

beforeEach(async () => {
  received = "";
  answer = (socket) => socket.destroy();
  server = net.createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (part: Buffer) => {
      received += part.toString("latin1");
      if (received.includes("action=")) answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/cgi-bin/yp-cgi`;
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const warnings: unknown[] = [];
const post = (timeoutMs = 300) =>
  openDirectoryPost({ url, timeoutMs, touchMs: 0 }, () => "Icecast 2.4.4", {
    warn: (...what: unknown[]) => void warnings.push(what),
  })("action=remove&sid=sid-123", new AbortController().signal);

it("a call is a form, under the server's name", async () => {
  answer = (socket) =>
    socket.end("HTTP/1.0 200 OK\r\nYPResponse: 1\r\nSID: sid-123\r\nTouchFreq: 200\r\n\r\n");
  expect(await post()).toEqual({ done: true, message: "", sid: "sid-123", touchMs: 200_000 });
  expect(received).toMatch(/^POST \/cgi-bin\/yp-cgi HTTP\/1\.1\r\n/);
  expect(received).toContain("\r\nUser-Agent: Icecast 2.4.4\r\n");
  expect(received).toContain("\r\nContent-Type: application/x-www-form-urlencoded\r\n");
  expect(received).toMatch(/\r\nContent-Length: 25\r\n\r\naction=remove&sid=sid-123$/);
});

it("a refusal is one, whatever the status", async () => {
  answer = (socket) =>
    socket.end("HTTP/1.1 500 Oops\r\nYPResponse: 0\r\nYPMessage: not now\r\nContent-Length: 0\r\n\r\n");
  expect(await post()).toEqual({ done: false, message: "not now", sid: null, touchMs: null });
});

it.each<[string, (socket: net.Socket) => void]>([
  ["says nothing", () => undefined],
  ["closes at once", (socket) => socket.destroy()],
  ["speaks something else", (socket) => socket.end("220 mail.example ESMTP\r\n")],
  ["never ends its head", (socket) => socket.write("HTTP/1.1 200 OK\r\nYPResponse: 1\r\n")],
  ["never ends its body", (socket) => socket.write("HTTP/1.1 200 OK\r\nYPResponse: 1\r\n\r\nx")],
  [
    "answers without end",
    (socket) => socket.end(`HTTP/1.1 200 OK\r\nYPResponse: 1\r\n\r\n${"x".repeat(200_000)}`),
  ],
  ["has a head without end", (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${"y".repeat(200_000)}\r\n\r\n`)],
])("a directory that %s has not answered", async (_, behaviour) => {
  answer = behaviour;
  expect(await post()).toBeNull();
});

it("a redirect is a refusal: the call goes nowhere else", async () => {
  answer = (socket) =>
    socket.end("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  expect(await post()).toMatchObject({ done: false });
});
