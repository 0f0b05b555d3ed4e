import { describe, expect, it } from "vitest";
import { leadMs, pieceMs } from "../../../ingest/autodj/limits.ts";
import { first, mount, newFolder, open, slow, until } from "./auto-dj-host.ts";
import { FakeMusic as Music, sampleRate, samplesPerFrame, settingsOf } from "./fake-parts.ts";
import { SimulatedTime } from "./simulated-time.ts";

/** The clock's own test goes on for a week. */
const longMs = 6 * 3_600_000;

describe("an AutoDJ", () => {
  it("has sent exactly what was due after hours, late timers or not", async () => {
    const time = new SimulatedTime();
    let count = 0;
    time.lateMs = () => (count++ % 7 === 0 ? 40 : 0.4);
    const startMs = time.now();
    time.untilMs = startMs + longMs;
    const host = open(new Music({ "a.mp3": 10_000, "b.mp3": 25_001 }), { time });
    const session = await first(host);
    let [leastAhead, mostAhead] = [Infinity, -Infinity];
    session.onPush = () => {
      const aheadMs = (session.frames * samplesPerFrame * 1000) / sampleRate - (time.now() - startMs);
      if (session.frames < 100) return;
      leastAhead = Math.min(leastAhead, aheadMs);
      mostAhead = Math.max(mostAhead, aheadMs);
    };
    await until("the hours to pass", () => time.now() >= time.untilMs);
    // Whatever the timers did: what is ahead is what it began with, less what one timer was late by, and a piece.
    expect(leastAhead).toBeGreaterThan(leadMs - 45);
    expect(mostAhead).toBeLessThanOrEqual(leadMs + pieceMs);
    expect(session.silent).toBe(0);
    expect(time.waits).toBeLessThan((longMs / 1000) * 3);
  }, 60_000);

  it("does not pour in what it missed when it was suspended", async () => {
    const time = new SimulatedTime();
    time.untilMs = time.now() + 120_000;
    let count = 0;
    time.lateMs = () => (++count === 20 ? 60_000 : 0);
    const host = open(new Music({ "a.mp3": 100_000 }), { time });
    const session = await first(host);
    await until("two minutes", () => time.now() >= time.untilMs);
    const seconds = (session.frames * samplesPerFrame) / sampleRate;
    expect(seconds).toBeGreaterThan(58);
    expect(seconds).toBeLessThan(63);
    expect(host.lines.filter((line) => line.includes("was not let play"))).toHaveLength(1);
  });

  it("joins tracks on a frame, each title before its first", async () => {
    const time = new SimulatedTime();
    time.untilMs = time.now() + 30_000;
    const host = open(new Music({ "a.mp3": 100, "b.mp3": 77, "c.mp3": 1 }), { time });
    const session = await first(host);
    await until("half a minute", () => time.now() >= time.untilMs);
    expect(session.outline.slice(0, 8)).toEqual(['"a"', "0", '"b"', "0", '"c"', "0", '"a"', "0"]);
    const sizes = session.said.map((word) => Number(word.split("+")[1] ?? 0));
    const [a = 0, b = 0, c = 0] = ['"a"', '"b"', '"c"'].map((title) => session.said.indexOf(title));
    expect(sizes.slice(a, b).reduce((sum, size) => sum + size)).toBe(100);
    expect(sizes.slice(b, c).reduce((sum, size) => sum + size)).toBe(77);
    expect(session.silent).toBe(0);
  });

  it("is silent under the station's name while there is no music, warns once, and plays what comes", async () => {
    const music = new Music();
    const host = open(music, { time: slow() });
    const session = await first(host);
    await until("silence", () => session.silent > 30);
    music.set("new.mp3", 1_000);
    await until("music", () => session.outline.length >= 4);
    expect(session.outline).toEqual(['"Test FM"', "silence", '"new"', "0"]);
    expect(host.lines.filter((line) => line.includes("nothing to play"))).toHaveLength(1);
  });

  it("passes over what is no music, with its reason, without a frame of silence", async () => {
    const time = new SimulatedTime();
    time.untilMs = time.now() + 20_000;
    const host = open(new Music({ "a.mp3": 200, "b.mp3": "is empty", "c.mp3": 200 }), { time });
    const session = await first(host);
    await until("the time", () => time.now() >= time.untilMs);
    expect(session.outline.slice(0, 6)).toEqual(['"a"', "0", '"c"', "0", '"a"', "0"]);
    expect(session.silent).toBe(0);
    const told = host.lines.filter((line) => line.includes("a file is not played: it is empty"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("b.mp3");
  });

  it("goes on with the next track where a file turns out to have been changed, without a frame of silence", async () => {
    const time = new SimulatedTime();
    time.untilMs = time.now() + 20_000;
    const music = new Music({ "a.mp3": 400, "b.mp3": 200 });
    music.broken.set("a.mp3", 100);
    const host = open(music, { time });
    const session = await first(host);
    await until("the time", () => time.now() >= time.untilMs);
    expect(session.outline.slice(0, 6)).toEqual(['"a"', "0", '"b"', "0", '"b"', "0"]);
    const [a, b] = ['"a"', '"b"'].map((title) => session.said.indexOf(title));
    const sizes = session.said.slice(a, b).map((word) => Number(word.split("+")[1] ?? 0));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(100);
    expect(session.silent).toBe(0);
    expect(host.lines.filter((line) => line.includes("was changed while it played"))).toHaveLength(1);
  });

  it("plays on when the file that plays goes away, and passes over the one that was to follow", async () => {
    const music = new Music({ "a.mp3": 1_000, "b.mp3": 300, "c.mp3": 300 });
    const host = open(music, { time: slow() });
    const session = await first(host);
    await until("some of it", () => session.frames > 50);
    music.set("a.mp3", null);
    music.set("b.mp3", null);
    await until("the one after", () => session.outline.length >= 4);
    expect(session.outline.slice(0, 4)).toEqual(['"a"', "0", '"c"', "0"]);
    expect(session.frames).toBeGreaterThan(1_000);
    expect(session.silent).toBe(0);
  });

  it("lets others play first when a track takes long to be ready, and plays it then", async () => {
    const music = new Music({ "a.mp3": 400, "b.mp3": 400, "c.mp3": 400 });
    const held = music.hold("b.mp3");
    const host = open(music, { time: slow() });
    const session = await first(host);
    await until("the first track to be over", () => session.silent > 0);
    held.resolve();
    await until("the next", () => session.outline.includes('"b"'));
    expect(session.outline.slice(0, 4)).toEqual(['"a"', "0", "silence", '"b"']);
  });

  it("gives the mount to whoever takes it and goes on where it was, with the title", async () => {
    const host = open(new Music({ "a.mp3": 100_000 }), { time: slow() });
    const before = await first(host);
    await until("some of it", () => before.frames > 100);
    host.takeOver();
    const sent = before.frames;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(before.frames).toBe(sent);
    expect(host.sessions).toHaveLength(1);
    host.free();
    const after = await first(host, 1);
    await until("more of it", () => after.frames > 10);
    expect(after.outline.slice(0, 2)).toEqual(['"a"', `${sent}`]);
  });

  it("sends nothing while another source is let in, for two seconds at most, and all of it when that is refused", async () => {
    const time = new SimulatedTime();
    const startMs = time.now();
    time.untilMs = startMs + 120_000;
    const pushedMs: number[] = [];
    let frames = 0;
    const wait = time.wait.bind(time);
    time.wait = async (ms, signal) => {
      const [session] = host.sessions;
      const atMs = time.now() - startMs;
      if (session && session.frames > frames) pushedMs.push(atMs);
      frames = session?.frames ?? 0;
      host.isEntering = atMs >= 40_000 && atMs < 50_000;
      await wait(ms, signal);
    };
    const host = open(new Music({ "a.mp3": 100_000 }), { time });
    const session = await first(host);
    await until("two minutes", () => time.now() >= time.untilMs);
    const pauses = pushedMs.map((atMs, index) => atMs - (pushedMs[index - 1] ?? 0)).filter((ms) => ms > 500);
    expect(pauses).toHaveLength(1);
    expect(pauses[0]).toBeGreaterThan(2_000);
    expect(pauses[0]).toBeLessThan(2_500);
    expect((session.frames * samplesPerFrame) / sampleRate).toBeGreaterThan(120);
    expect(session.silent).toBe(0);
  });

  it.each([
    ["what listeners missed, when that was little", 1_200, 46],
    ["nothing, when they had silence meanwhile", 9_000, 15],
  ])("sends at once %s", async (_, gapMs, frames) => {
    const time = new SimulatedTime();
    time.wait = (_ms, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    const host = open(new Music({ "a.mp3": 100_000 }), { time });
    host.gaps.push(gapMs);
    const session = await first(host);
    await until("its beginning", () => session.frames > 0);
    expect(session.frames).toBe(frames);
  });

  it("tries on when the mount cannot be had", async () => {
    const music = new Music({ "a.mp3": 1_000 });
    const dataDir = newFolder();
    const host = open(music, { time: slow(), dataDir });
    host.refusals.push("edge-unavailable", "edge-unavailable", "mount-in-use");
    const session = await first(host);
    await until("music", () => session.frames > 0);
    expect(host.lines.filter((line) => line.includes("cannot have its mount"))).toHaveLength(1);
  });

  it("goes on within its track, and with what was picked to follow it, in another process", async () => {
    const dataDir = newFolder();
    const music = new Music({ "a.mp3": 100_000, "b.mp3": 300, "c.mp3": 300 });
    const one = open(music, { time: slow(), dataDir });
    const before = await first(one);
    await until("some of it", () => before.frames > 200);
    await one.autodjs.stop();
    music.opened.length = 0;
    const two = open(music, { time: slow(), dataDir });
    const after = await first(two);
    await until("more of it", () => after.frames > 10);
    expect(after.outline.slice(0, 2)).toEqual(['"a"', `${before.frames}`]);
    expect(
      two.autodjs
        .find(mount)
        ?.desk?.next(2)
        .map(({ file }) => file),
    ).toEqual(["b.mp3", "c.mp3"]);
  });

  it("begins anew where the track has changed meanwhile", async () => {
    const dataDir = newFolder();
    const music = new Music({ "a.mp3": 100_000, "b.mp3": 30_000 });
    const one = open(music, { time: slow(), dataDir });
    const before = await first(one);
    await until("some of it", () => before.frames > 200);
    await one.autodjs.stop();
    music.set("a.mp3", 50_000);
    const after = await first(open(music, { time: slow(), dataDir }));
    await until("more of it", () => after.frames > 10);
    expect(after.outline.slice(0, 2)).toEqual(['"b"', "0"]);
  });

  it("is left alone by settings that are the same, changes at its track's end, and ends when it is taken away", async () => {
    const time = slow();
    const host = open(new Music({ "a.mp3": 1_500, "b.mp3": 1_500 }), { time });
    const before = await first(host);
    await until("some of it", () => before.frames > 50);
    host.autodjs.change([settingsOf()]);
    const changed = settingsOf({ info: { name: "Other FM" } });
    host.autodjs.change([changed]);
    const after = await first(host, 1);
    // To the track's last frame, and not one of silence behind it.
    expect(before.frames).toBe(1_500);
    expect(before.silent).toBe(0);
    await until("the next track", () => after.frames > 10);
    expect(after.outline.slice(0, 2)).toEqual(['"b"', "0"]);
    host.autodjs.change([]);
    await until("its end", () => after.hasEnded);
    await until("nothing", () => host.autodjs.find(mount) === null);
  });

  it("plays a request next, and then what was to come", async () => {
    const host = open(new Music({ "a.mp3": 1_500, "b.mp3": 300, "c.mp3": 300, "d.mp3": 300 }), {
      time: slow(),
    });
    const session = await first(host);
    await until("some of it", () => session.frames > 50);
    const desk = host.autodjs.find(mount)?.desk;
    const [file] = (await desk?.search("d.mp3")) ?? [];
    expect(file && desk?.enqueue(file)).toBe("queued");
    expect(file && desk?.enqueue(file)).toBe("waiting");
    expect(desk?.next(3).map((track) => track.file)).toEqual(["d.mp3", "b.mp3", "c.mp3"]);
    expect(desk?.deck.skip()?.file.name).toBe("a.mp3");
    await until("the request and more", () => session.outline.length >= 6);
    expect(session.outline.filter((word) => word.startsWith('"'))).toEqual(['"a"', '"d"', '"b"']);
    expect(session.silent).toBe(0);
  });

  it("does not play twice what is asked for just before it begins", async () => {
    const host = open(new Music({ "a.mp3": 300, "b.mp3": 1_500, "c.mp3": 300 }), { time: slow() });
    const session = await first(host);
    const desk = host.autodjs.find(mount)?.desk;
    await until("the folder read", () => desk?.isRead === true);
    const [file] = (await desk?.search("b.mp3")) ?? [];
    // At once from here on: what waits begins in a moment.
    await until("it in the deck", () => file !== undefined && desk?.deck.waiting[0]?.id === file.id);
    expect(file && desk?.enqueue(file)).toBe("waiting");
    expect(desk?.next(2).map((track) => track.file)).toEqual(["b.mp3", "c.mp3"]);
    await until("it to play", () => session.outline.includes('"b"'));
    expect(desk?.queue).toEqual([]);
  });
});
