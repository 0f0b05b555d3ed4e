import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Collection, namesOf, untilNames } from "./collection.ts";

/** A system that lets nothing be watched, as Linux does when its user has too many watches. */
vi.mock("node:fs", async (original) => ({
  ...(await original<object>()),
  watch: (path: string) => {
    const message = `ENOSPC: System limit for number of file watchers reached, watch '${path}'`;
    throw Object.assign(new Error(message), { code: "ENOSPC" });
  },
}));

let music: Collection;
beforeEach(() => {
  music = new Collection();
});
afterEach(() => music.close());

it("folders and lists that cannot be watched are told of once, and read again as often as all is", async () => {
  for (const name of ["a/1.mp3", "b/2.mp3", "c/3.mp3"]) music.write(name);
  music.write("lists/x.m3u", "../a/1.mp3\n../b/y.m3u\n");
  music.write("b/y.m3u", "../c/3.mp3\n");
  const places = [music.place(), music.place("lists/x.m3u")];
  const sources = await music.open(places, { reloadMs: 200 });
  expect(namesOf(sources)).toEqual(["a/1.mp3", "b/2.mp3", "c/3.mp3"]);
  music.write("b/4.mp3");
  await untilNames(sources, "a/1.mp3", "b/2.mp3", "b/4.mp3", "c/3.mp3");
  const reason = expect.stringMatching(/^changes are seen only when all is read again: .*max_user_watches/);
  expect(music.warnings.map((line) => JSON.parse(line))).toEqual([
    { folder: "", reason },
    { place: "lists/x.m3u", reason },
  ]);
});
