import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { AutoDjSettings } from "../../../config/ingest-settings.ts";
import { AutoDjs } from "../../../ingest/autodj/auto-djs.ts";
import { autoDjCredential } from "../../../ingest/autodj/house.ts";
import { openLog } from "../../../ingest/log.ts";
import { SourceEvents } from "../../../ingest/source-events.ts";
import type { SourceLine } from "../../../ingest/source-intake.ts";
import type { SourceSession } from "../../../ingest/source-session.ts";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import { waitFor } from "../../support/wait.ts";
import { type FakeMusic, settingsOf } from "./fake-parts.ts";
import { SimulatedTime } from "./simulated-time.ts";

export const mount = mountPath("/autodj.mp3");
const segmentMs = 2_000;

/** A session that keeps in short what comes: titles, and per push the number of its first frame, or "silence". */
export class FakeSession {
  readonly credential = autoDjCredential(mount);
  readonly gapMs: number | null;
  readonly said: string[] = [];
  hasEnded = false;
  frames = 0;
  silent = 0;

  constructor(gapMs: number | null) {
    this.gapMs = gapMs;
  }

  /** Called with each push, before it counts. */
  onPush: (bytes: Uint8Array) => void = () => undefined;

  push(bytes: Uint8Array): number {
    if (this.hasEnded) throw new Error("it has ended");
    this.onPush(bytes);
    const spans = mp3.indexFrames(bytes);
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(413);
    const isSilence = number === 0;
    if (isSilence) this.silent += spans.length;
    this.frames += spans.length;
    this.said.push(isSilence ? "silence" : `${number - 1}+${spans.length}`);
    return 0;
  }

  setTitle({ text }: { readonly text: string }): void {
    this.said.push(`"${text}"`);
  }

  async end(): Promise<void> {
    this.hasEnded = true;
  }

  /** Titles and the places where the stretches between them began. */
  get outline(): string[] {
    const found: string[] = [];
    for (const [index, word] of this.said.entries()) {
      const before = this.said[index - 1] ?? "";
      if (word.startsWith('"')) found.push(word);
      else if (before.startsWith('"') || (word === "silence") !== (before === "silence"))
        found.push(word.split("+")[0] ?? "");
    }
    return found;
  }
}

const folders: string[] = [];
const running: AutoDjs[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "autodj-"));
  folders.push(folder);
  return folder;
}

export interface Host {
  readonly autodjs: AutoDjs;
  readonly sessions: FakeSession[];
  readonly lines: string[];
  /** What the next claims get instead of a session. */
  readonly refusals: string[];
  /** For how long listeners had nothing, as the next sessions are told; null after that. */
  readonly gaps: number[];
  /** Another source is being let in, or was refused. */
  isEntering: boolean;
  /** Another source takes the mount, and goes. */
  takeOver(): void;
  free(): void;
}

export function open(
  music: FakeMusic,
  {
    time = new SimulatedTime(),
    dataDir = newFolder(),
    settings = settingsOf(),
  }: { time?: SimulatedTime; dataDir?: string; settings?: AutoDjSettings } = {},
): Host {
  const sessions: FakeSession[] = [];
  const lines: string[] = [];
  const refusals: string[] = [];
  const gaps: number[] = [];
  const log = openLog("info", { write: (line) => void lines.push(line) });
  const events = new SourceEvents(log);
  let line: SourceLine | null = null;
  let isTaken = false;
  const current = () => {
    const last = sessions.at(-1);
    return last && !last.hasEnded ? last : null;
  };
  const host = { isEntering: false };
  const autodjs = new AutoDjs({
    intake: {
      admit: async (_, given) => {
        const refusal = refusals.shift();
        if (refusal !== undefined) return refusal as "edge-unavailable";
        await current()?.end();
        line?.destroy();
        line = given;
        const session = new FakeSession(gaps.shift() ?? null);
        sessions.push(session);
        return session as unknown as SourceSession;
      },
    },
    mounts: {
      isHeld: () => isTaken || current() !== null,
      session: () => (isTaken ? null : (current() as unknown as SourceSession)),
      entering: () => (host.isEntering ? "another" : null),
    },
    events,
    codec: mp3,
    parts: music.parts,
    stationName: () => "Station",
    segmentMs: () => segmentMs,
    dataDir,
    userAgent: "test",
    time,
    random: () => 0.5,
    log,
  });
  running.push(autodjs);
  autodjs.change([settings]);
  return Object.assign(host, {
    autodjs,
    sessions,
    lines,
    refusals,
    gaps,
    takeOver() {
      isTaken = true;
      void current()?.end();
      line?.destroy();
    },
    free() {
      isTaken = false;
      const source = { mount } as SourceSession;
      events.emit({ kind: "disconnected", source, reason: "test", atMs: time.wall() });
    },
  });
}

export const first = async (host: Host, index = 0): Promise<FakeSession> =>
  waitFor("a session", () => host.sessions[index]);
export const until = (what: string, is: () => boolean) =>
  waitFor(what, () => (is() ? true : undefined), 20_000);

/** Fast, and yet so slow that a test can step in. */
export function slow(): SimulatedTime {
  const time = new SimulatedTime();
  const wait = time.wait.bind(time);
  time.wait = async (ms, signal) => {
    await new Promise((resolve) => setTimeout(resolve, 4));
    await wait(ms, signal);
  };
  return time;
}
