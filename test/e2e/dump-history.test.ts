import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { fixtures } from "../support/fixture-audio.ts";
import { listen, type Listening } from "../support/listen.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "skywave-dump-history-"));
const programme = framesOf(join(fixtures, "cbr128-joint44.mp3"));
const framesPerSecond = 44_100 / 1_152;
const mount = "/live.mp3";
const rotated = "/rotated.mp3";
const rotateBytes = 20_000;

interface History {
  readonly plays: readonly {
    readonly start: string;
    readonly end: string | null;
    readonly durationMs: number;
    readonly artist: string;
    readonly title: string;
    readonly listeners?: number;
    readonly listenerPeak?: number;
    readonly listenerMinutes?: number;
  }[];
  readonly cursor: string | null;
}

describe("a broadcast with a reconnect and a killed ingest", () => {
  let stack: Stack;
  let listener: Listening;
  const sources: Streaming[] = [];
  let sentAtKill = 0;
  let rotatedSource: Streaming;

  /** A source that sends the programme from a frame on, until it has sent this much under its titles. */
  async function source(from: number, seconds: number, titles: readonly string[]): Promise<Streaming> {
    const file = join(folder, `${from}.mp3`);
    // Garbage and a tag, which are no frames.
    const tag = Buffer.concat([
      Buffer.from("ID3\u0004\u0000\u0000\u0000\u0000\u0000\u0005", "latin1"),
      Buffer.alloc(5),
    ]);
    writeFileSync(file, Buffer.concat([tag, ...programme.slice(from).map(({ bytes }) => bytes)]));
    const streaming = await streamMp3(stack.ingestPort, mount, file, { password: stack.password });
    sources.push(streaming);
    for (const [at, title] of titles.entries()) {
      await waitFor("audio", () => streaming.sent.length > (at * seconds * framesPerSecond) / titles.length);
      const query = new URLSearchParams({ mount, mode: "updinfo", song: title });
      const reply = await fetch(`${stack.ingestUrl}/admin/metadata?${query}`, { headers: admin() });
      expect(reply.status).toBe(200);
    }
    await waitFor(`${seconds} s of audio`, () => streaming.sent.length >= seconds * framesPerSecond);
    return streaming;
  }

  const admin = () => ({ Authorization: `Basic ${btoa(`admin:${stack.adminPassword}`)}` });
  const history = async (query: string, login = false): Promise<History> => {
    const reply = await fetch(
      `${stack.edgeUrl}/history${mount}.json?${query}`,
      login ? { headers: admin() } : {},
    );
    expect(reply.status).toBe(200);
    return (await reply.json()) as History;
  };

  beforeAll(async () => {
    stack = await startStation(
      `[limits]\nsegment_seconds = 1\ngrace_seconds = 3\n[mounts."${mount}"]\ndump_file = "a/live.mp3"\n` +
        `[mounts."${rotated}"]\ndump_file = "%Y-$\${mount}"\ndump_rotate_bytes = ${rotateBytes}\n[mounts."/hidden.mp3"]\nhidden = true\n`,
    );
    rotatedSource = await streamMp3(stack.ingestPort, rotated, join(fixtures, "cbr128-joint44.mp3"), {
      password: stack.password,
    });
    const first = await source(0, 3, ["Ann - First", "=Bob - Second"]);
    listener = await listen(`${stack.edgeUrl}${mount}`);
    await first.stop();
    const second = await source(60, 3, ["=Bob - Second", ""]);
    await rotatedSource.stop();
    const sentBytes = Buffer.concat(rotatedSource.sent.map(({ bytes }) => bytes)).length;
    await waitFor(
      "the rotated dump to be whole",
      () => Buffer.concat(rotatedFiles(stack.dataDir)).length >= sentBytes,
    );
    sentAtKill = second.sent.length;
    stack.kill("ingest", "SIGKILL");
    await waitFor("the ingest to be back", async () =>
      fetch(`${stack.ingestUrl}/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const third = await source(30, 2, ["Cid - Third"]);
    await third.stop();
    await waitFor("the history to be whole", async () => {
      const { plays } = await history("");
      return plays.at(-1)?.title === "Third" && plays.at(-1)?.end !== null;
    });
    listener.close();
  });
  afterAll(async () => {
    await stack?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("has a dump of its sources' frames and nothing else, but for the moment of the kill", async () => {
    const [first, second, third] = sources.map(({ sent }) => sent.map(({ bytes }) => bytes));
    const wanted = Buffer.concat([...(first ?? []), ...(second ?? []), ...(third ?? [])]).length;
    const path = join(stack.dataDir, "dumps/a/live.mp3");
    const tail = Buffer.concat(third ?? []);
    await waitFor("the dump's end", () => readFileSync(path).subarray(-tail.length).equals(tail));
    const dump = readFileSync(path);
    const head = Buffer.concat(first ?? []);
    expect(dump.subarray(0, head.length).equals(head)).toBe(true);
    const middle = dump.subarray(head.length, dump.length - tail.length);
    expect(
      Buffer.concat(second ?? [])
        .subarray(0, middle.length)
        .equals(middle),
    ).toBe(true);
    const frames = mp3.indexFrames(middle);
    expect(frames.at(-1)).toMatchObject({ offset: middle.length - (frames.at(-1)?.size ?? 0) });
    // Of what had been sent a second at most was on its way to the disk.
    expect(frames.length).toBeGreaterThan(sentAtKill - framesPerSecond);
    expect(dump.length).toBeLessThanOrEqual(wanted);
  });

  it("has a dump in files of the size that was wished, which are its frames in order", async () => {
    const sent = Buffer.concat(rotatedSource.sent.map(({ bytes }) => bytes));
    const written = rotatedFiles(stack.dataDir);
    expect(Buffer.concat(written).equals(sent)).toBe(true);
    const longest = Math.max(...rotatedSource.sent.map(({ bytes }) => bytes.length));
    for (const file of written.slice(0, -1)) expect(file.length).toBeGreaterThan(rotateBytes - longest);
    expect(written.length).toBeGreaterThan(2);
    for (const file of written) {
      expect(file.length).toBeLessThanOrEqual(rotateBytes);
      expect(mp3.indexFrames(file)[0]?.offset).toBe(0);
    }
  });

  it("has a history of its titles for everybody", async () => {
    const { plays, cursor } = await history("");
    expect(plays.map(({ artist, title }) => [artist, title])).toEqual([
      ["Ann", "First"],
      ["=Bob", "Second"],
      ["Cid", "Third"],
    ]);
    expect(cursor).toBeNull();
    for (const play of plays) {
      expect(play).not.toHaveProperty("listeners");
      expect(play.durationMs).toBeGreaterThan(0);
      expect(Date.parse(play.end ?? "")).toBeGreaterThanOrEqual(Date.parse(play.start) + play.durationMs - 1);
    }
    // Over the reconnect it went on, which was no airtime.
    const [, second] = plays;
    expect(second && Date.parse(second.end ?? "") - Date.parse(second.start)).toBeGreaterThan(
      second?.durationMs ?? 0,
    );
  });

  it("tells its users who listened, and nobody else", async () => {
    expect((await fetch(`${stack.edgeUrl}/history${mount}.json?counts=true`)).status).toBe(401);
    const { plays } = await history("counts=true", true);
    expect(Math.max(...plays.map(({ listenerPeak }) => listenerPeak ?? -1))).toBe(1);
    expect(
      plays.every(
        ({ listeners, listenerMinutes }) => listeners !== undefined && listenerMinutes !== undefined,
      ),
    ).toBe(true);
    const reply = await fetch(`${stack.edgeUrl}/api/v1/mounts/live.mp3/history?counts=true`, {
      headers: admin(),
    });
    expect(((await reply.json()) as History).plays).toEqual(plays);
  });

  it("is paged, and asked for by time", async () => {
    const all = await history("");
    const first = await history("limit=2");
    const second = await history(`limit=2&cursor=${first.cursor}`);
    expect([...first.plays, ...second.plays]).toEqual(all.plays);
    expect(second.cursor).toBeNull();
    const from = all.plays[1]?.start ?? "";
    const to = all.plays[2]?.start ?? "";
    expect((await history(`from=${from}&to=${to}`)).plays).toEqual(all.plays.slice(1, 2));
    for (const query of ["from=yesterday", "limit=0", "cursor=x"])
      expect((await fetch(`${stack.edgeUrl}/history${mount}.json?${query}`)).status, query).toBe(400);
  });

  it("is a spreadsheet that calculates nothing", async () => {
    const reply = await fetch(`${stack.edgeUrl}/history${mount}.csv?counts=true`, { headers: admin() });
    expect(reply.headers.get("Content-Type")).toBe("text/csv; charset=utf-8; header=present");
    expect(reply.headers.get("Content-Disposition")).toBe("attachment; filename*=UTF-8''live.mp3.csv");
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await reply.arrayBuffer());
    const rows = text.split("\r\n");
    expect(rows[0]).toBe(
      "\uFEFFstart,end,duration_seconds,artist,title,text,listeners_at_start,listener_peak,listener_minutes",
    );
    expect(rows.slice(1, -1).map((row) => row.split(",").slice(3, 6))).toEqual([
      ["Ann", "First", "Ann - First"],
      [`"'=Bob"`, "Second", `"'=Bob - Second"`],
      ["Cid", "Third", "Cid - Third"],
    ]);
  });

  it("is of no mount that nobody knows of, or may", async () => {
    const hidden = await streamMp3(stack.ingestPort, "/hidden.mp3", join(fixtures, "crc128.mp3"), {
      password: stack.password,
    });
    const shown = async () =>
      fetch(`${stack.edgeUrl}/history/hidden.mp3.json?counts=true`, { headers: admin() });
    await waitFor("the hidden mount to be known", async () => (await shown()).status === 200);
    const api = "/api/v1/mounts/hidden.mp3/history";
    expect((await fetch(stack.edgeUrl + api)).status).toBe(404);
    expect((await fetch(`${stack.edgeUrl}${api}?counts=true`)).status).toBe(401);
    for (const path of ["/history/hidden.mp3.json", "/history/other.mp3.csv", "/history/x.txt"])
      expect((await fetch(stack.edgeUrl + path)).status, path).toBe(404);
    hidden.destroy();
  });
});

/** In the order of their numbers. */
function rotatedFiles(dataDir: string): Buffer[] {
  const dumps = join(dataDir, "dumps");
  return readdirSync(dumps)
    .filter((name) => name.includes("rotated"))
    .toSorted((a, b) => numberOf(a) - numberOf(b))
    .map((name) => readFileSync(join(dumps, name)));
}

const numberOf = (name: string): number => Number(/-(\d+)\.mp3$/.exec(name)?.[1] ?? 1);
