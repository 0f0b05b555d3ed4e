import { expect, test } from "vitest";
import { programmeLimits } from "../../../../ingest/autodj/order/limits.ts";
import { Programme } from "../../../../ingest/autodj/order/programme.ts";
import { programmeStateSchema } from "../../../../ingest/autodj/order/programme-state.ts";
import { millis } from "../../../../shared/units.ts";
import { seeded } from "../../../support/seeded.ts";
import { ids, jingle, minute, picks, played, programmeOf, rotation } from "./settings.ts";

const kinds = (programme: Programme, count: number, everyMs?: number) =>
  picks(programme, count, everyMs === undefined ? {} : { everyMs })
    .map((pick) => pick?.kind[0] ?? "-")
    .join("");
const sequential = (name: string, weight = 1) => rotation(name, { order: "sequential", weight });
const [a = "", b = "", c = "", d = "", e = ""] = ids("music", 5);

test("without a file there is nothing; with the first there is", () => {
  const programme = programmeOf({ rotations: [rotation("music")] }, {});
  expect(programme.next(millis(0))).toBeNull();
  expect(programme.peek(millis(0), 5)).toEqual([]);
  programme.setFiles("music", [a]);
  expect(picks(programme, 2)).toEqual([
    { id: a, kind: "track", rotation: "music" },
    { id: a, kind: "track", rotation: "music" },
  ]);
  programme.setFiles("music", []);
  expect(programme.next(millis(0))).toBeNull();
  expect(programmeOf({}, {}).next(millis(0))).toBeNull();
});

test("a file that went away and came back is remembered", () => {
  const files = ids("music", 20);
  for (let seed = 0; seed < 50; seed++) {
    const programme = programmeOf(
      { rotations: [rotation("music", { memory: 10 })] },
      { music: files },
      { seed },
    );
    const [first] = played(programme, 1);
    programme.setFiles(
      "music",
      files.filter((id) => id !== first),
    );
    programme.setFiles("music", []);
    programme.setFiles("music", files);
    expect(played(programme, 10)).not.toContain(first);
  }
});

test("what a request or another rotation played does not come again at once", () => {
  const files = ids("music", 12);
  for (let seed = 0; seed < 50; seed++) {
    const both = { rotations: [rotation("day", { memory: 6 }), rotation("night", { memory: 6 })] };
    const programme = programmeOf(both, { day: files, night: files }, { seed });
    expect(programme.enqueue(a)).toBe("queued");
    const ten = played(programme, 7);
    expect(ten[0]).toBe(a);
    expect(new Set(ten).size).toBe(7);
  }
});

test("rotations take turns by weight, each with an order of its own", () => {
  const programme = programmeOf(
    { rotations: [sequential("day", 3), sequential("new")] },
    { day: ["d1", "d2", "d3", "d4"], new: ["n1", "n2"] },
  );
  expect(played(programme, 8)).toEqual(["d1", "d2", "n1", "d3", "d4", "d1", "n2", "d2"]);
  programme.setFiles("day", []);
  expect(played(programme, 2)).toEqual(["n1", "n2"]);
});

test("a jingle comes after every N tracks, requests among them", () => {
  const settings = { rotations: [rotation("music")], jingles: [jingle({ everyTracks: 3 })] };
  const programme = programmeOf(settings, { music: ids("music", 9), "jingle 1": ["j1", "j2"] });
  expect(kinds(programme, 9)).toBe("tttjtttjt");
  programme.enqueue(a);
  programme.enqueue(b);
  programme.enqueue(c);
  expect(kinds(programme, 5)).toBe("rrjrt");
  expect(programme.next(millis(0))?.kind).toBe("track");
  expect(programme.next(millis(0))).toEqual({ id: "j2", kind: "jingle", rotation: "jingle 1" });
});

test("a jingle comes at the first change of tracks M minutes after the one before", () => {
  const settings = { rotations: [rotation("music")], jingles: [jingle({ everyMs: 15 * minute })] };
  const files = { music: ids("music", 9), "jingle 1": ["j1"] };
  expect(kinds(programmeOf(settings, files), 13, 5 * minute)).toBe("tttjttjttjttj");
  expect(kinds(programmeOf(settings, files), 13, 5 * minute - 1)).toBe("ttttjtttjtttj");
});

test("with both, whichever is due first; and both begin again", () => {
  const jingles = [jingle({ everyTracks: 3, everyMs: 10 * minute })];
  const programme = programmeOf(
    { rotations: [rotation("music")], jingles },
    { music: ids("music", 9), "jingle 1": ["j1"] },
  );
  const at = (minutes: number) => programme.next(millis(minutes * minute))?.kind[0];
  expect([0, 3, 6, 9, 10, 16, 21, 22, 24, 26].map(at).join("")).toBe("tttjttjttt");
});

test("jingles that are due together come one after the other, and none of them twice in a row", () => {
  const jingles = [jingle({ everyTracks: 2 }), jingle({ everyTracks: 4 }), jingle({ everyMs: 1 })];
  const files = { music: [a], "jingle 1": ["x"], "jingle 2": ["y"], "jingle 3": ["z"] };
  const programme = programmeOf({ rotations: [sequential("music")], jingles }, files);
  expect(played(programme, 12)).toEqual([a, "z", a, "x", "z", a, "z", a, "x", "y", "z", a]);
});

test("without music there are no jingles", () => {
  const jingles = [jingle({ everyTracks: 1, everyMs: 1 })];
  const programme = programmeOf({ rotations: [rotation("music")], jingles }, { "jingle 1": ["j"] });
  expect(kinds(programme, 3)).toBe("---");
});

test("a clock that is set back keeps no jingle waiting for longer than its time", () => {
  const settings = { rotations: [rotation("music")], jingles: [jingle({ everyMs: 10 * minute })] };
  const programme = programmeOf(settings, { music: [a], "jingle 1": ["j"] });
  picks(programme, 3, { fromMs: 1e12, everyMs: 10 * minute });
  expect(picks(programme, 3, { fromMs: 0, everyMs: 5 * minute }).map((pick) => pick?.kind)).toEqual([
    "track",
    "track",
    "jingle",
  ]);
});

test("jingles have names that no rotation has", () => {
  const settings = { rotations: [rotation("jingle 1")], jingles: [jingle({ everyTracks: 1 }), jingle({})] };
  const programme = programmeOf(settings, {});
  expect(programme.jingleNames).toEqual(["jingle 1'", "jingle 2"]);
  expect(() => programme.setFiles("jingle 1''", [])).toThrow("no rotation is named jingle 1''");
  expect(() => programmeOf({ rotations: [rotation("a"), rotation("a")] }, {})).toThrow(TypeError);
});

test("requests come first, in order, and whatever the times of their rotation", () => {
  const monday = { days: [1], from: 0, to: 60, timeZone: "UTC" };
  const settings = { rotations: [sequential("music"), rotation("monday", { slots: [monday] })] };
  const programme = programmeOf(settings, { music: [a, b], monday: [c] });
  expect([c, b, c].map((id) => programme.enqueue(id))).toEqual(["queued", "queued", "waiting"]);
  expect(programme.queue).toEqual([c, b]);
  expect(picks(programme, 3)).toEqual([
    { id: c, kind: "request", rotation: "monday" },
    { id: b, kind: "request", rotation: "music" },
    { id: a, kind: "track", rotation: "music" },
  ]);
});

test("a request can be taken back, and all of them", () => {
  const programme = programmeOf({ rotations: [sequential("music")] }, { music: [a, b, c, d] });
  for (const id of [b, c, d]) programme.enqueue(id);
  expect(programme.removeFromQueue(c)).toBe(true);
  expect(programme.removeFromQueue(c)).toBe(false);
  expect(programme.queue).toEqual([b, d]);
  programme.clear();
  expect(played(programme, 1)).toEqual([a]);
});

test("requests for files that are not there, or refused, or one too many are turned away", () => {
  const files = ids("music", programmeLimits.requests + 1);
  const programme = programmeOf({ rotations: [rotation("music")] }, { music: files });
  expect(programme.enqueue("elsewhere")).toBe("unknown");
  programme.refuse(a);
  expect(programme.enqueue(a)).toBe("refused");
  programme.allow(a);
  const said = files.map((id) => programme.enqueue(id));
  expect(said.filter((each) => each === "queued")).toHaveLength(programmeLimits.requests);
  expect(said.at(-1)).toBe("full");
});

test("requests whose files went away or are refused leave the queue", () => {
  const programme = programmeOf({ rotations: [rotation("music")] }, { music: [a, b, c, d] });
  for (const id of [a, b, c]) programme.enqueue(id);
  programme.setFiles("music", [b, c, d]);
  programme.refuse(b);
  expect(programme.queue).toEqual([c]);
});

test("requests of a state wait until all rotations have been read; what is gone by then is dropped", () => {
  const settings = { rotations: [sequential("one"), sequential("two")], jingles: [] };
  const before = programmeOf(settings, { one: [a, b], two: [c] });
  for (const id of [b, c]) before.enqueue(id);
  const after = new Programme(settings, seeded(1), before.state);
  after.setFiles("one", [a]);
  expect(after.queue).toEqual([b, c]);
  expect(after.next(millis(0))).toEqual({ id: a, kind: "track", rotation: "one" });
  after.setFiles("two", [c]);
  expect(after.queue).toEqual([c]);
  expect(after.next(millis(0))?.id).toBe(c);
});

test("a file that is refused is left out until it is allowed, or went away and came back", () => {
  const programme = programmeOf({ rotations: [sequential("music")] }, { music: [a, b, c] });
  programme.refuse(b);
  expect(played(programme, 3)).toEqual([a, c, a]);
  programme.allow(b);
  expect(played(programme, 1)).toEqual([b]);
  programme.refuse(a);
  programme.setFiles("music", [b, c]);
  programme.setFiles("music", [a, b, c]);
  expect(played(programme, 2)).toEqual([c, a]);
  for (const id of [a, b, c]) programme.refuse(id);
  expect(played(programme, 1)).toEqual([null]);
});

test("a file may be refused before it is listed", () => {
  const settings = { rotations: [sequential("music")], jingles: [] };
  const programme = new Programme(settings, seeded(1));
  programme.refuse(a);
  programme.setFiles("music", [a, b]);
  expect(played(programme, 2)).toEqual([b, b]);
});

test("a peek ahead goes by the moments at which tracks are going to begin, and by no more than it may", () => {
  const settings = { rotations: [rotation("music")], jingles: [jingle({ everyMs: 10 * minute })] };
  const programme = programmeOf(settings, { music: ids("music", 9), "jingle 1": ["j"] });
  const lengthMs = ({ kind }: { kind: string }) => (kind === "jingle" ? 10_000 : 4 * minute);
  const told = programme.peek(millis(0), 8, lengthMs);
  expect(told.map(({ kind }) => kind[0]).join("")).toBe("tttjtttj");
  let at = 0;
  for (const pick of told) {
    expect(programme.next(millis(at))).toEqual(pick);
    at += lengthMs(pick);
  }
  expect(programme.peek(millis(0), 1e9)).toHaveLength(programmeLimits.peek);
});

test.each([
  ["nothing", undefined],
  ["null", null],
  ["text", "{}"],
  ["another format", { format: 2 }],
  ["half a state", { format: 1, seed: [1, 2, 3, 4] }],
  ["a seed that is none", { format: 1, seed: [1, 2, 3, -4], lists: [], turns: [], jingles: [], queue: [] }],
])("a state that is %s is as none", (_, state) => {
  const settings = { rotations: [rotation("music")] };
  const files = { music: ids("music", 9) };
  expect(played(programmeOf(settings, files, { state }), 20)).toEqual(
    played(programmeOf(settings, files), 20),
  );
});

test("a state with what no programme would write plays on", () => {
  const music = { name: "music", recent: [b, b, a, "gone", a], last: "gone", after: ids("gone", 1000) };
  const state = {
    format: 1,
    seed: [0, 0, 0, 0],
    lists: [music, { ...music, name: "gone" }],
    turns: [
      { name: "music", weight: 1, credit: -1e300 },
      { name: "new", weight: 1, credit: 1e300 },
    ],
    jingles: [{ name: "jingle 1", tracks: 1e9, sinceMs: 1e300 }],
    queue: [...ids("gone", 1000), a, a],
  };
  const settings = {
    rotations: [rotation("music", { memory: 2 }), rotation("new")],
    jingles: [jingle({ everyTracks: 5 })],
  };
  const programme = programmeOf(settings, { music: [a, b, c, d], new: [e], "jingle 1": ["j"] }, { state });
  expect(programme.state.lists[0]?.after).toHaveLength(programmeLimits.after);
  const heard = played(programme, 5);
  expect(new Set(heard).size).toBe(4);
  expect(heard).not.toContain(a);
  expect(heard.filter((id) => id === e)).toHaveLength(2);
});

test("a state of other settings counts for what both have", () => {
  const files = { one: ids("one", 9), two: ids("two", 9) };
  const before = programmeOf({ rotations: [rotation("one", { memory: 8 }), sequential("two")] }, files);
  const heard = played(before, 8).filter((id) => id?.startsWith("file:/one/"));
  const settings = { rotations: [sequential("two", 5), rotation("one", { memory: 3 }), rotation("new")] };
  const after = programmeOf(settings, files, { state: JSON.parse(JSON.stringify(before.state)) });
  expect(after.state.lists.find(({ name }) => name === "one")?.recent).toEqual(heard.slice(-3));
  expect(after.next(millis(0))?.id).toBe(files.two[4]);
});

test("the state is small, however long the programme and large the library", () => {
  const files = ids("music", 3000);
  const settings = {
    rotations: [rotation("a", { memory: 1e6 }), rotation("b", { memory: 1e6 }), sequential("c")],
    jingles: [jingle({ everyTracks: 4, order: "random" })],
  };
  const programme = programmeOf(settings, { a: files, b: files, c: files, "jingle 1": ids("j", 50) });
  for (const id of files) programme.enqueue(id);
  for (const id of files.slice(0, 500)) programme.refuse(id);
  played(programme, 2500);
  const { state } = programme;
  expect(state.lists.map(({ recent }) => recent.length)).toEqual([
    programmeLimits.memory,
    programmeLimits.memory,
    0,
    programmeLimits.jingleMemory,
  ]);
  expect(state.lists[2]?.after).toHaveLength(programmeLimits.after);
  expect(JSON.stringify(state).length).toBeLessThan(100_000);
  expect(programmeStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
});

test("a request goes before the track that was picked, which counts as picked after it", () => {
  const jingles = [jingle({ everyTracks: 4 })];
  const files = { music: ids("music", 12), "jingle 1": ["j1", "j2"] };
  const memory = 5;
  for (let seed = 0; seed < 50; seed++) {
    const settings = { rotations: [rotation("music", { memory })], jingles };
    const programme = programmeOf(settings, files, { seed });
    const heard = picks(programme, 3 + (seed % 4));
    const [picked] = heard.splice(-1);
    if (!picked) throw new Error("nothing was picked");
    const asked = files.music.filter((id) => !heard.some((pick) => pick?.id === id)).slice(0, 3);
    for (const id of asked) programme.enqueue(id);
    let later = picked.kind === "track" ? [picked] : [];
    while (later.length > 0 && programme.queue.length > 0) {
      const before = programme.nextRequest(later, millis(0));
      heard.push(...before);
      // Asked for, it is not played twice.
      later = later.filter(({ id }) => !before.some((pick) => pick.id === id));
    }
    heard.push(...later, ...(picked.kind === "track" ? [] : [picked]));
    heard.push(...picks(programme, 20));
    const all = heard.flatMap((pick) => (pick ? [pick] : []));
    expect(all.map(({ kind }) => (kind === "jingle" ? "j" : "t")).join("")).toMatch(/^(ttttj)+t*$/);
    const tracks = all.filter(({ kind }) => kind !== "jingle");
    for (const [index, { id, kind }] of tracks.entries()) {
      const before = tracks.slice(Math.max(0, index - memory), index);
      if (kind === "track") expect(before.map((pick) => pick.id)).not.toContain(id);
    }
    expect(tracks.filter(({ kind }) => kind === "request").map(({ id }) => id)).toEqual(asked);
  }
});
