import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeMountPath,
  isReservedPath,
  MountPathError,
  mountPath,
  parseMountPath,
} from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";

describe("a mount's name", () => {
  test.each([
    ["/live.mp3", "/live.mp3"],
    ["/live", "/live"],
    ["/radio/one.mp3", "/radio/one.mp3"],
    ["/live.mp3?token=a/../b%2f", "/live.mp3"],
    ["http://radio.example:8000/live.mp3?x", "/live.mp3"],
    ["HTTPS://radio.example/live.mp3", "/live.mp3"],
    ["/%eb%9d%bc%EB%94%94%EC%98%A4.mp3", "/라디오.mp3"],
    ["/라디오.mp3", "/라디오.mp3"],
    ["/a%20b.mp3", "/a b.mp3"],
    ["/a b.mp3", "/a b.mp3"],
    ["/a+b.mp3", "/a+b.mp3"],
    ["/100%25", "/100%"],
    ["/%2e%2e.mp3", "/...mp3"],
    ["/%3Fquestion", "/?question"],
    ["/.hidden", "/.hidden"],
    ["/admin", "/admin"],
    ["/administrator.mp3", "/administrator.mp3"],
    ["/healthy", "/healthy"],
    ["/live.m3u.mp3", "/live.m3u.mp3"],
  ])("%s is %s", (target, mount) => {
    expect(parseMountPath(target)).toBe(mount);
  });

  test("may have 200 bytes of UTF-8, escaped or not", () => {
    const longest = `/${"라".repeat(66)}a`;
    expect(parseMountPath(longest)).toBe(longest);
    expect(parseMountPath(encodeURI(longest))).toBe(longest);
    expect(() => parseMountPath(`${longest}b`)).toThrow("mount name has 201 bytes, at most 200 are possible");
  });
});

describe("a name that cannot be a mount", () => {
  test.each([
    ["live.mp3", 'must begin with "/"'],
    ["", 'must begin with "/"'],
    ["*", 'must begin with "/"'],
    ["hackme /live.mp3", 'must begin with "/"'],
    ["%2flive.mp3", "encoded slash"],
    ["/", "nothing before or after"],
    ["http://radio.example/", "nothing before or after"],
    ["http://radio.example", 'must begin with "/"'],
    ["//live.mp3", "nothing before or after"],
    ["/a//b", "nothing before or after"],
    ["/a/", "nothing before or after"],
    ["/..", '".." as a folder'],
    ["/../etc/passwd", '".." as a folder'],
    ["/a/../b", '".." as a folder'],
    ["/a/%2E%2e/b", '".." as a folder'],
    ["/./a", '"." as a folder'],
    ["/a%2fb", "encoded slash"],
    ["/a%2Fb", "encoded slash"],
    ["/a%5cb", "backslash"],
    ["/a\\b", "backslash"],
    ["/a%00", "control character"],
    ["/a%0d%0aX:%20y", "control character"],
    ["/a%7f", "control character"],
    ["/a%C2%85", "control character"],
    ["/a%E2%80%A8", "control character"],
    ["/100%", "two hexadecimal digits"],
    ["/a%zz", "two hexadecimal digits at byte 2"],
    ["/a%F3", "not UTF-8"],
    ["/a%C0%AE", "not UTF-8"],
    ["/a\ud800", "not valid Unicode"],
    [`/${"a".repeat(300)}`, "301 bytes"],
    ["/health", "the server itself answers"],
    ["/page.js", "the server itself answers"],
    ["/admin/metadata", "the server itself answers"],
    ["/ADMIN/x", "the server itself answers"],
    ["/admin.cgi", "the server itself answers"],
    ["/api/ingest/v1/claim", "the server itself answers"],
    ["/cdn-cgi/local/r2", "the server itself answers"],
    ["/archive/live", "the server itself answers"],
    ["/archive.json", "the server itself answers"],
    ["/status-json.xsl", "the server itself answers"],
    ["/live.mp3.m3u", "the server itself answers"],
    ["/live.mp3.M3U8", "the server itself answers"],
    ["/live.pls", "the server itself answers"],
    ["/live.xspf", "the server itself answers"],
    ["/live.vclt", "the server itself answers"],
    ["/%61dmin/metadata", "the server itself answers"],
  ])("%j: %s", (target, message) => {
    expect(() => parseMountPath(target)).toThrow(MountPathError);
    expect(() => parseMountPath(target)).toThrow(message);
  });
});

test("a decoded name is checked by the same rules, and its percent signs are its own", () => {
  expect(mountPath("/100%25")).toBe("/100%25");
  expect(() => mountPath("/a/../b")).toThrow(MountPathError);
  expect(() => mountPath("live")).toThrow(MountPathError);
});

test("reserved paths are told apart from mounts", () => {
  expect(isReservedPath("/health")).toBe(true);
  expect(isReservedPath("/health/live.mp3")).toBe(false);
});

/** The mount, or null for a MountPathError; any other error is the test's failure. */
function mountOrNull(parse: () => MountPath): MountPath | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MountPathError) return null;
    throw error;
  }
}

test("every mount survives its URL", () => {
  expect(encodeMountPath(mountPath("/radio/라 디#오?.mp3"))).toBe(
    "/radio/%EB%9D%BC%20%EB%94%94%23%EC%98%A4%3F.mp3",
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }), (name) => {
      const mount = mountOrNull(() => mountPath(`/${name}`));
      fc.pre(mount !== null);
      expect(parseMountPath(encodeMountPath(mount))).toBe(mount);
      expect(parseMountPath(`http://h:1${encodeMountPath(mount)}?q`)).toBe(mount);
    }),
  );
});

test("any target gives a mount, which is its own decoded form, or a MountPathError", () => {
  const words = ["/", "//", ".", "..", "%2e", "%2f", "%", "%00", "%eb%9d%bc", "?", "http://h", ".m3u", "a"];
  const piece = fc.oneof(fc.constantFrom(...words), fc.string({ unit: "binary", maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const mount = mountOrNull(() => parseMountPath(`/${pieces.join("")}`));
      expect(mount === null || mountPath(mount)).toBe(mount ?? true);
      expect(mount ?? "").not.toMatch(/\/\.{0,2}(?:\/|$)/);
    }),
    { numRuns: 1000 },
  );
});
