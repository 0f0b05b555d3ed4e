import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../../shared/protocol-error.ts";
import {
  type ShoutcastEvent,
  ShoutcastLoginParser,
  splitLogin,
} from "../../../shared/source/shoutcast-login.ts";
import { bytesLike, bytesOf, cutAt, everyCut, places, textOf } from "./cut.ts";

const limits = { maxBytes: 4096, maxHeaders: 32 };

/** All events and the bytes after the login, or "refused". */
function feed(
  chunks: readonly Uint8Array[],
  using = limits,
): { events: ShoutcastEvent[]; rest: string } | "refused" {
  const parser = new ShoutcastLoginParser(using);
  const events: ShoutcastEvent[] = [];
  try {
    for (const [index, chunk] of chunks.entries()) {
      events.push(...parser.push(chunk));
      const last = events.at(-1);
      if (last !== undefined && last.kind !== "password") {
        return { events, rest: textOf(parser.rest, ...chunks.slice(index + 1)) };
      }
    }
    return { events, rest: "" };
  } catch (error) {
    if (error instanceof ProtocolError) return "refused";
    throw error;
  }
}

function firstEvent(text: string): ShoutcastEvent | undefined | "refused" {
  const result = feed([bytesOf(text)]);
  return result === "refused" ? result : result.events[0];
}

describe("logins that real sources send", () => {
  const liquidsoap =
    "pw\r\nicy-reset:1\r\nicy-aim:\r\nicy-br:64\r\nicy-pub:1\r\ncontent-type:audio/mpeg\r\n\r\n";
  const butt = "pw\r\nHost: h:8001\r\nicy-name:butt\r\ncontent-type: audio/mpeg\r\n\r\n";
  const libshout = "pw\nicy-name:N\nicy-url:http://u\nicy-irc:\nicy-pub:0\nicy-br:0\n\n";
  const dsp = "pw\r\r\nicy-name:N\r\r\n\r\r\n";

  test.each([
    ["liquidsoap", liquidsoap, { name: "icy-aim", value: "" }],
    ["butt, whose Host is among the headers", butt, { name: "host", value: "h:8001" }],
    ["libshout and Pure Data, with bare line feeds", libshout, { name: "icy-url", value: "http://u" }],
    ["the DSP plug-in, with doubled carriage returns", dsp, { name: "icy-name", value: "N" }],
  ])("%s is read the same however it is cut, and the audio after it is kept", (_, login, someHeader) => {
    const whole = feed([bytesOf(`${login}ÿaudio\n\n`)]);
    expect(whole).toMatchObject({
      events: [{ kind: "password", password: "pw", unsplit: "pw" }, { kind: "headers" }],
      rest: "ÿaudio\n\n",
    });
    if (whole === "refused") throw new Error(whole);
    const [, headers] = whole.events;
    expect(headers?.kind === "headers" && headers.headers).toContainEqual(someHeader);
    for (const chunks of everyCut(bytesOf(`${login}ÿaudio\n\n`))) expect(feed(chunks)).toEqual(whole);
  });

  test("the password is told as soon as its line ends, because liquidsoap waits for OK2 before its headers", () => {
    const parser = new ShoutcastLoginParser(limits);
    expect(parser.push(bytesOf("pw\r"))).toEqual([]);
    expect(parser.push(bytesOf("\n"))).toMatchObject([{ kind: "password", password: "pw" }]);
    expect(parser.push(bytesOf("icy-name:N\r\n"))).toEqual([]);
    expect(parser.push(bytesOf("\r\n"))).toEqual([
      { kind: "headers", headers: [{ name: "icy-name", value: "N" }] },
    ]);
  });

  test("lines that are no headers are passed over", () => {
    expect(feed([bytesOf("pw\nhello\n:x\nicy-name:N\n\n")])).toMatchObject({
      events: [{}, { kind: "headers", headers: [{ name: "icy-name", value: "N" }] }],
    });
  });
});

describe("the password line", () => {
  test.each([
    ["hackme", { password: "hackme", unsplit: "hackme" }],
    ["dj:hackme", { user: "dj", password: "hackme", unsplit: "dj:hackme" }],
    ["dj,hackme", { user: "dj", password: "hackme", unsplit: "dj,hackme" }],
    ["dj:hack,me:", { user: "dj", password: "hack,me:", unsplit: "dj:hack,me:" }],
    ["/live.mp3:hackme", { mount: "/live.mp3", password: "hackme", unsplit: "hackme" }],
    ["/live.mp3:dj:hackme", { mount: "/live.mp3", user: "dj", password: "hackme", unsplit: "dj:hackme" }],
    ["/hackme", { password: "/hackme", unsplit: "/hackme" }],
    [":hackme", { password: ":hackme", unsplit: ":hackme" }],
    ["비밀", { password: "비밀", unsplit: "비밀" }],
    ["SOURCE hackme /live.mp3", { password: "SOURCE hackme /live.mp3", unsplit: "SOURCE hackme /live.mp3" }],
  ])("%s", (line, expected) => {
    expect(firstEvent(`${line}\r\n`)).toEqual({ kind: "password", ...expected });
  });

  test("admin.cgi's pass has the same forms of user and password", () => {
    expect(splitLogin("dj:pw")).toEqual({ user: "dj", password: "pw" });
    expect(splitLogin("pw")).toEqual({ password: "pw" });
  });

  test.each(["\r\n", "\n", "pw\0\r\n", "p\rw\r\n"])("%j is refused", (line) => {
    for (const chunks of everyCut(bytesOf(line))) expect(feed(chunks)).toBe("refused");
  });
});

describe("what else comes to the SHOUTcast port", () => {
  test("libshout's probe, headers and all", () => {
    const probe = bytesOf("!POKE\nicy-name:libshout server poke request\n\n");
    for (const chunks of everyCut(probe)) expect(feed(chunks)).toMatchObject({ events: [{ kind: "probe" }] });
  });

  test.each([
    "GET /admin.cgi?mode=updinfo&pass=pw&song=a b HTTP/1.0\r\nUser-Agent: (Mozilla Compatible)\r\n\r\n",
    "SOURCE /live.mp3 ICE/1.0\nHost: x\n\nÿaudio",
    "OPTIONS * HTTP/1.1\r\n\r\n",
  ])("HTTP, with every byte of it kept: %j", (request) => {
    for (const chunks of everyCut(bytesOf(request))) {
      expect(feed(chunks)).toEqual({ events: [{ kind: "http" }], rest: request });
    }
  });
});

describe("limits", () => {
  const login = "pw\r\nicy-name:N\r\n\r\n";

  test("a login of exactly the limit is read, one byte more is refused", () => {
    for (const chunks of everyCut(bytesOf(login))) {
      expect(feed(chunks, { maxBytes: login.length, maxHeaders: 1 })).toMatchObject({ rest: "" });
      expect(feed(chunks, { maxBytes: login.length - 1, maxHeaders: 1 })).toBe("refused");
      expect(feed(chunks, { maxBytes: login.length, maxHeaders: 0 })).toBe("refused");
    }
  });

  test("audio without a login is refused within the limit", () => {
    const audio = Uint8Array.from({ length: 5000 }, (_, index) => (index % 7 === 0 ? 0xff : 0x55));
    expect(feed([audio])).toBe("refused");
  });
});

test("any bytes at any cuts give events or a ProtocolError, the same as in one piece", () => {
  const pieces = [
    "pw\r\n",
    "dj:pw\n",
    "/a:pw\r\n",
    "!POKE\n",
    "GET / HTTP/1.0\r\n",
    "icy-name:N\r\n",
    "\n\n",
  ];
  const using = { maxBytes: 80, maxHeaders: 3 };
  fc.assert(
    fc.property(bytesLike(pieces), places, (bytes, at) => {
      expect(feed(cutAt(bytes, at), using)).toEqual(feed([bytes], using));
    }),
    { numRuns: 1500 },
  );
});
