import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Heard, StreamCounter } from "../support/stream-counter.ts";

const body = Buffer.from(Array.from({ length: 700 }, (_, at) => at % 256));
const plain = Buffer.concat([Buffer.from("HTTP/1.0 200 OK\r\nicy-metaint: 16000\r\n\r\n"), body]);
const chunked = Buffer.concat([
  Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
  ...[1, 15, 16, 300, 368].flatMap((size, index, sizes) => {
    const at = sizes.slice(0, index).reduce((sum, each) => sum + each, 0);
    return [Buffer.from(`${size.toString(16)}\r\n`), body.subarray(at, at + size), Buffer.from("\r\n")];
  }),
]);

function heardIn(pieces: readonly Buffer[]): Heard {
  const counter = new StreamCounter();
  for (const piece of pieces) counter.push(piece);
  return { status: counter.status, bodyBytes: counter.bodyBytes };
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

describe.each([
  ["a body that ends with the connection", plain],
  ["a body in chunks", chunked],
])("%s", (_, reply) => {
  const expected = { status: 200, bodyBytes: body.length };

  test("is counted when it comes whole", () => {
    expect(heardIn([reply])).toEqual(expected);
  });

  test("is counted when it comes byte by byte", () => {
    expect(heardIn(Array.from(reply, (byte) => Buffer.of(byte)))).toEqual(expected);
  });

  test("is counted wherever it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: reply.length }), { maxLength: 20 }), (places) => {
        expect(heardIn(cutAt(reply, places))).toEqual(expected);
      }),
    );
  });
});

test("a refusal is told by its status", () => {
  expect(heardIn([Buffer.from("HTTP/1.0 503 Busy\r\n\r\n")])).toEqual({ status: 503, bodyBytes: 0 });
});

test("until the head is whole there is no status", () => {
  expect(heardIn([Buffer.from("HTTP/1.0 200 OK\r\nicy-br: 128\r\n")])).toEqual({
    status: null,
    bodyBytes: 0,
  });
});

test("what is no HTTP is an error", () => {
  expect(() => heardIn([Buffer.from("ICY 200 OK\r\n\r\n")])).toThrow('no HTTP: "ICY 200 OK');
});
