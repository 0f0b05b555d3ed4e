import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  expectsContinue,
  header,
  type RequestHead,
  RequestHeadError,
  RequestHeadParser,
} from "../../../shared/source/request-head.ts";
import { bytesLike, bytesOf, cutAt, everyCut, places, textOf } from "./cut.ts";

const limits = { maxBytes: 4096, maxHeaders: 32 };

/** What a parser makes of these chunks: the head and all bytes after it, or the reason for refusing. */
function feed(
  chunks: readonly Uint8Array[],
  using = limits,
): { head: RequestHead | null; rest: string } | string {
  const parser = new RequestHeadParser(using);
  try {
    for (const [index, chunk] of chunks.entries()) {
      const head = parser.push(chunk);
      if (head !== null) return { head, rest: textOf(parser.rest, ...chunks.slice(index + 1)) };
    }
    return { head: null, rest: "" };
  } catch (error) {
    if (error instanceof RequestHeadError) return error.reason;
    throw error;
  }
}

function parse(text: string | readonly number[], using = limits): RequestHead | string {
  const result = feed([bytesOf(text)], using);
  if (typeof result === "string") return result;
  if (result.head === null) return "not yet";
  return result.head;
}

function headersOf(text: string): readonly { name: string; value: string }[] | string {
  const head = parse(text);
  return typeof head === "string" ? head : head.headers;
}

describe("heads that real sources send", () => {
  const ffmpeg =
    "PUT /live.mp3 HTTP/1.1\r\nUser-Agent: Lavf/59.27.100\r\nAccept: */*\r\nExpect: 100-continue\r\n" +
    "Connection: close\r\nHost: 127.0.0.1:18462\r\nContent-Type: audio/mpeg\r\nIcy-MetaData: 1\r\nIce-Name: N\r\n" +
    "Ice-Genre: G\r\nIce-Public: 1\r\nAuthorization: Basic c291cmNlOnB3\r\n\r\n";
  const darkice =
    "SOURCE /live.mp3 HTTP/1.0\nAuthorization: Basic c291cmNlOnB3\nUser-Agent: DarkIce/1.3\nice-bitrate: 128\n" +
    "Content-type: audio/mpeg\r\n\r\n";
  const liquidsoapChunked =
    "PUT /live.mp3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: \r\nExpect: 100-continue\r\n\r\n";

  test.each([
    ["ffmpeg", ffmpeg],
    ["darkice, which mixes line endings", darkice],
    ["liquidsoap, whose Host is empty", liquidsoapChunked],
  ])("%s is read the same however it is cut, and the audio after it is kept", (_, text) => {
    const whole = feed([bytesOf(`${text}ÿaudio\r\n\r\n`)]);
    expect(whole).toMatchObject({ head: { target: "/live.mp3" }, rest: "ÿaudio\r\n\r\n" });
    for (const chunks of everyCut(bytesOf(`${text}ÿaudio\r\n\r\n`))) expect(feed(chunks)).toEqual(whole);
  });

  test("names are lower case, values keep their case and inner spaces", () => {
    const head = parse("SOURCE /a HTTP/1.0\r\nIce-Name:  My  Radio \t\r\nice-name:second\r\n\r\n");
    if (typeof head === "string") throw new Error(head);
    expect(head.headers[0]).toEqual({ name: "ice-name", value: "My  Radio" });
    expect(header(head, "ice-name")).toBe("My  Radio");
    expect(header(head, "ice-genre")).toBeUndefined();
  });

  test("an empty Host is a header with an empty value", () => {
    expect(headersOf(liquidsoapChunked)).toContainEqual({ name: "host", value: "" });
  });

  test.each(["\r\n\r\n", "\n\n", "\n\r\n", "\r\n\n", "\r\r\n\r\r\n", "\r\r\n\n"])(
    "the head may end with %j",
    (end) => {
      expect(feed([bytesOf(`GET / HTTP/1.0\r\nA: b${end}rest`)])).toEqual({
        head: { method: "GET", target: "/", version: "HTTP/1.0", headers: [{ name: "a", value: "b" }] },
        rest: "rest",
      });
    },
  );

  test.each(["HTTP/1.0", "HTTP/1.1", "ICE/1.0"])("%s is understood", (version) => {
    expect(parse(`SOURCE /a ${version}\r\n\r\n`)).toMatchObject({ method: "SOURCE", version });
  });

  test("a method in lower case is the same method", () => {
    expect(parse("source /a HTTP/1.0\r\n\r\n")).toMatchObject({ method: "SOURCE" });
  });

  test("a few empty lines before the request are forgiven, many are not", () => {
    expect(parse("\r\n\r\nGET / HTTP/1.0\r\n\r\n")).toMatchObject({ method: "GET" });
    expect(parse("\n\n\n\n\n")).toBe("malformed");
  });

  test("the connection of libshout's TLS probe is a request like any other", () => {
    expect(
      parse("OPTIONS * HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n"),
    ).toMatchObject({ method: "OPTIONS", target: "*" });
    expect(parse("GET /admin/!POKE HTTP/1.1\r\n\r\n")).toMatchObject({ target: "/admin/!POKE" });
  });
});

describe("text in heads", () => {
  test("a line longer than a packet is kept whole", () => {
    const target = `/${"0123456789".repeat(150)}`;
    for (const chunks of everyCut(bytesOf(`GET ${target} HTTP/1.0\r\n\r\n`))) {
      expect(feed(chunks)).toMatchObject({ head: { target } });
    }
  });

  test("butt's raw UTF-8 in the request line comes out as text", () => {
    expect(parse("GET /admin/metadata?song=김철수%20-%20라디오 HTTP/1.0\r\n\r\n")).toMatchObject({
      target: "/admin/metadata?song=김철수%20-%20라디오",
    });
  });

  test("bytes that are not UTF-8 are Latin-1, line by line", () => {
    const head = parse([...bytesOf("GET /?song="), 0xe9, ...bytesOf(" HTTP/1.0\r\nice-name: Jóga\r\n\r\n")]);
    expect(head).toMatchObject({ target: "/?song=é", headers: [{ name: "ice-name", value: "Jóga" }] });
  });

  test("raw spaces belong to the target when a protocol stands last", () => {
    expect(parse("GET /admin/metadata?song=a  b c HTTP/1.0\r\n\r\n")).toMatchObject({
      target: "/admin/metadata?song=a  b c",
    });
  });

  test("spaces around the words of the request line do not matter", () => {
    expect(parse("GET   /a   HTTP/1.0  \r\n\r\n")).toMatchObject({ target: "/a" });
  });
});

describe("what is refused", () => {
  test.each([
    ["xaudiocast's SOURCE with a password", "SOURCE hackme /mount\r\n\r\n"],
    ["a word", "HELLO\r\n\r\n"],
    ["HTTP/0.9", "GET /\r\n\r\n"],
    ["a version that does not exist", "GET / HTTP/1.7\r\n\r\n"],
    ["no target", "GET HTTP/1.0\r\n\r\n"],
    ["a space before the method", " GET / HTTP/1.0\r\n\r\n"],
    ["a method that is no word", "G@T / HTTP/1.0\r\n\r\n"],
    ["a tab in the target", "GET /a\tb HTTP/1.0\r\n\r\n"],
    ["a carriage return in the target", "GET /a\rb HTTP/1.0\r\n\r\n"],
    ["a continued header", "GET / HTTP/1.0\r\nA: b\r\n c\r\n\r\n"],
    ["white space before the colon", "GET / HTTP/1.0\r\nContent-Length : 5\r\n\r\n"],
    ["a header without a colon", "GET / HTTP/1.0\r\nhello\r\n\r\n"],
    ["a header without a name", "GET / HTTP/1.0\r\n: x\r\n\r\n"],
    ["a name with a slash", "GET / HTTP/1.0\r\na/b: x\r\n\r\n"],
    ["a name that is not ASCII", "GET / HTTP/1.0\r\nnäme: x\r\n\r\n"],
    ["NUL in a value", "GET / HTTP/1.0\r\nA: b\0c\r\n\r\n"],
    ["a bare carriage return in a value", "GET / HTTP/1.0\r\nA: b\rc\r\n\r\n"],
    ["Content-Lengths that differ", "PUT / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"],
    ["Content-Length in a list", "PUT / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n"],
    ["a signed Content-Length", "PUT / HTTP/1.1\r\nContent-Length: +5\r\n\r\n"],
    ["an endless Content-Length", "PUT / HTTP/1.1\r\nContent-Length: 1000000000000000\r\n\r\n"],
    ["length and chunks", "PUT / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ])("%s", (_, text) => {
    expect(parse(text)).toBe("malformed");
    for (const chunks of everyCut(bytesOf(text))) expect(feed(chunks)).toBe("malformed");
  });

  test("the same Content-Length twice is one", () => {
    expect(parse("PUT / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n")).toMatchObject({
      method: "PUT",
    });
  });

  test("TLS on the plain port is refused at its first byte, without waiting for a line", () => {
    expect(parse([0x16, 0x03, 0x01, 0x02])).toBe("malformed");
  });

  test("MP3 without a login is refused at its first byte", () => {
    expect(parse([0xff, 0xfb, 0x90, 0x64])).toBe("malformed");
  });

  test("no message repeats what may be a password", () => {
    for (const text of ["hunter2\r\n", "SOURCE hunter2 /a\r\n", "GET / HTTP/1.0\r\nhunter2\r\n"]) {
      const parser = new RequestHeadParser(limits);
      expect(() => parser.push(bytesOf(text))).toThrow(/^(?!.*hunter2)/);
    }
  });
});

describe("limits", () => {
  const head = "GET / HTTP/1.0\r\nA: b\r\n\r\n";

  test("a head of exactly the limit is read, with any amount of audio behind it", () => {
    const using = { maxBytes: head.length, maxHeaders: 1 };
    expect(feed([bytesOf(head + "x".repeat(9000))], using)).toMatchObject({ head: { target: "/" } });
    for (const chunks of everyCut(bytesOf(head))) {
      expect(feed(chunks, using)).toMatchObject({ head: { target: "/" } });
    }
  });

  test("one byte more is too large", () => {
    const using = { maxBytes: head.length - 1, maxHeaders: 1 };
    for (const chunks of everyCut(bytesOf(head))) expect(feed(chunks, using)).toBe("too-large");
  });

  test("a line that never ends is too large", () => {
    expect(parse("A".repeat(4096))).toBe("too-large");
    expect(parse("A".repeat(4095))).toBe("not yet");
  });

  test("one header more than the limit is too large", () => {
    const line = "A: b\r\n";
    const text = (count: number) => `GET / HTTP/1.0\r\n${line.repeat(count)}\r\n`;
    expect(parse(text(32))).toMatchObject({ method: "GET" });
    expect(parse(text(33))).toBe("too-large");
  });
});

test("Expect asks for a 100 in HTTP/1.0 too, as liquidsoap sends it", () => {
  const head = parse("PUT /a HTTP/1.0\r\nExpect: 100-Continue\r\n\r\n");
  if (typeof head === "string") throw new Error(head);
  expect(expectsContinue(head)).toBe(true);
  expect(expectsContinue({ headers: [] })).toBe(false);
});

test("pushing after the head is a mistake of the caller, not of the source", () => {
  const parser = new RequestHeadParser(limits);
  parser.push(bytesOf("GET / HTTP/1.0\r\n\r\n"));
  expect(() => parser.push(bytesOf("x"))).toThrow(/complete/);
  expect(() => parser.push(bytesOf("x"))).not.toThrow(RequestHeadError);
});

const pieces = [
  "GET / HTTP/1.0\r\n",
  "SOURCE /a ICE/1.0\n",
  "PUT /b HTTP/1.1\r\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\n",
  "ice-name: é\r\n",
  "\r\n\r\n",
];

test("any bytes at any cuts give a head or a RequestHeadError, the same as in one piece", () => {
  const using = { maxBytes: 120, maxHeaders: 4 };
  fc.assert(
    fc.property(bytesLike(pieces), places, (bytes, at) => {
      expect(feed(cutAt(bytes, at), using)).toEqual(feed([bytes], using));
    }),
    { numRuns: 1500 },
  );
});
