import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { requireClient } from "../support/clients.ts";
import { complaintsOfPrograms } from "../support/decoders.ts";
import { basic } from "../support/icecast-wire.ts";
import { type MadeSong, makeMusic } from "../support/made-music.ts";
import { openSocket, readHead } from "../support/raw-request.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { Repertoire, StretchListener, wrongTitles } from "../support/stretches.ts";
import { waitFor } from "../support/wait.ts";

/** An AutoDJ and live sources take turns, on one mount as its fallback and on the AutoDJ's own mount. */
const folder = mkdtempSync(join(tmpdir(), "skywave-live-"));
const takeovers = 20;
const listeners = 4;
const directSources = 3;
/** A listener has heard a source, or the AutoDJ again, when it has had so much of it. */
const enoughFrames = 20;

const burstSeconds = 2;
const burstFrames = (burstSeconds * 44_100) / 1_152;

const station = `[sources]
password = "source-pw"
[limits]
segment_seconds = 0.5
burst_seconds = ${burstSeconds}
grace_seconds = 0.5
[icy]
metaint = 4000
[mounts."/live.mp3"]
fallback_mount = "/autodj.mp3"
${["autodj", "shared"]
  .map(
    (name) => `[[autodj]]
mount = "/${name}.mp3"
music = [${JSON.stringify(join(folder, name))}]
order = "sequential"
loudness_lufs = false
`,
  )
  .join("")}`;

const cbr = ["-b", "128", "-q", "9"];
const vbr = ["-V", "5", "-q", "9"];
const tracksOf = (name: string) =>
  [15.3, 22.17, 80.71].map((seconds, index) => ({
    name: `${name}/${index + 1} ${name} song ${index + 1}.mp3`,
    seconds,
    lame: index === 1 ? vbr : cbr,
  }));
const liveSounds = (kind: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    name: `sent/${kind} ${index + 1}.mp3`,
    seconds: 8,
    lame: index % 3 === 2 ? vbr : cbr,
  }));
const recipes = [
  ...tracksOf("autodj"),
  ...tracksOf("shared"),
  ...liveSounds("live", takeovers),
  ...liveSounds("direct", directSources),
];

let stack: Stack;
const repertoire = new Repertoire();
const sounds = new Map<string, readonly Uint8Array[]>();
const open: StretchListener[] = [];

async function prepare(): Promise<void> {
  const made = await makeMusic(folder, recipes);
  for (const name of ["autodj", "shared"]) addTracks(name, made);
  for (const [index, { name }] of recipes.entries()) {
    const sound = /^sent\/(.*)\.mp3$/.exec(name)?.[1];
    if (sound === undefined) continue;
    // The last are silent, and alike.
    const frames = framesOf(made[index]?.path ?? "")
      .slice(0, -3)
      .map(({ bytes }) => bytes);
    sounds.set(sound, frames);
    repertoire.add(sound, frames, () => sound);
  }
  stack = await startStation(station);
}
let prepared: Promise<void> | null = null;
beforeEach(async (context) => {
  requireClient(context, "lame");
  await (prepared ??= prepare());
}, 100_000);
afterAll(async () => {
  for (const listener of open) listener.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The AutoDJ's tracks one after the other, each as long as its sound: what LAME adds behind it is not played. */
function addTracks(name: string, made: readonly MadeSong[]): void {
  const frames: Uint8Array[] = [];
  const titles: string[] = [];
  for (const [index, recipe] of recipes.entries()) {
    if (!recipe.name.startsWith(`${name}/`)) continue;
    const { path, samples } = made[index] as MadeSong;
    const played = framesOf(path).slice(0, Math.floor((samples + lameDelay) / 1_152));
    frames.push(...played.map(({ bytes }) => bytes));
    titles.push(...played.map(() => recipe.name.slice(name.length + 1, -".mp3".length)));
  }
  repertoire.add(name, frames, (index) => titles[index] ?? "");
}
const lameDelay = 576 + 529;

async function hear(mount: string): Promise<StretchListener> {
  return waitFor(`${mount} to be heard`, async () => {
    const listener = new StretchListener(`http://127.0.0.1:${stack.edgePort}${mount}`, repertoire);
    await waitFor("a reply", () => listener.status !== 0 || listener.ended);
    if (listener.status === 200) {
      open.push(listener);
      return listener;
    }
    listener.close();
    return undefined;
  });
}

/** How a source goes. */
type End = "clean" | "killed" | "stalled";

/** A live source with a title of its own from its first frame on. */
class Live {
  readonly name: string;
  sent = 0;
  readonly #socket: Socket;
  readonly #frames: readonly Uint8Array[];
  readonly #done: Promise<void>;
  #stopping = false;

  private constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    this.#frames = sounds.get(name) ?? [];
    this.#done = this.#send();
  }

  static async open(mount: string, name: string): Promise<Live> {
    const socket = await openSocket(stack.ingestPort);
    socket.on("error", () => undefined);
    const login = basic("source", "source-pw");
    socket.write(`PUT ${mount} HTTP/1.1\r\nHost: x\r\n${login}Content-Type: audio/mpeg\r\n\r\n`);
    const reply = await readHead(socket);
    if (!reply.startsWith("HTTP/1.0 200") && !reply.startsWith("HTTP/1.1 200")) {
      socket.destroy();
      throw new Error(`${name} was refused: ${reply}`);
    }
    socket.resume();
    const query = new URLSearchParams({ mode: "updinfo", mount, song: name });
    const authorization = login.trim().replace("Authorization: ", "");
    const told = await fetch(`${stack.ingestUrl}/admin/metadata?${query}`, { headers: { authorization } });
    if (told.status !== 200) throw new Error(`the title of ${name} was refused: ${told.status}`);
    return new Live(name, socket);
  }

  async end(how: End): Promise<void> {
    this.#stopping = true;
    await this.#done;
    if (how === "stalled") await sleep(1_000);
    if (how === "killed") this.#socket.resetAndDestroy();
    else this.#socket.end();
  }

  async #send(): Promise<void> {
    const startedAt = performance.now();
    for (const frame of this.#frames) {
      if (this.#stopping) return;
      this.#socket.write(frame);
      this.sent++;
      const aheadMs = (this.sent * 1_152_000) / 44_100 - (performance.now() - startedAt);
      if (aheadMs > 50) await sleep(aheadMs);
    }
  }
}

const ends: readonly End[] = ["clean", "killed", "stalled"];
const endOf = (index: number): End => ends[index % ends.length] ?? "clean";

interface Turns {
  readonly mount: string;
  readonly autodj: string;
  readonly names: readonly string[];
  readonly all: readonly StretchListener[];
}

/** Live sources one after the other: each is heard by all, and then the AutoDJ again. Returns how many frames each sent. */
async function takeTurns({ mount, autodj, names, all }: Turns): Promise<number[]> {
  const heardByAll = async (of: string): Promise<void> => {
    try {
      await waitFor(`${of} to be heard by all on ${mount}`, () =>
        all.every((each) => each.hears(of) >= enoughFrames),
      );
    } catch (error) {
      const lines = all.map(
        ({ stretches, ended }) => `${ended ? "dropped, " : ""}${JSON.stringify(stretches.slice(-3))}`,
      );
      throw new Error(`${String(error)}; heard last:\n${lines.join("\n")}`, { cause: error });
    }
  };
  await heardByAll(autodj);
  const sent: number[] = [];
  for (const [index, name] of names.entries()) {
    const live = await Live.open(mount, name);
    await heardByAll(name);
    // Some go sooner than others.
    await sleep((index % 4) * 200);
    await live.end(endOf(index));
    sent.push(live.sent);
    await heardByAll(autodj);
  }
  return sent;
}

const namesOf = (kind: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${kind} ${index + 1}`);

/** That it heard the AutoDJ, then a source, and so on, with everything whole and every title in its place. */
function expectTurns(listener: StretchListener, autodj: string, names: readonly string[]): void {
  expect(listener.ended, "dropped").toBe(false);
  expect(listener.problems).toEqual([]);
  expect(listener.stretches.map(({ of }) => of)).toEqual([
    autodj,
    ...names.flatMap((name) => [name, autodj]),
  ]);
  expect(wrongTitles(listener)).toEqual([]);
  expect(listener.titles.map(({ text }) => text)).toEqual(expect.arrayContaining([...names]));
}

describe("an AutoDJ and live sources", () => {
  it.concurrent(`takes over and gives back ${takeovers} times as the fallback: nobody is dropped, no frame is damaged, titles go with the audio`, async (context) => {
    requireClient(context, "ffmpeg", "mpg123");
    const names = namesOf("live", takeovers);
    const all = await Promise.all(Array.from({ length: listeners }, () => hear("/live.mp3")));
    const sent = await takeTurns({ mount: "/live.mp3", autodj: "autodj", names, all });
    for (const listener of all) {
      expectTurns(listener, "autodj", names);
      const own = listener.stretches.filter(({ of }) => of === "autodj");
      for (const [index, { first }] of own.entries()) {
        expect(first, "it goes on meanwhile, and nothing comes twice").toBeGreaterThan(
          own[index - 1]?.last ?? -1,
        );
      }
      for (const [index, name] of names.entries()) {
        const stretch = listener.stretches.find(({ of }) => of === name);
        const lastSent = (sent[index] ?? 0) - 1;
        // Who hears the mount for the first time joins it a burst behind live, counting what is in hand.
        expect(stretch?.first, name).toBeLessThan(index === 0 ? burstFrames : 1);
        // What was on its way in a connection that was killed is lost.
        if (endOf(index) === "killed") expect(stretch?.last, name).toBeLessThanOrEqual(lastSent);
        else expect(stretch?.last, name).toBe(lastSent);
      }
    }
    expect(complaintsOfPrograms(all[0]?.audio() ?? Buffer.of())).toEqual([]);
  }, 180_000);

  it.concurrent("gives its own mount to a source at once, and goes on where it was, to the frame", async () => {
    const names = namesOf("direct", directSources);
    const all = await Promise.all([hear("/shared.mp3"), hear("/shared.mp3")]);
    await takeTurns({ mount: "/shared.mp3", autodj: "shared", names, all });
    for (const listener of all) {
      expectTurns(listener, "shared", names);
      const own = listener.stretches.filter(({ of }) => of === "shared");
      for (const [index, { first }] of own.entries()) {
        if (index > 0) expect(first).toBe((own[index - 1]?.last ?? 0) + 1);
      }
    }
  }, 180_000);
});
