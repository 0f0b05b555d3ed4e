import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CheckedListener } from "./checked-listener.ts";
import { FrameList } from "./frame-check.ts";
import { processTree } from "./processes.ts";
import { seeded } from "./seeded.ts";
import type { Stack } from "./stack.ts";
import { framesOf, type Streaming, streamMp3 } from "./stream-mp3.ts";
import { waitFor } from "./wait.ts";

export interface SoakOptions {
  readonly stack: Stack;
  readonly seconds: number;
  /** Listeners at any time, once all have joined. */
  readonly listeners: number;
  readonly seed: number;
  /** Told every ten seconds. */
  readonly progress?: (line: string) => void;
}

export interface SoakResult {
  readonly joins: number;
  readonly framesSent: number;
  readonly framesChecked: number;
  /** Everything any listener found wrong. */
  readonly problems: readonly string[];
  /** Titles that reached a listener, and the most frames any came after the frame it was set at. */
  readonly titles: number;
  readonly latestTitleFrames: number;
  /** Least audio any listener's model player had in hand, ms; it starts 0.5 s after its first byte. */
  readonly leastInHandMs: number;
  /** What the station counted when all had left. */
  readonly countedAtEnd: number;
  /** Resident memory by process, MiB, every ten seconds. */
  readonly memory: ReadonlyMap<string, readonly number[]>;
}

const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const mount = "/soak.mp3";
const titleEveryMs = 7_000;
const sampleEveryMs = 10_000;

/** One source and listeners that come and go at random, each checked frame by frame and title by title. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { stack } = options;
  const run = new Soak(options);
  const frames = framesOf(fixture);
  const list = new FrameList(frames);
  const source = await streamMp3(stack.ingestPort, mount, fixture, { password: stack.password, loop: true });
  await waitFor("the first segment", async () => (await fetch(stack.edgeUrl + mount, { method: "HEAD" })).ok);
  const endsAt = Date.now() + options.seconds * 1000;
  await Promise.all([
    run.setTitles(source, endsAt),
    run.sampleMemory(endsAt),
    ...Array.from({ length: options.listeners }, (_, seat) =>
      run.keepListening(seat, list, frames[0]?.format.sampleRate ?? 0, endsAt),
    ),
  ]);
  const alive = !source.socket.destroyed;
  if (!alive) run.problems.push("the source was dropped");
  let counted = Number.NaN;
  await waitFor(
    "all listeners to be counted out",
    async () => (counted = await countListeners(stack)) === 0,
    20_000,
  ).catch(() => undefined);
  source.destroy();
  return {
    joins: run.joins,
    framesSent: source.sent.length,
    framesChecked: run.framesChecked,
    problems: run.problems,
    titles: run.titles,
    latestTitleFrames: run.latestTitleFrames,
    leastInHandMs: run.leastInHandMs,
    countedAtEnd: counted,
    memory: run.memory,
  };
}

class Soak {
  joins = 0;
  framesChecked = 0;
  titles = 0;
  latestTitleFrames = 0;
  leastInHandMs = Number.POSITIVE_INFINITY;
  readonly problems: string[] = [];
  readonly memory = new Map<string, number[]>();
  readonly #options: SoakOptions;
  readonly #random: () => number;
  /** Frames the source had sent when it set each title. */
  readonly #setAt = new Map<string, number>();

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  async setTitles(source: Streaming, endsAt: number): Promise<void> {
    const { ingestUrl, password } = this.#options.stack;
    const authorization = `Basic ${Buffer.from(`source:${password}`).toString("base64")}`;
    for (let number = 0; Date.now() < endsAt; number++) {
      const text = `노래 ${number} – Söng`;
      this.#setAt.set(text, source.sent.length);
      const query = new URLSearchParams({ mode: "updinfo", mount, song: text });
      const reply = await fetch(`${ingestUrl}/admin/metadata?${query.toString()}`, {
        headers: { authorization },
      });
      if (!reply.ok) this.problems.push(`title refused: ${reply.status}`);
      await sleep(titleEveryMs);
    }
  }

  async keepListening(seat: number, list: FrameList, sampleRate: number, endsAt: number): Promise<void> {
    await sleep(this.#random() * 2_000);
    while (Date.now() < endsAt) {
      const options = { list, frame: { samples: 1_152, sampleRate }, icy: seat % 4 !== 0 };
      const listener = new CheckedListener(this.#options.stack.edgeUrl + mount, options);
      this.joins++;
      // Most stay a while, some only look in.
      const stayMs = this.#random() < 0.3 ? this.#random() * 2_000 : 2_000 + this.#random() * 58_000;
      await sleep(Math.min(stayMs, Math.max(0, endsAt - Date.now())));
      this.#take(seat, listener, list);
    }
  }

  #take(seat: number, listener: CheckedListener, list: FrameList): void {
    for (const problem of listener.close()) this.problems.push(`seat ${seat}: ${problem}`);
    if (listener.ended) this.problems.push(`seat ${seat}: the stream ended`);
    this.framesChecked += listener.check.frames;
    this.leastInHandMs = Math.min(this.leastInHandMs, listener.leastInHandMs);
    // The first title tells what was on when the listener joined; the others changed while it listened.
    for (const { text, afterIndex } of listener.titles.slice(1)) {
      const setAt = this.#setAt.get(text);
      if (setAt === undefined) {
        this.problems.push(`seat ${seat}: a title that was never set: ${text}`);
        continue;
      }
      this.titles++;
      const count = list.frames.length;
      const late = (afterIndex + 1 - (setAt % count) + count) % count;
      this.latestTitleFrames = Math.max(this.latestTitleFrames, late);
    }
  }

  async sampleMemory(endsAt: number): Promise<void> {
    while (Date.now() < endsAt) {
      for (const [name, mebibytes] of memoryOf(this.#options.stack)) {
        const samples = this.memory.get(name) ?? [];
        samples.push(mebibytes);
        this.memory.set(name, samples);
      }
      const memory = [...this.memory].map(([name, samples]) => `${name} ${samples.at(-1)} MiB`).join(", ");
      const left = Math.round((endsAt - Date.now()) / 1000);
      this.#options.progress?.(
        `${left} s left, ${this.joins} joins, ${this.framesChecked} frames checked, ${this.problems.length} problems; ${memory}`,
      );
      await sleep(Math.min(sampleEveryMs, Math.max(1, endsAt - Date.now())));
    }
  }
}

async function countListeners(stack: Stack): Promise<number> {
  const reply = await fetch(`${stack.edgeUrl}/status-json.xsl?mount=${mount}`);
  const status = (await reply.json()) as { icestats: { source?: { listeners: number } } };
  return status.icestats.source?.listeners ?? Number.NaN;
}

/** Resident memory of the station's processes, MiB. */
function memoryOf(stack: Stack): Map<string, number> {
  const parts = new Map([
    [stack.pid, "supervisor"],
    ...(["edge", "ingest", "workerd"] as const).map((part): [number, string] => [
      stack.pidOf(part) ?? 0,
      part,
    ]),
  ]);
  const memory = new Map<string, number>();
  for (const { pid, residentKib } of processTree(stack.pid)) {
    const name = parts.get(pid);
    if (name !== undefined) memory.set(name, Math.round(residentKib / 1024));
  }
  return memory;
}
