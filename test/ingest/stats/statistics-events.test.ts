import fc from "fast-check";
import { expect, test } from "vitest";
import { noStatistics, statisticsEvents } from "../../../ingest/stats/statistics-events.ts";

const station = {
  global: { admin: "ops@example.org", clients: "3" },
  sources: { "/b.mp3": { listeners: "1" }, "/a.mp3": { title: "Björk - Song", genre: "Jazz" } },
};

test("from nothing it is the whole dump, the station's fields first, all in order", () => {
  expect(statisticsEvents(noStatistics, station)).toBe(
    "EVENT global admin ops@example.org\nEVENT global clients 3\n" +
      "EVENT /a.mp3 genre Jazz\nEVENT /a.mp3 title Björk - Song\nEVENT /b.mp3 listeners 1\n",
  );
});

test("then only what has changed, and a source that has gone", () => {
  const next = {
    global: { admin: "ops@example.org", clients: "4" },
    sources: { "/a.mp3": { title: "Other", genre: "Jazz", bitrate: "128" } },
  };
  expect(statisticsEvents(station, next)).toBe(
    "EVENT global clients 4\nEVENT /b.mp3 null null\nEVENT /a.mp3 bitrate 128\nEVENT /a.mp3 title Other\n",
  );
});

test("nothing changed, nothing told", () => {
  expect(statisticsEvents(station, structuredClone(station))).toBe("");
});

test("a value cannot begin a line", () => {
  const hostile = { global: {}, sources: { "/a": { title: "x\nEVENT global admin me\r\n" } } };
  expect(statisticsEvents(noStatistics, hostile)).toBe("EVENT /a title x EVENT global admin me \n");
});

const fields = fc.dictionary(
  fc.constantFrom("title", "genre", "listeners", "__proto__"),
  fc.stringMatching(/^[a-z]{0,4}$/),
);
const statistics = fc.record({
  global: fields,
  sources: fc.dictionary(fc.constantFrom("/a", "/b", "/c"), fields),
});

test("who applies all events has the newest state", () => {
  fc.assert(
    fc.property(fc.array(statistics, { minLength: 1, maxLength: 5 }), (states) => {
      const seen = new Map<string, string>();
      let before = noStatistics;
      for (const state of states) {
        for (const line of statisticsEvents(before, state).split("\n").slice(0, -1)) {
          const [, owner = "", name = "", value = ""] = /^EVENT (\S+) (\S+) (.*)$/.exec(line) ?? [];
          if (name === "null")
            for (const key of [...seen.keys()]) if (key.startsWith(`${owner} `)) seen.delete(key);
          if (name !== "null") seen.set(`${owner} ${name}`, value);
        }
        before = state;
      }
      const last = states.at(-1) ?? noStatistics;
      const wanted = new Map<string, string>();
      for (const [owner, table] of [["global", last.global] as const, ...Object.entries(last.sources)]) {
        for (const [name, value] of Object.entries(table)) wanted.set(`${owner} ${name}`, value);
      }
      // A field that has gone is told as empty.
      for (const [key, value] of seen) if (value === "" && !wanted.has(key)) seen.delete(key);
      expect(seen).toEqual(wanted);
    }),
  );
});
