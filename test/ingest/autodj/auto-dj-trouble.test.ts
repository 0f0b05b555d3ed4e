import { describe, expect, it } from "vitest";
import { firstTrackMs } from "../../../ingest/autodj/limits.ts";
import { first, mount, newFolder, open, slow, until } from "./auto-dj-host.ts";
import { FakeMusic as Music, settingsOf } from "./fake-parts.ts";

const jingle = { places: [], order: "sequential", everyTracks: 1, slots: [] } as const;

describe("an AutoDJ", () => {
  it("plays where a rotation is called as its jingles would be", async () => {
    const rotations = settingsOf().rotations.map((each) => ({ ...each, name: "jingle 1" }));
    const host = open(new Music({ "a.mp3": 300 }), {
      time: slow(),
      settings: settingsOf({ rotations, jingles: [jingle] }),
    });
    const session = await first(host);
    await until("some of it", () => session.frames > 50);
    expect(session.silent).toBe(0);
  });

  it(
    "is silent while its music takes long to be read, keeps what it knew, and goes on there",
    async () => {
      const dataDir = newFolder();
      const music = new Music({ "a.mp3": 100_000, "b.mp3": 300 });
      const one = open(music, { time: slow(), dataDir });
      const before = await first(one);
      await until("some of it", () => before.frames > 200);
      await one.autodjs.stop();
      const reading = Promise.withResolvers<void>();
      music.read = reading.promise;
      const two = open(music, { time: slow(), dataDir });
      const silent = await first(two);
      await until("silence", () => silent.frames > 200);
      expect(silent.outline.slice(0, 2)).toEqual(['"Test FM"', "silence"]);
      await two.autodjs.stop();
      const three = open(music, { time: slow(), dataDir });
      const after = await first(three);
      reading.resolve();
      await until("music", () => after.frames > after.silent);
      expect(after.outline.slice(0, 3)).toEqual(['"Test FM"', "silence", '"a"']);
      expect(Number(after.outline[3])).toBeGreaterThan(200);
    },
    4 * firstTrackMs,
  );

  it("plays nothing again, and every request once, when its settings change", async () => {
    const music = new Music({ "a.mp3": 1_500, "b.mp3": 1_500, "c.mp3": 1_500, "d.mp3": 1_500 });
    const host = open(music, { time: slow() });
    const before = await first(host);
    await until("some of it", () => before.frames > 50);
    const reading = Promise.withResolvers<void>();
    music.read = reading.promise;
    host.autodjs.change([settingsOf({ info: { name: "Other FM" } })]);
    // While the settings' places are read, another track begins and a request comes.
    await until("the next track", () => before.outline.includes('"b"'));
    const desk = host.autodjs.find(mount)?.desk;
    const [file] = (await desk?.search("d.mp3")) ?? [];
    expect(file && desk?.enqueue(file)).toBe("queued");
    reading.resolve();
    const after = await first(host, 1);
    await until("two more tracks", () => after.outline.filter((word) => word.startsWith('"')).length >= 2);
    const titles = [...before.outline, ...after.outline].filter((word) => word.startsWith('"'));
    expect(titles.slice(0, 4)).toEqual(['"a"', '"b"', '"d"', '"c"']);
    expect(before.silent + after.silent).toBe(0);
  });

  it("leaves no trace of settings that were changed again before they counted", async () => {
    const music = new Music({ "a.mp3": 100_000 });
    const host = open(music, { time: slow() });
    const session = await first(host);
    await until("some of it", () => session.frames > 50);
    music.read = new Promise(() => undefined);
    host.autodjs.change([settingsOf({ info: { name: "Other FM" } })]);
    host.autodjs.change([settingsOf()]);
    await until("more of it", () => session.frames > 2_000);
    expect(host.sessions).toHaveLength(1);
  });

  it("ends at once when it is taken away while its settings change", async () => {
    const host = open(new Music({ "a.mp3": 1_000_000 }), { time: slow() });
    const session = await first(host);
    await until("some of it", () => session.frames > 50);
    host.autodjs.change([settingsOf({ info: { name: "Other FM" } })]);
    await until("more of it", () => session.frames > 1_000);
    host.autodjs.change([]);
    await until("its end", () => session.hasEnded);
    await until("nothing", () => host.autodjs.find(mount) === null);
    expect(host.sessions).toHaveLength(1);
  });
});
