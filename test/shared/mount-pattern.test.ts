import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesMount, mostParticular, settingsOfMount } from "../../shared/mount-pattern.ts";
import type { MountPath } from "../../shared/units.ts";

const mount = (path: string) => path as MountPath;

describe("a pattern of mounts", () => {
  it.each([
    ["/*", "/live.mp3", true],
    ["/*", "/shows/live.mp3", false],
    ["/shows/*.mp3", "/shows/live.mp3", true],
    ["/shows/*.mp3", "/shows/live.ogg", false],
    ["/li?e.mp3", "/live.mp3", true],
    ["/li?e.mp3", "/lie.mp3", false],
    ["/a?b", "/a/b", false],
    ["/[a-c].mp3", "/b.mp3", true],
    ["/[!a-c].mp3", "/b.mp3", false],
    ["/[!a-c].mp3", "/d.mp3", true],
    ["/a[!x]b", "/a/b", false],
    ["/a.mp3", "/aXmp3", false],
    ["/a+(b)|$", "/a+(b)|$", true],
    ["/[.mp3", "/[.mp3", true],
    ["/**", "/live", true],
    ["/*a*b/*c", "/xaab/abc", true],
    ["/*a*b/*c", "/xa/b/abc", false],
    ["/*a*b", "/a/b", false],
    ["/[+-9]x", "/1x", true],
    ["/[+-9]x", "//x", false],
    ["/[z-a]", "/z", false],
    ["/라디?", "/라디오", true],
    ["/?", "/🎧", true],
    ["/live*", "/live", true],
    ["/live*", "/liv", false],
  ])("%s and %s: %s", (pattern, path, matches) => {
    expect(matchesMount(pattern, mount(path))).toBe(matches);
  });

  it("with many stars is no trap: a path comes from anybody", () => {
    const trap = `/${"*a".repeat(40)}*b`;
    expect(matchesMount(trap, mount(`/${"a".repeat(190)}`))).toBe(false);
    expect(matchesMount(trap, mount(`/${"a".repeat(190)}b`))).toBe(true);
  });

  it("means what a regular expression of it means, where that is quick", () => {
    const text = fc.array(fc.constantFrom("*", "?", "a", "b", "/"), { maxLength: 8 });
    fc.assert(
      fc.property(text, text, (pattern, path) => {
        const joined = pattern.join("").replace(/\*+/g, "*");
        fc.pre(joined.includes("*") || joined.includes("?"));
        const source = joined.replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
        const name = path.join("");
        expect(matchesMount(joined, mount(name))).toBe(new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 2_000 },
    );
  });

  it("never throws and never takes long, whatever it is", () => {
    const part = fc.constantFrom("*", "?", "[", "]", "!", "-", "\\", "/", "a", ".", "^", "z");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), fc.array(part, { maxLength: 40 }), (pattern, path) => {
        expect(typeof matchesMount(pattern.join(""), mount(path.join("")))).toBe("boolean");
      }),
    );
  });
});

describe("settings of a mount", () => {
  const tables = {
    "/*": { a: 1, b: 1 },
    "/live*": { b: 2, c: 2 },
    "/live.mp3": { c: 3 },
  };

  it("are its own before those of the patterns, of which later ones count more", () => {
    expect(settingsOfMount(tables, mount("/live.mp3"))).toEqual({ a: 1, b: 2, c: 3 });
    expect(settingsOfMount(tables, mount("/other.mp3"))).toEqual({ a: 1, b: 1 });
  });

  it("are the very ones of the table where only that names it", () => {
    const own = { c: 3 };
    expect(settingsOfMount({ "/x/live.mp3": own }, mount("/x/live.mp3"))).toBe(own);
    expect(settingsOfMount({ "/x/live.mp3": own }, mount("/constructor"))).toBeUndefined();
  });
});

describe("the most particular settings of a mount", () => {
  const tables = { "/live.mp3": { b: 5 }, "/*.mp3": { a: 1 }, "/li*.mp3": { c: 2 } };

  it("are its own or those of one pattern, whole", () => {
    expect(mostParticular(tables, mount("/live.mp3"))).toEqual({ b: 5 });
    expect(mostParticular(tables, mount("/lime.mp3"))).toEqual({ c: 2 });
    expect(mostParticular(tables, mount("/b.mp3"))).toEqual({ a: 1 });
    expect(mostParticular(tables, mount("/b/c"))).toBeUndefined();
  });
});
