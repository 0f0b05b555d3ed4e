import fc from "fast-check";
import { expect, test } from "vitest";
import { type AccessEntry, accessLine, logDate, playlistLine } from "../../../ingest/logs/log-lines.ts";

const entry: AccessEntry = {
  address: "127.0.0.1",
  user: "bob",
  startedMs: Date.UTC(2026, 10, 21, 0, 12, 40),
  endedMs: Date.UTC(2026, 10, 21, 0, 12, 42, 900),
  request: "GET /url.mp3 HTTP/1.0",
  bytes: 46_449,
  referer: "http://r/",
  userAgent: "UA/1",
};

test("an access line is Icecast's: combined format and the seconds", () => {
  expect(accessLine(entry, 0)).toBe(
    '127.0.0.1 - bob [21/Nov/2026:00:12:42 +0000] "GET /url.mp3 HTTP/1.0" 200 46449 "http://r/" "UA/1" 2\n',
  );
});

test("what is not known is a dash", () => {
  expect(accessLine({ ...entry, address: null, user: null, referer: "", userAgent: "" }, 0)).toBe(
    '- - - [21/Nov/2026:00:12:42 +0000] "GET /url.mp3 HTTP/1.0" 200 46449 "-" "-" 2\n',
  );
});

test("dates are of the machine's place", () => {
  const ms = Date.UTC(2026, 11, 31, 23, 30);
  expect(logDate(ms, 9 * 60)).toBe("01/Jan/2027:08:30:00 +0900");
  expect(logDate(ms, -(3 * 60 + 30))).toBe("31/Dec/2026:20:00:00 -0330");
});

test("what a client says can end neither its field nor the line", () => {
  const hostile = { ...entry, user: 'a b"c', userAgent: 'x" 200 1 "\n127.0.0.1 \\ \u001b[31m' };
  expect(accessLine(hostile, 0)).toBe(
    String.raw`127.0.0.1 - a\x20b\"c [21/Nov/2026:00:12:42 +0000] "GET /url.mp3 HTTP/1.0" 200 46449 "http://r/" "x\" 200 1 \"\x0a127.0.0.1 \\ \x1b[31m" 2` +
      "\n",
  );
});

test("any text makes one line, from which its fields can be read again", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, text, text, (user, request, userAgent) => {
      const line = accessLine({ ...entry, user, request, userAgent }, 0);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      const field = String.raw`"((?:[^"\\]|\\.)*)"`;
      expect(line).toMatch(
        new RegExp(String.raw`^127\.0\.0\.1 - \S+ \[[^\]]+\] ${field} 200 46449 ${field} ${field} 2\n$`, "u"),
      );
    }),
  );
});

test("a playlist line has its four fields", () => {
  const title = {
    atMs: Date.UTC(2026, 10, 21, 0, 12, 24),
    mount: "/a.mp3",
    listeners: 1,
    title: "It's me - B",
  };
  expect(playlistLine(title, 0)).toBe("21/Nov/2026:00:12:24 +0000|/a.mp3|1|It's me - B\n");
  expect(playlistLine({ ...title, mount: "/a|b", title: "x|y\nz" }, 0)).toBe(
    String.raw`21/Nov/2026:00:12:24 +0000|/a\x7cb|1|x|y\x0az` + "\n",
  );
});
