import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complaintsOfPrograms } from "../support/decoders.ts";
import { FrameList } from "../support/frame-check.ts";
import { type Heard, heardOf, outline, silentFrames } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { statusOf, waitForStatus } from "../support/status.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** What listeners hear while their mount has no source. */
const fixtures = join(import.meta.dirname, "..", "fixtures");
const liveFile = join(fixtures, "cbr128-joint44.mp3");
const backupFile = join(fixtures, "cbr320.mp3");
const otherRate = join(fixtures, "mono48-64.mp3");
const lists: Record<string, FrameList> = {
  live: new FrameList(framesOf(liveFile)),
  backup: new FrameList(framesOf(backupFile)),
  mono: new FrameList(framesOf(otherRate)),
};

const station = `
[limits]
segment_seconds = 1
burst_seconds = 3
grace_seconds = 1
[mounts."/grace.mp3"]
grace_seconds = 20
[mounts."/hiccup.mp3"]
grace_seconds = 20
[mounts."/main.mp3"]
fallback_mount = "/backup.mp3"
[mounts."/stay.mp3"]
fallback_mount = "/backup.mp3"
fallback_override = "none"
[mounts."/taker.mp3"]
fallback_mount = "/taken.mp3"
fallback_override = "all"
[mounts."/ring-a.mp3"]
fallback_mount = "/ring-b.mp3"
[mounts."/ring-b.mp3"]
fallback_mount = "/ring-a.mp3"
[mounts."/mono.mp3"]
fallback_mount = "/backup.mp3"
[mounts."/quiet.mp3"]
fallback_mount = "silence"
[mounts."/file.mp3"]
fallback_file = "backup.mp3"
[mounts."/full.mp3"]
max_listeners = 1
fallback_mount = "/backup.mp3"
fallback_when_full = true
[mounts."/intro.mp3"]
intro = "backup.mp3"
`;

describe("a mount without its source", () => {
  const folder = mkdtempSync(join(tmpdir(), "skywave-off-air-"));
  let stack: Stack;
  const opened: (Listening | Streaming)[] = [];
  beforeAll(async () => {
    const stationFile = join(folder, "station.toml");
    writeFileSync(stationFile, station);
    copyFileSync(backupFile, join(folder, "backup.mp3"));
    stack = await startStack({ stationFile });
    await play("/backup.mp3", backupFile);
  });
  afterAll(async () => {
    for (const open of opened) {
      if ("close" in open) open.close();
      else open.destroy();
    }
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function play(mount: string, file = liveFile): Promise<Streaming> {
    const source = await streamMp3(stack.ingestPort, mount, file, { password: stack.password, loop: true });
    opened.push(source);
    await waitForStatus(stack, mount);
    return source;
  }
  async function tune(path: string, options: { icy?: boolean } = { icy: true }): Promise<Listening> {
    const listening = await listen(stack.edgeUrl + path, options);
    opened.push(listening);
    return listening;
  }
  const heard = (listening: Listening): Heard => heardOf(listening, lists);
  /** Waits until what a listener hears has this outline; sources and silence in order. */
  const until = (listening: Listening, ...expected: string[]) =>
    waitFor(
      `a listener to hear ${expected.join(", ")}`,
      () => outline(heard(listening)).join() === expected.join(),
      25_000,
    ).catch((error: unknown) => {
      throw new Error(
        `${String(error)}; it heard ${JSON.stringify(heard(listening).runs)}\n${stack.log().slice(-3_000)}`,
      );
    });
  const setTitle = (mount: string, song: string) =>
    fetch(
      `${stack.ingestUrl}/admin/metadata?${new URLSearchParams({ mode: "updinfo", mount, song }).toString()}`,
      { headers: { authorization: `Basic ${Buffer.from(`source:${stack.password}`).toString("base64")}` } },
    );
  const isWhole = (result: Heard) => {
    expect(result.rest).toBeLessThan(1_500);
    expect(complaintsOfPrograms(result.audio)).toEqual([]);
  };

  describe("within the grace", { concurrent: true }, () => {
    it("gives its listeners silence once what they hold runs low, then the source again", async () => {
      const source = await play("/grace.mp3");
      const listening = await tune("/grace.mp3");
      await waitFor("some audio", () => heard(listening).runs.length > 0);
      await sleep(2_500);
      source.destroy();
      await until(listening, "live", "silence");
      await sleep(3_000);
      const quiet = silentFrames(heard(listening));
      // It is off the statistics by now, but there is something to listen to.
      await waitFor("it to be off the air", async () => (await statusOf(stack, "/grace.mp3")) === undefined);
      for (const kind of ["xspf", "vclt"]) {
        const playlist = await fetch(`${stack.edgeUrl}/grace.mp3.${kind}`);
        expect([playlist.status, await playlist.text()]).toEqual([
          200,
          expect.stringContaining("/grace.mp3"),
        ]);
      }
      await play("/grace.mp3");
      await until(listening, "live", "silence", "live");
      await sleep(3_000);
      const result = heard(listening);
      // In real time: three seconds are 115 frames, and a splice is padded by two seconds at most.
      expect(quiet).toBeGreaterThan(60);
      expect(silentFrames(result)).toBeLessThan(115 + 2 * 77 + 40);
      const sources = result.runs.filter((run) => "last" in run);
      expect(sources).toHaveLength(2);
      // Nothing of what the source sends after its return is missing.
      expect(sources[1]).toMatchObject({ first: 0 });
      isWhole(result);
    });

    it("lets nobody hear that a source was away for a second", async () => {
      const source = await play("/hiccup.mp3");
      // Until the mount has a whole burst.
      await sleep(4_000);
      const listening = await tune("/hiccup.mp3");
      await sleep(3_000);
      source.destroy();
      await sleep(1_000);
      await play("/hiccup.mp3");
      await sleep(8_000);
      const result = heard(listening);
      expect(silentFrames(result), JSON.stringify(result.runs)).toBe(0);
      expect(result.runs.filter((run) => "last" in run)).toHaveLength(2);
      isWhole(result);
    });
  });

  describe("with a fallback", { concurrent: true }, () => {
    it("plays another mount and comes back with the source's first frame, titles with it", async () => {
      await setTitle("/backup.mp3", "Backup");
      const source = await play("/main.mp3");
      await setTitle("/main.mp3", "Live");
      const listening = await tune("/main.mp3");
      await until(listening, "live");
      source.destroy();
      await until(listening, "live", "backup").catch(() => until(listening, "live", "silence", "backup"));
      await play("/main.mp3");
      await setTitle("/main.mp3", "Live again");
      await waitFor("live to be back", () => outline(heard(listening)).at(-1) === "live", 20_000);
      await waitFor("its title", () => heard(listening).titles.at(-1)?.text === "Live again", 20_000);
      const result = heard(listening);
      expect(result.runs.filter((run) => run.of === "live").at(-1)).toMatchObject({ first: 0 });
      const titles = result.titles.map(({ text }) => text).filter((text) => text !== "");
      expect([
        titles[0],
        titles.at(-2) === "Live again" ? titles.at(-3) : titles.at(-2),
        titles.at(-1),
      ]).toEqual([titles[0], "Backup", "Live again"]);
      isWhole(result);
    });

    it("is there for those who come while the source is away, and before it ever came", async () => {
      const listening = await tune("/main.mp3?burst=2");
      expect(listening.status).toBe(200);
      const nothing = await tune("/quiet.mp3");
      expect(nothing.status).toBe(200);
      await waitFor("silence", () => silentFrames(heard(nothing)) > 20, 10_000);
      isWhole(heard(nothing));
    });

    it("keeps its listeners when the rule says so", async () => {
      const source = await play("/stay.mp3");
      const listening = await tune("/stay.mp3");
      await until(listening, "live");
      source.destroy();
      await waitFor("the fallback", () => outline(heard(listening)).at(-1) === "backup", 20_000);
      await play("/stay.mp3");
      await sleep(4_000);
      expect(outline(heard(listening)).at(-1)).toBe("backup");
    });

    it("gives up even those who chose it, to a mount that may take all", async () => {
      await play("/taken.mp3", backupFile);
      const listening = await tune("/taken.mp3");
      await until(listening, "backup");
      await play("/taker.mp3");
      // The mount is young: its splice may be padded.
      await waitFor("the mount that takes all", () => outline(heard(listening)).at(-1) === "live", 20_000);
      isWhole(heard(listening));
    });

    it("goes no rounds where mounts fall back to each other", async () => {
      const missing = await tune("/ring-a.mp3");
      expect(missing.status).toBe(404);
      const b = await play("/ring-b.mp3", backupFile);
      const listening = await tune("/ring-a.mp3");
      await until(listening, "backup");
      await play("/ring-a.mp3");
      await waitFor("the mount itself", () => outline(heard(listening)).at(-1) === "live", 20_000);
      b.destroy();
    });

    it("warns where the fallback has another format, and still sends whole frames", async () => {
      const source = await play("/mono.mp3", otherRate);
      const listening = await tune("/mono.mp3");
      await until(listening, "mono");
      source.destroy();
      await waitFor("the fallback", () => outline(heard(listening)).at(-1) === "backup", 20_000);
      expect(heard(listening).rest).toBeLessThan(1_500);
      await play("/mono.mp3", otherRate);
      await waitFor("a warning for the status page", async () =>
        (await (await fetch(`${stack.edgeUrl}/api/v1/warnings`)).text()).includes(
          "is 48000 Hz mono, its fallback /backup.mp3 is 44100 Hz stereo",
        ),
      );
      expect(stack.log()).toMatch(
        /hear the format change on \/backup\.mp3: 48000 Hz mono to 44100 Hz stereo/,
      );
    });

    it("plays a file in a loop, the same place for everybody", async () => {
      await waitFor(
        "the file to be stored",
        async () => (await fetch(`${stack.edgeUrl}/file.mp3`, { method: "HEAD" })).ok,
        20_000,
      );
      const source = await play("/file.mp3");
      const first = await tune("/file.mp3");
      await until(first, "live");
      source.destroy();
      await waitFor("the file", () => outline(heard(first)).at(-1) === "backup", 20_000);
      const second = await tune("/file.mp3?burst=1");
      await until(second, "backup");
      await sleep(2_500);
      const places = [first, second].map((listening) => {
        const run = heard(listening).runs.at(-1);
        return run && "last" in run ? run.last : -1;
      });
      // Within a segment and a moment of each other, round the end of the file.
      const count = lists["backup"]?.frames.length ?? 0;
      const apart = Math.abs((places[0] ?? 0) - (places[1] ?? 0));
      expect(Math.min(apart, count - apart)).toBeLessThan(2 * 77 + 5);
      isWhole(heard(first));
    });

    it("takes one listener too many", async () => {
      await play("/full.mp3");
      const fits = await tune("/full.mp3");
      await until(fits, "live");
      const over = await tune("/full.mp3");
      expect(over.status).toBe(200);
      await until(over, "backup");
    });
  });

  it("begins with the intro, once to each listener", async () => {
    await play("/intro.mp3");
    const listening = await tune("/intro.mp3", { icy: false });
    await until(listening, "backup", "live");
    const [intro] = heard(listening).runs;
    expect(intro).toMatchObject({ of: "backup", first: 0 });
    isWhole(heard(listening));
    // Through the ingest port the edge knows who listens: who comes back within a minute has heard it.
    const twice: string[][] = [];
    for (let visit = 0; visit < 2; visit++) {
      const visitor = await listen(`${stack.ingestUrl}/intro.mp3`);
      opened.push(visitor);
      await waitFor("what a visitor hears", () => heard(visitor).audio.length > 20_000);
      twice.push(outline(heard(visitor)));
      visitor.close();
      await sleep(500);
    }
    expect(twice).toEqual([["backup"], ["live"]]);
  });
});
