import fc from "fast-check";
import { expect, test } from "vitest";
import { programmeLimits } from "../../../../ingest/autodj/order/limits.ts";
import { millis } from "../../../../shared/units.ts";
import { ids, played, programmeOf, rotation } from "./settings.ts";

const sequential = (name: string) => rotation(name, { order: "sequential" });
const [a = "", b = "", c = "", d = "", e = ""] = ids("music", 5);

test("a sequence is in the order in which files are listed, round and round", () => {
  const files = [d, "file:/music/10.mp3", a, "storage:jazz/b.mp3", c];
  const programme = programmeOf({ rotations: [sequential("music")] }, { music: files });
  expect(played(programme, 10)).toEqual([...files, ...files]);
});

test("a file that is listed twice is one file, at its first place", () => {
  const programme = programmeOf({ rotations: [sequential("music")] }, { music: [b, a, b, c, a] });
  expect(played(programme, 4)).toEqual([b, a, c, b]);
  programme.setFiles("music", [a, a]);
  expect(played(programme, 2)).toEqual([a, a]);
});

test("a sequence goes on after what played last wherever that is now, and takes in what came", () => {
  const programme = programmeOf({ rotations: [sequential("music")] }, { music: [a, b, c] });
  expect(played(programme, 2)).toEqual([a, b]);
  programme.setFiles("music", [c, b, d, a, e]);
  expect(played(programme, 4)).toEqual([d, a, e, c]);
});

test("a sequence whose last file is gone goes on with what came after it, as far as that is there", () => {
  const programme = programmeOf({ rotations: [sequential("music")] }, { music: [a, b, c, d, e] });
  expect(played(programme, 2)).toEqual([a, b]);
  programme.setFiles("music", [e, a, c, d]);
  expect(programme.peek(millis(0), 1)[0]?.id).toBe(c);
  programme.setFiles("music", []);
  expect(played(programme, 1)).toEqual([null]);
  programme.setFiles("music", [e, a, d]);
  expect(programme.peek(millis(0), 1)[0]?.id).toBe(d);
  programme.refuse(d);
  expect(programme.peek(millis(0), 1)[0]?.id).toBe(e);
  programme.setFiles("music", ["new", a]);
  expect(played(programme, 3)).toEqual(["new", a, "new"]);
});

test("a sequence whose last file went away while nobody looked goes on with what came after it", () => {
  const settings = { rotations: [sequential("music")] };
  const before = programmeOf(settings, { music: [a, b, c, d] });
  played(before, 2);
  const state: unknown = JSON.parse(JSON.stringify(before.state));
  expect(played(programmeOf(settings, { music: [a, d, c] }, { state }), 3)).toEqual([c, a, d]);
  expect(played(programmeOf(settings, { music: [a, e] }, { state }), 2)).toEqual([a, e]);
});

test("a sequence knows what comes after its last file as far as it may, and no further", () => {
  const files = ids("music", programmeLimits.after + 3);
  const goesOnAt = (from: number) => {
    const programme = programmeOf({ rotations: [sequential("music")] }, { music: files });
    played(programme, 1);
    programme.setFiles("music", ["new", ...files.slice(from)]);
    return played(programme, 1)[0];
  };
  expect(goesOnAt(programmeLimits.after)).toBe(files[programmeLimits.after]);
  expect(goesOnAt(programmeLimits.after + 1)).toBe("new");
});

test("a sequence has every file in each round", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.nat({ max: 60 }), (count, before) => {
      const settings = { rotations: [rotation("music", { order: "sequential" })] };
      const programme = programmeOf(settings, { music: ids("music", count) });
      played(programme, before);
      expect(new Set(played(programme, count)).size).toBe(count);
    }),
  );
});
