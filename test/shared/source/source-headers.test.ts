import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { claimSchema } from "../../../shared/edge-api.ts";
import { declaredContentType, readSourceInfo } from "../../../shared/source/source-headers.ts";

const connection = { ip: "192.0.2.1", protocol: "SOURCE" };

function info(...headers: readonly (readonly [name: string, value: string])[]) {
  return readSourceInfo({ headers: headers.map(([name, value]) => ({ name, value })) }, connection);
}

describe("what a source says of its stream", () => {
  test("liquidsoap", () => {
    expect(
      info(
        ["ice-url", "http://u"],
        ["ice-name", "N"],
        ["ice-description", "D"],
        ["ice-public", "1"],
        ["user-agent", "Liquidsoap/2.1.3 (Unix; OCaml 4.13.1)"],
        ["ice-genre", "G"],
        ["ice-audio-info", "channels=2;samplerate=44100;bitrate=64"],
        ["content-type", "audio/mpeg"],
      ),
    ).toEqual({
      name: "N",
      description: "D",
      genre: "G",
      url: "http://u",
      public: true,
      bitrate: "64",
      audioInfo: "channels=2;samplerate=44100;bitrate=64",
      contentType: "audio/mpeg",
      userAgent: "Liquidsoap/2.1.3 (Unix; OCaml 4.13.1)",
      ...connection,
    });
  });

  test("Pure Data's SHOUTcast login, which has no content type and says icy-pub:no", () => {
    expect(info(["icy-name", "Pd"], ["icy-irc", "#mp3cast"], ["icy-pub", "no"], ["icy-br", "128"])).toEqual({
      name: "Pd",
      public: false,
      bitrate: "128",
      contentType: "audio/mpeg",
      ...connection,
    });
  });

  test("nothing: absent stays absent", () => {
    expect(info()).toEqual({ contentType: "audio/mpeg", ...connection });
  });

  test.each([
    ["name", "Unnamed"],
    ["description", "Undescribed"],
    ["genre", "Various"],
    ["url", "http://x/"],
  ])("%s: ice- before icy- before x-audiocast-, in whatever order they came", (field, value) => {
    const [ice, icy, xAudiocast] = ["ice", "icy", "x-audiocast"].map((prefix) => `${prefix}-${field}`);
    const all = [[xAudiocast, "third"] as const, [icy, "second"] as const, [ice, value] as const].map(
      ([name, text]) => [name ?? "", text] as const,
    );
    expect(info(...all)).toMatchObject({ [field]: value });
    expect(info(...all.slice(0, 2))).toMatchObject({ [field]: "second" });
    expect(info(...all.slice(0, 1))).toMatchObject({ [field]: "third" });
  });

  test("an empty header counts as none, so that the next name is asked", () => {
    expect(info(["ice-name", ""], ["icy-name", "Real"], ["ice-genre", " "])).toMatchObject({ name: "Real" });
    expect(info(["ice-genre", " "])).not.toHaveProperty("genre");
  });

  test.each([
    ["1", true],
    ["0", false],
    ["no", false],
    ["yes", true],
    ["", undefined],
  ])("public %j is %s", (value, expected) => {
    expect(info(["icy-pub", value]).public).toBe(expected);
    expect(info(["ice-public", value]).public).toBe(expected);
  });
});

describe("bitrate", () => {
  test.each<[string | undefined, [string, string][]]>([
    ["128", [["ice-bitrate", "128"]]],
    ["128", [["x-audiocast-bitrate", "128"]]],
    [
      "96",
      [
        ["ice-bitrate", "0"],
        ["icy-br", "96"],
      ],
    ],
    ["128", [["ice-audio-info", "ice-samplerate=44100;ice-bitrate=128;ice-channels=2"]]],
    ["128", [["ice-audio-info", "bitrate=%31%32%38;channels=2"]]],
    ["64", [["ice-bitrate", "64.00"]]],
    [undefined, [["icy-br", "0"]]],
    [undefined, [["ice-audio-info", "ice-samplerate=44100;quality=3%2e00;ice-bitrate"]]],
    [undefined, [["ice-bitrate", "Quality 3"]]],
    [undefined, [["ice-bitrate", "12345678901234567"]]],
  ])("is %s where it says so", (expected, headers) => {
    expect(info(...headers).bitrate).toBe(expected);
  });
});

describe("text from outside", () => {
  test("loses control characters, line separators too", () => {
    expect(info(["ice-name", " a\u0000b\u009f\u2028c\t"]).name).toBe("a b c");
  });

  test("is cut at the limits of the edge's schema, not inside a surrogate pair", () => {
    expect(info(["ice-name", "x".repeat(2000)]).name).toHaveLength(1024);
    expect(info(["content-type", `audio/${"x".repeat(2000)}`]).contentType).toHaveLength(128);
    const long = { ip: "1".repeat(100), protocol: "S".repeat(100) };
    expect(readSourceInfo({ headers: [] }, long)).toMatchObject({
      ip: "1".repeat(64),
      protocol: "S".repeat(16),
    });
    const name = info(["ice-name", `${"x".repeat(1023)}😀`]).name;
    expect(name).toBe("x".repeat(1023));
  });

  test("any headers make a claim that the edge accepts", () => {
    const name = fc.constantFrom(
      "ice-name",
      "icy-url",
      "ice-bitrate",
      "icy-pub",
      "ice-audio-info",
      "content-type",
      "user-agent",
    );
    const value = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.stringMatching(/^[0-9=;%a-f]*$/));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.string({ maxLength: 20 }), (headers, ip) => {
        const source = readSourceInfo(
          { headers: headers.map(([header, text]) => ({ name: header, value: text })) },
          { ip, protocol: ip },
        );
        expect(claimSchema.shape.source.safeParse(source).success).toBe(true);
      }),
    );
  });
});

describe("content type", () => {
  test.each([
    ["audio/mpeg", "audio/mpeg"],
    ["Audio/MPEG; charset=utf-8", "audio/mpeg"],
    ["application/ogg", "application/ogg"],
    ["", undefined],
    [";", undefined],
  ])("%j is %s", (value, expected) => {
    expect(declaredContentType({ headers: [{ name: "content-type", value }] })).toBe(expected);
  });

  test("none is none, for a PUT to be refused", () => {
    expect(declaredContentType({ headers: [] })).toBeUndefined();
  });
});
