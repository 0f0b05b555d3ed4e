import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adminCgiResponse,
  errorReply,
  httpDate,
  iceResponse,
  refusal,
  shoutcastAccepted,
  sourceAccepted,
  unauthorized,
  unsupportedContentType,
} from "../../shared/icecast-reply.ts";
import { millis } from "../../shared/units.ts";

const now = millis(Date.UTC(2026, 10, 21, 0, 12, 8));

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Ours, with Icecast's name in the place of ours, to compare with its bytes. */
function asIcecast(bytes: Uint8Array): string {
  return text(bytes).replace("\r\nServer: Skywave\r\n", "\r\nServer: Icecast 2.4.4\r\n");
}

describe("a source that is accepted", () => {
  test("gets 19 bytes", () => {
    expect(text(sourceAccepted(false))).toBe("HTTP/1.0 200 OK\r\n\r\n");
    expect(sourceAccepted(false)).toHaveLength(19);
  });

  test("gets 63 bytes when it waits for a 100", () => {
    expect(text(sourceAccepted(true))).toBe(
      "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\nHTTP/1.0 200 OK\r\n\r\n",
    );
    expect(sourceAccepted(true)).toHaveLength(63);
  });

  test("gets 20 bytes when it speaks SHOUTcast", () => {
    expect(text(shoutcastAccepted())).toBe("OK2\r\nicy-caps:11\r\n\r\n");
    expect(shoutcastAccepted()).toHaveLength(20);
  });
});

// Captured from Icecast 2.4.4 with the response header Access-Control-Allow-Origin of its shipped configuration.
const captured = {
  unauthorized:
    "HTTP/1.0 401 Authentication Required\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:08 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
    'WWW-Authenticate: Basic realm="Icecast2 Server"\r\nCache-Control: no-cache, no-store\r\n' +
    "Expires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
    "You need to authenticate\r\n",
  mountInUse:
    "HTTP/1.0 403 Forbidden\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:08 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
    "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
    "Access-Control-Allow-Origin: *\r\n\r\nMountpoint in use",
  unknownRequest:
    "HTTP/1.0 400 Bad Request\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:15 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
    "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
    "Access-Control-Allow-Origin: *\r\n\r\n" +
    "<html><head><title>Error 400</title></head><body><b>400 - unknown request</b></body></html>\r\n",
  notFound:
    "HTTP/1.0 404 File Not Found\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:33 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
    "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
    "Access-Control-Allow-Origin: *\r\n\r\n<html><head><title>Error 404</title></head>" +
    "<body><b>404 - The file you requested could not be found</b></body></html>\r\n",
  metadataDone:
    "HTTP/1.0 200 OK\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:24 GMT\r\nContent-Type: text/xml; charset=utf-8\r\n" +
    "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
    'Access-Control-Allow-Origin: *\r\nContent-Length: 113\r\n\r\n<?xml version="1.0"?>\n' +
    "<iceresponse><message>Metadata update successful</message><return>1</return></iceresponse>\n",
  noSuchAction:
    "HTTP/1.0 200 OK\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:33 GMT\r\nContent-Type: text/xml; charset=utf-8\r\n" +
    "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
    'Access-Control-Allow-Origin: *\r\nContent-Length: 101\r\n\r\n<?xml version="1.0"?>\n' +
    "<iceresponse><message>No such action</message><return>0</return></iceresponse>\n",
  adminCgi:
    "HTTP/1.0 200 OK\r\nServer: Icecast 2.4.4\r\nConnection: Close\r\n" +
    "Date: Sat, 21 Nov 2026 00:12:21 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
    "Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n" +
    "Access-Control-Allow-Origin: *\r\n\r\n<html><head><title>Admin request successful</title></head>" +
    "<body><p>Metadata update successful</p></body></html>",
};

const at = (minutes: number, seconds: number) => millis(Date.UTC(2026, 10, 21, 0, minutes, seconds, 999));

describe("byte for byte as Icecast 2.4.4 on the wire", () => {
  test.each([
    ["401", 360, captured.unauthorized, unauthorized(at(12, 8))],
    ["403 Mountpoint in use", 288, captured.mountInUse, refusal("mount-in-use", at(12, 8))],
    ["400 unknown request", 365, captured.unknownRequest, refusal("unknown-request", at(12, 15))],
    ["404", 394, captured.notFound, refusal("not-found", at(12, 33))],
    [
      "a title that was set",
      396,
      captured.metadataDone,
      iceResponse("Metadata update successful", true, at(12, 24)),
    ],
    ["another mode", 384, captured.noSuchAction, iceResponse("No such action", false, at(12, 33))],
    [
      "SHOUTcast's title that was set",
      374,
      captured.adminCgi,
      adminCgiResponse("Metadata update successful", at(12, 21)),
    ],
  ])("%s, %i bytes", (_, size, theirs, ours) => {
    expect(theirs).toHaveLength(size);
    expect(asIcecast(ours)).toBe(theirs);
  });

  test.each([
    ["no-content-type", 292, "No Content-type given"],
    ["too-many-sources", 297, "too many sources connected"],
    ["too-many-connections", 303, "Icecast connection limit reached"],
  ] as const)("403 %s, %i bytes", (kind, size, words) => {
    expect(asIcecast(refusal(kind, now))).toHaveLength(size);
    expect(asIcecast(refusal(kind, now))).toBe(captured.mountInUse.replace("Mountpoint in use", words));
  });

  test.each([
    ["missing-parameter", 367, "Missing parameter"],
    ["missing-pass", 372, "missing pass parameter"],
    ["no-such-action", 364, "No such action"],
    ["no-such-source", 371, "Source does not exist"],
    ["unknown-admin-request", 371, "Unknown admin request"],
    ["unrecognised-command", 370, "Unrecognised command"],
  ] as const)("400 %s, %i bytes", (kind, size, words) => {
    expect(asIcecast(refusal(kind, at(12, 15)))).toHaveLength(size);
    expect(asIcecast(refusal(kind, at(12, 15)))).toBe(
      captured.unknownRequest.replace("unknown request", words),
    );
  });
});

test("a type that cannot be framed is refused with the types that can", () => {
  const reply = text(unsupportedContentType(["audio/mpeg", "audio/mp3"], now));
  expect(reply).toMatch(/^HTTP\/1\.0 403 Forbidden\r\n/);
  expect(reply).toMatch(/\r\n\r\nContent-type not supported \(send one of: audio\/mpeg, audio\/mp3\)$/);
});

test.each([
  [413, "Request Entity Too Large"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
] as const)("%i has the form of Icecast's HTML errors", (status, reason) => {
  const reply = text(errorReply(status, "storage is away", now));
  expect(reply.split("\r\n")[0]).toBe(`HTTP/1.0 ${status} ${reason}`);
  expect(reply).toContain("\r\nContent-Type: text/html; charset=utf-8\r\n");
  expect(reply.split("\r\n\r\n")[1]).toBe(
    `<html><head><title>Error ${status}</title></head><body><b>${status} - storage is away</b></body></html>\r\n`,
  );
});

test("what a client sent comes back escaped, in HTML and in XML", () => {
  const hostile = `<script>"&'`;
  const escaped = "&lt;script&gt;&quot;&amp;&#39;";
  expect(text(errorReply(400, hostile, now))).toContain(`<b>400 - ${escaped}</b>`);
  expect(text(adminCgiResponse(hostile, now))).toContain(`<p>${escaped}</p>`);
  expect(text(iceResponse(hostile, true, now))).toContain(`<message>${escaped}</message>`);
});

test("Content-Length counts bytes, not characters", () => {
  const [head, body] = text(iceResponse("김", true, now)).split("\r\n\r\n");
  expect(head).toContain(`Content-Length: ${new TextEncoder().encode(body).length}`);
});

test("dates are what the host's calendar says, leap days and centuries too", () => {
  for (const iso of [
    "1970-01-01",
    "2000-02-29",
    "2024-02-29T23:59:59",
    "2026-03-01",
    "2100-02-28",
    "2100-03-01",
  ]) {
    const time = Date.parse(iso.length > 10 ? `${iso}Z` : iso);
    expect(httpDate(millis(time))).toBe(new Date(time).toUTCString());
  }
  fc.assert(
    fc.property(fc.nat(253_402_300_799_999), (time) => {
      expect(httpDate(millis(time))).toBe(new Date(time).toUTCString());
    }),
  );
});
