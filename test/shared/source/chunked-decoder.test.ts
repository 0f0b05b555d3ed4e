import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../../shared/protocol-error.ts";
import { ChunkedDecoder, ChunkFramingError } from "../../../shared/source/chunked-decoder.ts";
import { bytesLike, bytesOf, cutAt, everyCut, places, textOf } from "./cut.ts";

/** All data and whether the end has come, or "refused". */
function decode(chunks: readonly Uint8Array[]): { data: string; done: boolean } | "refused" {
  const decoder = new ChunkedDecoder();
  try {
    const data = chunks.flatMap((chunk) => decoder.push(chunk).map((part) => part.slice()));
    return { data: textOf(...data), done: decoder.done };
  } catch (error) {
    if (error instanceof ProtocolError) return "refused";
    throw error;
  }
}

describe("a chunked body", () => {
  test.each([
    ["as curl frames it", "4\r\nwave\r\n6\r\n bytes\r\n0\r\n\r\n", "wave bytes"],
    ["with upper-case sizes and leading zeros", "000A\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
    ["with extensions and spaces", '4 ;a=b;c="d"\r\nwave\r\n0;last\r\n\r\n', "wave"],
    ["with trailers", "4\r\nwave\r\n0\r\nX-Checksum: 1\r\nY: 2\r\n\r\n", "wave"],
    ["with bare line feeds", "4\nwave\n0\n\n", "wave"],
    ["with line ends in its data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"],
    ["that is empty", "0\r\n\r\n", ""],
  ])("%s gives its data however it is cut", (_, body, data) => {
    for (const chunks of everyCut(bytesOf(body))) expect(decode(chunks)).toEqual({ data, done: true });
  });

  test("gives data before the chunk is complete", () => {
    expect(decode([bytesOf("3e8\r\nfirst")])).toEqual({ data: "first", done: false });
  });

  test("may have any number of chunks", () => {
    const body = bytesOf(`${"1\r\nx\r\n".repeat(5000)}0\r\n\r\n`);
    expect(decode([body])).toEqual({ data: "x".repeat(5000), done: true });
  });

  test("gives views of what was pushed, not copies", () => {
    const chunk = bytesOf("4\r\nwave\r\n");
    expect(new ChunkedDecoder().push(chunk)[0]?.buffer).toBe(chunk.buffer);
  });

  test("gives nothing of what follows its end", () => {
    expect(decode([bytesOf("0\r\n\r\n4\r\nwave\r\n"), bytesOf("more")])).toEqual({ data: "", done: true });
  });
});

describe("framing that is refused", () => {
  test("comes with the data that was good before it", () => {
    let before: readonly Uint8Array[] = [];
    try {
      new ChunkedDecoder().push(bytesOf("4\r\nwave\r\n2\r\n!!\r\nzz\r\n"));
    } catch (error) {
      if (error instanceof ChunkFramingError) before = error.before;
    }
    expect(textOf(...before)).toBe("wave!!");
  });

  test.each([
    ["no size", "\r\n"],
    ["audio instead of a size", "ÿûP\r\n"],
    ["a negative size", "-1\r\n"],
    ["a size with a prefix", "0x4\r\nwave\r\n"],
    ["a size of more than 8 digits", "100000000\r\n"],
    ["a size that is too small for the data", "3\r\nwave\r\n0\r\n\r\n"],
    ["a carriage return that ends nothing", "4\rwave\r\n"],
  ])("%s", (_, body) => {
    for (const chunks of everyCut(bytesOf(body))) expect(decode(chunks)).toBe("refused");
  });

  test("a size line without an end", () => {
    const body = bytesOf(`4;${"x".repeat(1022)}`);
    expect(decode([body.slice(0, 1023)])).toEqual({ data: "", done: false });
    for (const chunks of [[body], [body.slice(0, 1000), body.slice(1000)]])
      expect(decode(chunks)).toBe("refused");
  });

  test("trailers without an end", () => {
    expect(decode([bytesOf(`0\r\n${"X: y\r\n".repeat(600)}`)])).toEqual({ data: "", done: false });
    expect(decode([bytesOf(`0\r\n${"X: y\r\n".repeat(700)}`)])).toBe("refused");
  });
});

test("data of any size, framed and cut anyhow, comes out as it was", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
      places,
      (parts, at) => {
        const framed = parts.flatMap((part) => [
          ...bytesOf(`${part.length.toString(16)}\r\n`),
          ...part,
          ...bytesOf("\r\n"),
        ]);
        const decoder = new ChunkedDecoder();
        const data = cutAt(bytesOf([...framed, ...bytesOf("0\r\n\r\n")]), at).flatMap((chunk) =>
          decoder.push(chunk),
        );
        expect(data.flatMap((part) => [...part])).toEqual(parts.flatMap((part) => [...part]));
        expect(decoder.done).toBe(true);
      },
    ),
  );
});

test("any bytes at any cuts give data or a ProtocolError, the same as in one piece", () => {
  const pieces = ["4\r\nwave\r\n", "a;b=c\r\n", "0\r\n", "1\r\nx", "ffffffff\r\n", "0"];
  fc.assert(
    fc.property(bytesLike(pieces), places, (bytes, at) => {
      expect(decode(cutAt(bytes, at))).toEqual(decode([bytes]));
    }),
    { numRuns: 1500 },
  );
});
