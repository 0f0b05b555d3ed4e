import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ReplyHeadParser, replyFraming } from "../../../ingest/relay/reply-head.ts";
import { ProtocolError } from "../../../shared/protocol-error.ts";

const limits = { maxBytes: 4_096, maxHeaders: 20 };
const bytes = (text: string) => Buffer.from(text, "latin1");

const heads = {
  icecast:
    "HTTP/1.0 200 OK\r\nServer: Icecast 2.4.4\r\nContent-Type: audio/mpeg\r\nicy-br:128\r\nicy-name:My Radio\r\nicy-metaint:16000\r\n\r\naudio",
  shoutcast: "ICY 200 OK\r\nicy-notice1:<BR>This stream\r\nicy-metaint:8192\r\n\r\naudio",
  bare: "HTTP/1.1 200\n\naudio",
};

function read(chunks: readonly Uint8Array[]) {
  const parser = new ReplyHeadParser(limits);
  for (const [index, chunk] of chunks.entries()) {
    const head = parser.push(chunk);
    if (head) return { head, rest: Buffer.concat([parser.rest, ...chunks.slice(index + 1)]).toString() };
  }
  return null;
}

describe.each(Object.entries(heads))("the head of %s", (_, text) => {
  it("is the same whole, byte by byte and at random splits", () => {
    const whole = read([bytes(text)]);
    expect(whole?.rest).toBe("audio");
    expect(read([...bytes(text)].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const chunks = at.slice(1).map((end, index) => bytes(text).subarray(at[index], end));
        expect(read(chunks)).toEqual(whole);
      }),
    );
  });
});

test("headers are what they say", () => {
  expect(read([bytes(heads.icecast)])?.head).toEqual({
    status: 200,
    headers: [
      { name: "server", value: "Icecast 2.4.4" },
      { name: "content-type", value: "audio/mpeg" },
      { name: "icy-br", value: "128" },
      { name: "icy-name", value: "My Radio" },
      { name: "icy-metaint", value: "16000" },
    ],
  });
  expect(read([bytes(heads.shoutcast)])?.head.status).toBe(200);
});

test("what is no reply, or endless, is refused", () => {
  expect(() => read([bytes("RTSP/1.0 200 OK\r\n\r\n")])).toThrow(ProtocolError);
  expect(() => read([bytes(`HTTP/1.0 200 OK\r\nx: ${"y".repeat(5_000)}`)])).toThrow("too long");
  expect(() => read([bytes(`HTTP/1.0 200 OK\r\n${"x: y\r\n".repeat(21)}`)])).toThrow("too many");
});

test("any bytes give a head, or nothing yet, or ProtocolError", () => {
  const start = fc.constantFrom("", "HTTP/1.0 200 OK\r\n", "ICY 200 OK\n");
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 6_000 }), (text, tail) => {
      try {
        read([bytes(text), tail]);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});

test("a body ends where its headers say", () => {
  const framing = (...headers: [string, string][]) =>
    replyFraming({ headers: headers.map(([name, value]) => ({ name, value })) });
  expect(framing()).toEqual({ kind: "until-close" });
  expect(framing(["content-length", "7"])).toEqual({ kind: "length", bytes: 7 });
  expect(framing(["transfer-encoding", "Chunked"], ["content-length", "7"])).toEqual({ kind: "chunked" });
  expect(() => framing(["transfer-encoding", "gzip"])).toThrow(ProtocolError);
});
