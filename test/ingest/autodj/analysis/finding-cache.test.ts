import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FindingCache } from "../../../../ingest/autodj/analysis/finding-cache.ts";
import { refused } from "../../../../ingest/autodj/analysis/track-facts.ts";
import { temporaryFolder } from "./music-folder.ts";

const folder = temporaryFolder();
const file = (id: string, version = "1") => ({ id, version });

const records = (at: string): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test("of more records than there may be the oldest go", async () => {
  const at = join(folder, "bounded");
  const filled = new FindingCache(at, 10);
  for (let i = 0; i < 6; i++) {
    await filled.put(file(`f${i}`), refused(`is number ${i}`));
    const newest = records(at).find((path) => !aged.has(path)) ?? "";
    aged.add(newest);
    utimesSync(newest, 1_000 + i, 1_000 + i);
  }
  const bounded = new FindingCache(at, 3);
  await bounded.put(file("f6"), refused("is number 6"));
  expect(records(at)).toHaveLength(3);
  expect(await bounded.get(file("f3"))).toBeUndefined();
  for (const i of [4, 5, 6]) {
    expect(await bounded.get(file(`f${i}`))).toEqual(refused(`is number ${i}`));
  }
});
const aged = new Set<string>();

test("a record is of one version of one file, and another takes its place", async () => {
  const at = join(folder, "versions");
  const cache = new FindingCache(at);
  await cache.put(file("a"), refused("is old"));
  expect(await cache.get(file("a", "2"))).toBeUndefined();
  expect(await cache.get(file("b"))).toBeUndefined();
  await cache.put(file("a", "2"), refused("is new"));
  expect(await cache.get(file("a"))).toBeUndefined();
  expect(await cache.get(file("a", "2"))).toEqual(refused("is new"));
  expect(records(at)).toHaveLength(1);
});
