import fc from "fast-check";
import { expect, it } from "vitest";
import { checkDumpPattern, dumpPath, numbered, pathOf } from "../../shared/dump-path.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { MountPath } from "../../shared/units.ts";

const startMs = Date.parse("2026-11-21T23:30:00Z");
const pathFor = (pattern: string, mount = "/live.mp3", timeZone = "UTC"): string =>
  pathOf(dumpPath({ pattern, timeZone }, { root: "/data/dumps", mount: mount as MountPath, startMs }));

it("has the time, where the station is, and the mount", () => {
  expect(pathFor("${mount}/%Y/%F %H.mp3", "/a/b.mp3", "Asia/Seoul")).toBe(
    "/data/dumps/a-b.mp3/2026/2026-11-22 08.mp3",
  );
  expect(pathFor("/srv/../x/%F-${mount}", "/100%F")).toBe("/srv/../x/2026-11-21-100%F");
});

it("is refused where it leaves its folder or is no name", () => {
  for (const pattern of [
    "../x.mp3",
    "a/../x",
    ".hidden",
    "a//b",
    "a/",
    "",
    "a\0",
    "%D",
    "/x/",
    "/a\nb",
    "%Q",
  ])
    expect(() => checkDumpPattern(pattern), pattern).toThrow(ProtocolError);
});

it("is refused for a mount whose name is no file's, wherever it goes", () => {
  for (const mount of ["/..", "/a\0b", "/.x", "/a<b", "/a."]) {
    expect(() => pathFor("${mount}", mount), mount).toThrow(ProtocolError);
    expect(() => pathFor("/srv/${mount}.d/x.mp3", mount), mount).toThrow(ProtocolError);
  }
});

it("stays in its folder, or throws ProtocolError", () => {
  const part = fc.constantFrom("..", ".", "/", "%F", "%D", "${mount}", "a", "%", "\\", "\0", " ");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.string(), (parts, name) => {
      const pattern = `x${parts.join("")}`;
      try {
        const components = pathFor(pattern, `/${name}`).slice("/data/dumps/".length).split("/");
        for (const component of components) expect(component).not.toMatch(/^\.*$/);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});

it("has its number before the ending", () => {
  const name = (path: string, number: number): string => pathOf(numbered({ kind: "absolute", path }, number));
  expect(name("/a.b/c.mp3", 1)).toBe("/a.b/c.mp3");
  expect(name("/a.b/c.mp3", 2)).toBe("/a.b/c-2.mp3");
  expect(name("/a.b/c", 3)).toBe("/a.b/c-3");
  expect(name("/a.b/.c", 3)).toBe("/a.b/.c-3");
});
