import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMetadataPath, parseMetadataRequest } from "../../../shared/source/metadata-request.ts";
import { RequestHeadParser } from "../../../shared/source/request-head.ts";
import { bytesOf } from "./cut.ts";

const icecast = { dialect: "icecast", action: "update" };

function parse(query: string, body?: string) {
  return parseMetadataRequest("/admin/metadata", query, body);
}

/** The title of an update with these fields. */
function title(fields: string): string | undefined {
  return parse(`mode=updinfo&mount=/a&${fields}`).title?.text;
}

/** The title as it comes out of a request whose line has these bytes between `mode=updinfo&` and ` HTTP/1.0`. */
function titleFromWire(...bytes: readonly (string | readonly number[])[]): string | undefined {
  const fields = bytes.flatMap((part) => [...bytesOf(part)]);
  const request = bytesOf([
    ...bytesOf("GET /admin/metadata?mode=updinfo&"),
    ...fields,
    ...bytesOf(" HTTP/1.0\r\n\r\n"),
  ]);
  const head = new RequestHeadParser({ maxBytes: 4096, maxHeaders: 32 }).push(request);
  return parse(head?.target.split("?")[1] ?? "").title?.text;
}

describe("updates that real clients send", () => {
  test("liquidsoap: song, title and artist at once, the mount unescaped", () => {
    const query =
      "mode=updinfo&mount=/live.mp3&charset=UTF-8&genre=Speech&title=J%C3%B3ga&artist=Bj%C3%B6rk" +
      "&song=Bj%C3%B6rk%20%2D%20J%C3%B3ga&date=2024&album=Homogenic";
    expect(parse(query)).toEqual({ ...icecast, mount: "/live.mp3", title: { text: "Björk - Jóga" } });
  });

  test("ezstream: everything escaped, in lower case", () => {
    expect(parse("mode=updinfo&mount=%2fcap%2emp3&charset=UTF%2d8&song=%ea%b9%80%20%2d%20B")).toEqual({
      ...icecast,
      mount: "/cap.mp3",
      title: { text: "김 - B" },
    });
  });

  test("butt: raw UTF-8 in the request line", () => {
    expect(titleFromWire("song=김철수%20-%20Tëst%26%27")).toBe("김철수 - Tëst&'");
  });

  test("butt to SHOUTcast: an empty url is no url", () => {
    expect(parseMetadataRequest("/admin.cgi", "pass=hackme&mode=updinfo&song=A%20-%20B&url=")).toEqual({
      dialect: "shoutcast",
      action: "update",
      pass: "hackme",
      title: { text: "A - B" },
    });
  });

  test("a SHOUTcast 2 tool: the number of the stream and a DJ's login", () => {
    expect(parseMetadataRequest("/admin.cgi", "mode=updinfo&sid=2&pass=dj%3Apw&song=x")).toMatchObject({
      pass: "dj:pw",
    });
  });

  test("libshout after Allow: POST: a form in the body", () => {
    expect(parse("", "mode=updinfo&mount=%2fa.mp3&song=A%2bB+C")).toEqual({
      ...icecast,
      mount: "/a.mp3",
      title: { text: "A+B C" },
    });
  });

  test("a field of the body counts before the same field of the query", () => {
    expect(parse("mode=updinfo&song=query&mount=/a", "song=body")).toMatchObject({
      mount: "/a",
      title: { text: "body" },
    });
  });
});

describe("which title results", () => {
  test.each([
    ["song=S", "S"],
    ["song=S&artist=A&title=T", "S"],
    ["artist=A&title=T", "A - T"],
    ["title=T", "T"],
    ["artist=A", "A"],
    ["artist=&title=T", "T"],
    ["song=&artist=A&title=T", "A - T"],
    ["song=", ""],
    ["artist=&title=", ""],
    ["genre=G&url=http://x/", undefined],
    ["song", undefined],
    ["SONG=S", undefined],
    ["song=first&song=last", "last"],
  ])("%s gives %j", (fields, expected) => {
    expect(title(fields)).toBe(expected);
  });

  test("a url goes with its title", () => {
    expect(parse("mode=updinfo&song=S&url=http%3A%2F%2Fx%2Fc.jpg").title).toEqual({
      text: "S",
      url: "http://x/c.jpg",
    });
  });

  test("a url loses control characters, and is dropped when too long to be whole", () => {
    expect(parse("mode=updinfo&song=S&url=http://x/%00a%0d%0a").title).toEqual({
      text: "S",
      url: "http://x/ a",
    });
    expect(parse(`mode=updinfo&song=S&url=${"u".repeat(1024)}`).title?.url).toHaveLength(1024);
    expect(parse(`mode=updinfo&song=S&url=${"u".repeat(1025)}`).title).toEqual({ text: "S" });
  });
});

describe("escapes", () => {
  test.each([
    ["song=a+b%20c%2Bd", "a b c+d"],
    ["song=100%25%20live", "100% live"],
    ["song=100% live", "100% live"],
    ["song=50%zz%4g%G4%4", "50%zz%4g%G4%4"],
    ["song=a=b", "a=b"],
    ["song=AC%3bDC%26co", "AC;DC&co"],
    ["song=%F0%9F%8E%B5", "🎵"],
  ])("%s is %j", (fields, expected) => {
    expect(title(fields)).toBe(expected);
  });
});

describe("charsets", () => {
  test.each([
    ["none: UTF-8", "song=J%C3%B3ga", "Jóga"],
    ["none, bytes that are not UTF-8: Latin-1", "song=J%F3ga", "Jóga"],
    ["none, windows-1252 quotes", "song=It%92s %93me%94", "It’s “me”"],
    ["UTF-8", "charset=UTF-8&song=J%C3%B3ga", "Jóga"],
    ["UTF-8 that is not: Latin-1", "charset=utf8&song=J%F3ga", "Jóga"],
    ["ISO-8859-1, though the bytes would be UTF-8", "charset=ISO-8859-1&song=%C3%A9", "Ã©"],
    ["the charset behind the song", "song=%E9&charset=latin1", "é"],
    ["windows-1252", "charset=windows-1252&song=%80 5", "€ 5"],
    ["ISO-8859-2", "charset=ISO-8859-2&song=%B3%F3d%BC", "łódź"],
    ["windows-1251", "charset=windows-1251&song=%CF%F0%E8%E2%E5%F2", "Привет"],
    ["EUC-KR", "charset=EUC-KR&song=%B1%E8%C3%B6%BC%F6", "김철수"],
    ["Shift_JIS", "charset=Shift_JIS&song=%83e%83X%83g", "テスト"],
    ["EUC-KR that is not: as without", "charset=EUC-KR&song=%FF%E9", "ÿé"],
    ["a name nobody knows: as without", "charset=x-nobody&song=J%C3%B3ga", "Jóga"],
    ["an empty name: as without", "charset=&song=J%C3%B3ga", "Jóga"],
  ])("%s", (_, fields, expected) => {
    expect(title(fields)).toBe(expected);
  });

  test("raw bytes on the wire are taken as the same bytes escaped", () => {
    expect(titleFromWire("song=J", [0xf3], "ga")).toBe("Jóga");
    expect(titleFromWire("song=It", [0x92], "s")).toBe("It’s");
    expect(titleFromWire("charset=EUC-KR&song=", [0xb1, 0xe8], "%C3%B6", [0xbc, 0xf6])).toBe("김철수");
    expect(titleFromWire("charset=ISO-8859-1&song=J", [0xf3], "ga")).toBe("Jóga");
  });

  test("raw text that no byte can be stands as it is, whatever charset is declared", () => {
    expect(titleFromWire("charset=ISO-8859-1&song=김%20%EC%B2%A0")).toBe("김 철");
  });

  test("every one of the 32 bytes that windows-1252 has and Latin-1 has not is a character or a space", () => {
    const text = title(
      `song=${Array.from({ length: 32 }, (_, i) => `%${(0x80 + i).toString(16)}`).join("")}`,
    );
    expect(text).toBe("€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ");
  });

  test("a declared charset is not that of mount and password", () => {
    const query = "mode=updinfo&charset=ISO-8859-1&mount=/%C3%A9&pass=%C3%A9&song=x";
    expect(parse(query)).toMatchObject({ mount: "/é", pass: "é" });
  });
});

describe("requests that are no update", () => {
  test("without a mode", () => {
    expect(parse("mount=/a&song=x")).toMatchObject({ action: "missing-mode", mount: "/a" });
  });

  test("with another mode", () => {
    expect(parse("mount=/a&mode=zz")).toEqual({ dialect: "icecast", action: "unknown-mode", mount: "/a" });
  });

  test("without anything", () => {
    expect(parse("")).toEqual({ dialect: "icecast", action: "missing-mode" });
  });
});

test("the path tells which replies are understood", () => {
  const paths = ["/admin/metadata", "/admin/metadata.xsl", "/admin.cgi"];
  expect(paths.map((path) => parseMetadataRequest(path, "").dialect)).toEqual([
    "icecast",
    "icecast-html",
    "shoutcast",
  ]);
  expect(paths.every(isMetadataPath)).toBe(true);
  expect(["/admin/stats", "/admin/metadata/", "/admin.cgi2", "/"].some(isMetadataPath)).toBe(false);
});

test("any query and body give a request", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "mode=updinfo&",
      "song=",
      "&charset=",
      "utf-16le",
      "gbk",
      "replacement",
      "%",
      "%e9",
      "+",
      "&",
      "=",
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  const form = fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(form, form, (query, body) => {
      expect(["update", "missing-mode", "unknown-mode"]).toContain(parse(query, body).action);
    }),
    { numRuns: 1000 },
  );
});

test("any title a client escapes as UTF-8 comes back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
      expect(title(`song=${encodeURIComponent(text)}`)).toBe(text);
    }),
  );
});
