import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import { maxTitleBytes } from "../../shared/title.ts";
import { CheckedListener } from "../support/checked-listener.ts";
import { type Client, requireClient, spawnClient } from "../support/clients.ts";
import { FrameList } from "../support/frame-check.ts";
import { listen, type Listening } from "../support/listen.ts";
import { openFolder, outputOf, spawnVlc } from "../support/players.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

vi.setConfig({ maxConcurrency: 20 });

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const mount = "/live.mp3";
const frames = framesOf(fixture);
const list = new FrameList(frames);

/** A segment is 2 s: the first frame boundary at or after 88,200 samples. */
const framesPerSegment = Math.ceil((2 * 44_100) / 1152);
/** More than a segment, so that the statistics, which know segments, show each title. */
const framesPerTitle = framesPerSegment + 15;
/** How far behind live a listener begins at most: 4.5 s. */
const framesPerBurst = Math.ceil((4.5 * 44_100) / 1152);
/** What the test has sent and the ingest has not read yet when a title is set. */
const framesInFlight = 10;

const longest = "0123456789".repeat(1_000);
const cases = [
  { name: "Korean", query: { song: "안녕하세요 라디오 – 김철수" }, text: "안녕하세요 라디오 – 김철수" },
  { name: "Latin-1 bytes", raw: "song=Caf%E9%20-%20Z%F6e", text: "Café - Zöe" },
  { name: "declared Latin-1", raw: "charset=ISO-8859-1&song=B%E8ta%20%C3%A9", text: "Bèta Ã©" },
  { name: "emoji", query: { song: "🎧 an alle 👩‍👩‍👧" }, text: "🎧 an alle 👩‍👩‍👧" },
  // Players end a title at the first "';": the listener's block has a typographic apostrophe there.
  {
    name: "quotes",
    query: { song: "AC';DC it's 'q'; x" },
    text: "AC';DC it's 'q'; x",
    shown: "AC’;DC it's 'q’; x",
  },
  { name: "empty", query: { song: "" }, text: "" },
  { name: "10 kB", query: { song: longest }, text: longest.slice(0, maxTitleBytes) },
  { name: "NUL and line breaks", query: { song: "a\0b\nc\r\nd" }, text: "ab c d" },
  { name: "artist and title", query: { artist: "Künstler", title: "Lied" }, text: "Künstler - Lied" },
  { name: "URL", query: { song: "with link", url: "http://a.example/?x='1'" }, text: "with link" },
  { name: "last", query: { song: "the last one" }, text: "the last one" },
] as const;
const shownOf = (title: (typeof cases)[number]): string => ("shown" in title ? title.shown : title.text);

let stack: Stack;
let source: Streaming;
const folder = openFolder();
/** Frames sent when each title was set. */
const setAt: number[] = [];
const early: CheckedListener[] = [];
const late: CheckedListener[] = [];
/** Titles of the statistics as they changed. */
const statusTitles: unknown[] = [];
const players = new Map<string, Client>();
let plain: Listening;
let raw: Listening;

const url = (port: number) => `http://127.0.0.1:${port}${mount}`;
const startPlayer = {
  mpg123: (port: number) =>
    spawnClient("mpg123", ["-t", "-v", "--utf8", url(port)], { env: { LC_ALL: "C.UTF-8" } }),
  mpv: (port: number) =>
    spawnClient("mpv", ["--no-config", "--no-video", "--ao=null", "--display-tags=icy-title", url(port)], {
      env: { LC_ALL: "C.UTF-8" },
    }),
  cvlc: (port: number) => spawnVlc(folder, ["-vv", "--no-color", "--aout=dummy", url(port)]),
  ffmpeg: (port: number) =>
    spawnClient("ffmpeg", ["-nostdin", "-loglevel", "verbose", "-i", url(port), "-f", "null", "-"]),
} as const;

const listener = (port: number) =>
  new CheckedListener(url(port), { list, frame: { samples: 1152, sampleRate: 44_100 }, icy: true });

async function setTitle(title: (typeof cases)[number]): Promise<void> {
  const authorization = `Basic ${Buffer.from(`source:${stack.password}`).toString("base64")}`;
  const form = "raw" in title ? title.raw : new URLSearchParams(title.query).toString();
  const reply = await fetch(`${stack.ingestUrl}/admin/metadata?mode=updinfo&mount=${mount}&${form}`, {
    headers: { authorization },
  });
  expect(await reply.text()).toContain("Metadata update successful");
}

async function noteStatusTitle(): Promise<void> {
  const reply = await fetch(`${stack.edgeUrl}/status-json.xsl?mount=${mount}`);
  const { icestats } = (await reply.json()) as { icestats: { source?: { title?: unknown } } };
  const title = icestats.source?.title;
  if (title !== undefined && title !== statusTitles.at(-1)) statusTitles.push(title);
}

const sent = (count: number) =>
  waitFor(`frame ${count} to be sent`, async () => {
    await noteStatusTitle();
    return source.sent.length >= count;
  });

/** A player that is not installed has ended. */
const begun = (client: Client) => client.child.exitCode !== null || /icy|StreamTitle/i.test(outputOf(client));

beforeAll(async () => {
  stack = await startStack();
  const { ingestPort, edgePort, password } = stack;
  source = await streamMp3(ingestPort, mount, fixture, { password, loop: true });
  plain = await listen(url(edgePort));
  raw = await listen(url(edgePort), { icy: true });
  early.push(listener(edgePort), listener(ingestPort));
  // One that is not installed ends at once; its test says so.
  for (const [name, start] of Object.entries(startPlayer)) players.set(name, start(edgePort));
  await waitFor("the listeners to have begun", () => early.every(({ check }) => check.frames > 0), 30_000);
  await waitFor("the players to have begun", () => [...players.values()].every(begun), 30_000);

  for (const [index, title] of cases.entries()) {
    if (index === 4) late.push(listener(edgePort));
    await setTitle(title);
    setAt.push(source.sent.length);
    await sent(source.sent.length + framesPerTitle);
  }
  // Everybody is at most a burst and a segment behind.
  const last = cases.at(-1)?.text ?? "";
  await waitFor("the last title everywhere", () =>
    [...early, ...late].every(({ titles }) => titles.at(-1)?.text === last),
  );
  const done = (client: Client) => client.child.exitCode !== null || outputOf(client).includes(last);
  await waitFor("the last title in all players", () => [...players.values()].every(done)).catch(
    () => undefined,
  );
  // A burst that begins after the last title was set has no other.
  await sent((setAt.at(-1) ?? 0) + framesPerBurst);
  late.push(listener(edgePort), listener(ingestPort));
  await waitFor("the last listeners' first title", () => late.every(({ titles }) => titles.length > 0));
  await noteStatusTitle();
}, 90_000);

afterAll(async () => {
  for (const client of players.values()) client.kill();
  plain?.close();
  raw?.close();
  for (const each of [...early, ...late]) each.close();
  await source?.stop();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Frames the source sent from when it set a title to the last one before a listener's block. */
const delayOf = (setAtFrame: number, afterIndex: number): number => {
  const rounds = list.frames.length;
  const delay = (afterIndex + 1 - (setAtFrame % rounds) + rounds) % rounds;
  return delay > rounds / 2 ? delay - rounds : delay;
};

describe("a title", () => {
  it("reaches an ICY listener at the frame it was set at, and at most two segments after it", () => {
    for (const { titles } of early) {
      expect(titles.map(({ text }) => text)).toEqual(["", ...cases.map(shownOf)]);
      for (const [index, at] of setAt.entries()) {
        const delay = delayOf(at, titles[index + 1]?.afterIndex ?? -1);
        const name = cases[index]?.name;
        expect(delay, `"${name}": frames from setting it to its block`).toBeGreaterThanOrEqual(
          -framesInFlight,
        );
        expect(delay, `"${name}": frames from setting it to its block`).toBeLessThanOrEqual(
          2 * framesPerSegment,
        );
      }
    }
  });

  it("that was set before a listener joined is the first it gets", () => {
    const [between, ...last] = late;
    const seen = between?.titles.map(({ text }) => text) ?? [];
    // The burst of the one that joined in the middle begins up to 4.5 s, two titles, before.
    const all = cases.map(shownOf);
    const first = all.indexOf(seen[0] ?? "none");
    expect(first).toBeGreaterThanOrEqual(1);
    expect(first).toBeLessThanOrEqual(3);
    expect(seen).toEqual(all.slice(first));
    expect(last.map(({ titles }) => titles.map(({ text }) => text))).toEqual([
      ["the last one"],
      ["the last one"],
    ]);
  });

  it("leaves the audio as it was", () => {
    expect([...early, ...late].flatMap((each) => each.close())).toEqual([]);
    expect(plain.bytes().includes("StreamTitle")).toBe(false);
  });

  it("reaches the statistics, as it was set", () => {
    // Icecast's statistics have null for an empty text.
    expect(statusTitles).toEqual(cases.map(({ text }) => (text === "" ? null : text)));
  });

  it("brings its URL as StreamUrl, with what would end it encoded", () => {
    const { titles } = new IcyDeinterleaver(Number(raw.headers["icy-metaint"])).push(raw.bytes());
    const links = titles.flatMap((title) => (title.url === undefined ? [] : [[title.text, title.url]]));
    expect(links).toEqual([["with link", "http://a.example/?x=%271%27"]]);
  });

  const expectations: Record<keyof typeof startPlayer, (text: string) => string> = {
    mpg123: (text) => `ICY-META: StreamTitle='${text}';`,
    mpv: (text) => `icy-title: ${text}`,
    cvlc: (text) => `New Icy-Title=${text}`,
    ffmpeg: (text) => `Metadata update for StreamTitle: ${text}`,
  };

  it.for(Object.entries(expectations))("reads right in %s", ([name, expected], context) => {
    requireClient(context, name);
    const client = players.get(name);
    const output = client ? outputOf(client) : "";
    let at = 0;
    for (const title of cases) {
      const line = expected(shownOf(title)).trimEnd();
      const found = output.indexOf(line, at);
      expect(
        found,
        `${name}: expected "${line.slice(0, 100)}" after ${output.slice(at).slice(0, 5000)}`,
      ).toBeGreaterThanOrEqual(0);
      at = found + line.length;
    }
  });
});
