import fc from "fast-check";
import { expect, test } from "vitest";
import { autodjTable } from "../../../../config/station-autodj.ts";
import { programmeLimits } from "../../../../ingest/autodj/order/limits.ts";
import { ids, played, programmeOf, rotation } from "./settings.ts";

/** How far counts are from what is expected of each; its mean is one less than there are counts. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

test("each file comes as often as any other", () => {
  const files = ids("music", 100);
  const programme = programmeOf({ rotations: [rotation("music", { memory: 20 })] }, { music: files });
  const counts = new Map(files.map((id) => [id, 0]));
  for (const id of played(programme, 50_000)) if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  // 99 degrees of freedom: more than 149 once in a thousand seeds. The memory evens them out, so that it is less here.
  expect(chiSquare([...counts.values()])).toBeLessThan(149);
});

test("each file that is not remembered is as likely as any other, wherever in the list it is", () => {
  const files = ids("music", 12);
  const programme = programmeOf({ rotations: [rotation("music", { memory: 5 })] }, { music: files });
  const counts = [0, 0, 0, 0, 0, 0, 0];
  const heard: (string | null)[] = played(programme, 5);
  for (const id of played(programme, 35_000)) {
    const eligible = files.filter((each) => !heard.slice(-5).includes(each));
    const place = eligible.indexOf(id ?? "");
    counts[place] = (counts[place] ?? 0) + 1;
    heard.push(id);
  }
  expect(heard).not.toContain(null);
  // 6 degrees of freedom: more than 22.5 once in a thousand seeds.
  expect(counts).toHaveLength(7);
  expect(chiSquare(counts)).toBeLessThan(22.5);
});

test("a file that is remembered and refused keeps no other from its turn", () => {
  const [a = "", b = "", ...others] = ids("music", 5);
  const came = new Set<string | null>();
  for (let seed = 0; seed < 200; seed++) {
    const settings = { rotations: [rotation("music", { memory: 1 })] };
    const programme = programmeOf(settings, { music: [a, b, ...others] }, { seed });
    programme.enqueue(b);
    played(programme, 1);
    programme.refuse(b);
    for (const id of played(programme, 1)) came.add(id);
  }
  expect(came).toEqual(new Set([a, ...others]));
});

test("without memory, what comes says nothing of what comes next", () => {
  const files = ids("music", 8);
  const programme = programmeOf({ rotations: [rotation("music", { memory: 0 })] }, { music: files });
  const pairs = Array.from({ length: 64 }, () => 0);
  let last = 0;
  for (const id of played(programme, 40_000)) {
    const place = files.indexOf(id ?? "");
    pairs[last * 8 + place] = (pairs[last * 8 + place] ?? 0) + 1;
    last = place;
  }
  // 63 degrees of freedom: more than 104 once in a thousand seeds.
  expect(chiSquare(pairs)).toBeLessThan(104);
});

test("a small folder has no round that it plays for ever: half of it is remembered, and all others are as likely", () => {
  const files = ids("music", 5);
  const programme = programmeOf({ rotations: [rotation("music", { memory: 50 })] }, { music: files });
  const counts = [0, 0, 0];
  const heard: (string | null)[] = played(programme, 2);
  for (const id of played(programme, 15_000)) {
    const eligible = files.filter((each) => !heard.slice(-2).includes(each));
    const place = eligible.indexOf(id ?? "");
    expect(place).toBeGreaterThanOrEqual(0);
    counts[place] = (counts[place] ?? 0) + 1;
    heard.push(id);
  }
  // 2 degrees of freedom: more than 13.8 once in a thousand seeds.
  expect(chiSquare(counts)).toBeLessThan(13.8);
});

test.each([
  [1, 0],
  [2, 1],
  [3, 1],
  [4, 2],
  [7, 3],
])("of %i files at most %i are remembered", (count, remembered) => {
  const programme = programmeOf(
    { rotations: [rotation("music", { memory: 50 })] },
    { music: ids("music", count) },
  );
  const heard = played(programme, 2000);
  const soonest = heard.map((id, at) => heard.slice(at + 1).indexOf(id)).filter((others) => others >= 0);
  expect(Math.min(...soonest)).toBe(remembered);
});

test("every file comes, in forty rounds at most, however much is remembered", () => {
  const size = fc.integer({ min: 1, max: 30 });
  fc.assert(
    fc.property(size, fc.integer({ min: 0, max: 40 }), fc.nat(), (count, memory, seed) => {
      const files = ids("music", count);
      const programme = programmeOf(
        { rotations: [rotation("music", { memory })] },
        { music: files },
        { seed },
      );
      // A file is left out of a draw with 1 - 1/n at most: of 40 n draws once in e^40.
      expect(new Set(played(programme, 40 * count)).size).toBe(count);
    }),
    { numRuns: 50 },
  );
});

test("a station file asks for no more memory than there is", () => {
  const autodj = (memory: number) => ({
    mount: "/a",
    music: ["a"],
    memory,
    rotation: [{ music: ["a"], memory }],
  });
  expect(autodjTable.parse(autodj(1000)).rotation[0]?.memory).toBe(programmeLimits.memory);
  expect(autodjTable.safeParse(autodj(1001)).error?.issues.map(({ path }) => path.join("."))).toEqual([
    "memory",
    "rotation.0.memory",
  ]);
});
