import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AutoDjSettings } from "../../config/ingest-settings.ts";
import { type PlainFormat, plainFormat } from "../../shared/codec/mp3/plain-format.ts";
import { type Millis, millis, type MountPath } from "../../shared/units.ts";
import { type Log, reasonOf } from "../log.ts";
import type { Time } from "./clock.ts";
import { Deck } from "./deck.ts";
import { usualFormat, voteFormat } from "./format-vote.ts";
import { firstTrackMs } from "./limits.ts";
import { Music } from "./music.ts";
import { type Enqueued, Programme, type ProgrammePick } from "./order/programme.ts";
import type { Mp3Format, Parts, TrackAnalyser } from "./parts.ts";
import { Preparation } from "./preparation.ts";
import { type AutoDjState, StateFile } from "./state-file.ts";
import { playMs, type TrackFile, type TrackPlan } from "./track.ts";
import { type ReadyTrack, Upcoming } from "./upcoming.ts";

export interface DeskOptions {
  readonly mount: MountPath;
  readonly settings: AutoDjSettings;
  readonly dataDir: string;
  readonly parts: Parts;
  readonly analyser: TrackAnalyser;
  readonly time: Time;
  readonly random: () => number;
  /** To go on from; absent: what was kept. */
  readonly state?: AutoDjState;
  readonly log: Log;
}

/** A track as commands tell of it; what is null is not known yet. */
export interface TrackTold {
  readonly id: string;
  readonly file: string;
  readonly kind: ProgrammePick["kind"] | null;
  readonly rotation: string | null;
  readonly title: string | null;
  readonly durationMs: number | null;
}

export interface TrackPlaying extends TrackTold {
  readonly startedMs: Millis;
  readonly positionMs: number;
}

/** What an AutoDJ plays, and where it is in it: everything but the mount. */
export class Desk {
  readonly deck: Deck;
  readonly music: Music;
  readonly #options: DeskOptions;
  readonly #programme: Programme;
  readonly #upcoming: Upcoming;
  readonly #file: StateFile;
  /** To go on from. */
  readonly #given: AutoDjState | null;
  #preparation: Preparation | null = null;
  #format: Mp3Format & PlainFormat;
  #isRead = false;
  readonly #stopped = new AbortController();

  /** `state`: of `DeskOptions`, or what was kept. */
  private constructor(options: DeskOptions, file: StateFile, state: AutoDjState | null) {
    this.#options = options;
    this.#file = file;
    this.#given = state;
    const { settings, parts, random, log } = options;
    this.#format = withPlain(settings.format ?? state?.mp3 ?? usualFormat);
    this.#programme = new Programme(settings, random, state?.programme);
    this.music = new Music({ settings, parts, programme: this.#programme, log });
    this.#upcoming = new Upcoming({
      programme: this.#programme,
      music: this.music,
      prepare: async (pick, track, signal) =>
        (await this.#preparation?.prepare({ pick, file: track }, signal)) ?? null,
      foresee: (track) => void options.analyser.analyse(track, this.#stopped.signal).catch(() => undefined),
      beginsMs: () => this.deck.endsMs,
      log,
    });
    this.deck = new Deck({ ...options, upcoming: this.#upcoming, music: this.music });
  }

  /**
   * Resolves when its places have been read and the first track is being prepared, or when reading takes long: a library on a disk
   * that is slow, or hangs, is a silent one until then.
   */
  static async open(options: DeskOptions): Promise<Desk> {
    const { mount, dataDir, log } = options;
    const file = new StateFile({ folder: join(dataDir, "autodj"), mount, log });
    const state = options.state ?? (await file.load());
    const desk = new Desk(options, file, state);
    const starting = desk.#start();
    const patience = sleep(firstTrackMs, "slow", { ref: false });
    if ((await Promise.race([starting, patience])) !== "slow") return desk;
    log.warn("the music takes long to be read");
    void starting.catch((error: unknown) => log.error({ err: error }, "the music cannot begin"));
    return desk;
  }

  /** The mount's. May change until its music has been read. */
  get format(): Mp3Format & PlainFormat {
    return this.#format;
  }

  /** Its places have been read. */
  get isRead(): boolean {
    return this.#isRead;
  }

  get isIdle(): boolean {
    return !this.#isRead || (this.#upcoming.isIdle && this.deck.playing === null);
  }

  get state(): AutoDjState {
    if (!this.#isRead && this.#given) return this.#given;
    const { playing, waiting } = this.deck;
    const { sampleRate, channels } = this.format;
    return {
      format: 1,
      programme: this.#programme.state,
      playing: playing && {
        ...playing.track.pick,
        version: playing.track.file.version,
        frame: playing.frame,
      },
      ahead: [...waiting, ...this.#upcoming.picks].slice(0, 16),
      mp3: { sampleRate, channels },
    };
  }

  /** Writes down where it is. */
  save(): void {
    if (this.#isRead) this.#file.save(this.state);
  }

  get playing(): TrackPlaying | null {
    const { playing } = this.deck;
    if (!playing) return null;
    const { track, startedMs, frame } = playing;
    const positionMs = (frame * track.plan.samplesPerFrame * 1000) / track.plan.format.sampleRate;
    return { ...toldOf(track.pick, track.file, track.plan), startedMs, positionMs };
  }

  /** What comes next, as far as nothing changes. */
  next(count: number): readonly TrackTold[] {
    const { waiting } = this.deck;
    const picked = [...waiting, ...this.#upcoming.picks];
    const length = (pick: ProgrammePick): number => this.#durationMs(pick.id) ?? usualTrackMs;
    let at: number = this.deck.endsMs;
    for (const pick of this.#upcoming.picks) at += length(pick);
    const more = this.#programme.peek(millis(Math.round(at)), Math.max(0, count - picked.length), length);
    return [...picked, ...more].slice(0, count).flatMap((pick) => this.#tell(pick.id, pick));
  }

  /** Requests that wait, the next one first: the one that is being prepared already is among them. */
  get queue(): readonly TrackTold[] {
    const ids = [...this.#begun, ...this.#programme.queue];
    return ids.flatMap((id) => this.#tell(id, { id, kind: "request", rotation: null }));
  }

  /** Requests that are being prepared, or are about to play. */
  get #begun(): readonly string[] {
    const picks = [...this.deck.waiting, ...this.#upcoming.picks];
    return picks.filter(({ kind }) => kind === "request").map(({ id }) => id);
  }

  /** "waiting" is also what plays next in any case. */
  enqueue(file: TrackFile): Enqueued {
    const isNext = this.deck.waiting.some(({ id }) => id === file.id);
    if (isNext || this.#begun.includes(file.id)) return "waiting";
    const enqueued = this.#programme.enqueue(file.id);
    if (enqueued === "queued") this.#upcoming.requested();
    this.save();
    return enqueued;
  }

  /** Takes all requests back, or those for one file. Says how many. */
  unqueue(id?: string): number {
    const before = this.queue.length;
    if (id === undefined) this.#programme.clear();
    else this.#programme.removeFromQueue(id);
    this.#upcoming.takeBack(id);
    this.save();
    return before - this.queue.length;
  }

  /** Requests that wait with another desk, in place of its own: those that came while this one was opened are among them. */
  takeRequests(other: Desk): void {
    const wanted = [...other.#begun, ...other.#programme.queue];
    for (const id of this.#begun) if (!wanted.includes(id)) this.#upcoming.takeBack(id);
    this.#programme.clear();
    for (const id of wanted) if (!this.#begun.includes(id)) this.#programme.enqueue(id);
    this.#upcoming.requested();
  }

  async search(text: string): Promise<readonly TrackFile[]> {
    return this.music.search(text, (file) => this.#planOf(file)?.title);
  }

  tell(file: TrackFile): TrackTold {
    return toldOf({ id: file.id, kind: null, rotation: null }, file, this.#planOf(file));
  }

  /** Where it is has been written down when this resolves, or cannot be. `keep`: whoever goes on writes it. */
  async close(keep = true): Promise<void> {
    if (keep) this.save();
    this.#stopped.abort();
    await Promise.all([this.deck.stop(), this.music.stop(), this.#file.saved()]);
  }

  async #start(): Promise<void> {
    const { settings, parts, analyser } = this.#options;
    const state = this.#given;
    await this.music.start();
    const format = settings.format ?? (await voteFormat([...this.music.files], analyser, state?.mp3 ?? null));
    this.#format = withPlain(format);
    this.#preparation = new Preparation({
      settings,
      music: this.music,
      analyser,
      parts,
      format: this.#format,
    });
    this.#upcoming.restore(state?.ahead ?? []);
    const first = await this.#resumedSoon();
    if (this.#stopped.signal.aborted) return void first?.reader.close();
    this.#isRead = true;
    this.deck.start(first);
  }

  /** Others play first where it takes long. */
  async #resumedSoon(): Promise<ReadyTrack | null> {
    const over = new AbortController();
    const resuming = this.#resumed(AbortSignal.any([over.signal, this.#stopped.signal]));
    const late = sleep(firstTrackMs, "late" as const, { ref: false });
    const first = await Promise.race([resuming, late]);
    if (first !== "late") return first;
    over.abort();
    void resuming.then((track) => track?.reader.close());
    return null;
  }

  /** What played when the state was kept, where it was; null when that is not there as it was. */
  async #resumed(signal: AbortSignal): Promise<ReadyTrack | null> {
    const { playing } = this.#given ?? {};
    const file = playing && this.music.find(playing.id);
    if (!file || file.version !== playing.version) return null;
    const { id, kind, rotation, frame } = playing;
    try {
      const given = { pick: { id, kind, rotation }, file, frame };
      return (await this.#preparation?.prepare(given, signal)) ?? null;
    } catch (error) {
      this.#options.log.warn({ file: file.name, reason: reasonOf(error) }, "a track could not be resumed");
      return null;
    }
  }

  #tell(
    id: string,
    pick: { readonly id: string; readonly kind: ProgrammePick["kind"]; readonly rotation: string | null },
  ): TrackTold[] {
    const file = this.music.find(id);
    return file ? [toldOf(pick, file, this.#planOf(file))] : [];
  }

  #durationMs(id: string): number | null {
    const file = this.music.find(id);
    const plan = file && this.#planOf(file);
    return plan ? playMs(plan) : null;
  }

  #planOf(file: TrackFile): TrackPlan | null {
    const analysis = this.#options.analyser.known(file);
    return analysis?.kind === "plays" ? analysis.plan : null;
  }
}

const withPlain = (format: Mp3Format): Mp3Format & PlainFormat => ({
  ...format,
  ...plainFormat(format, format.channels === 1 ? 64 : 128),
});

/** Of a track that nobody has looked at yet, ms. */
const usualTrackMs = 240_000;

const toldOf = (
  { id, kind, rotation }: Pick<TrackTold, "id" | "kind" | "rotation">,
  file: TrackFile,
  plan: TrackPlan | null,
): TrackTold => ({
  id,
  file: file.name,
  kind,
  rotation,
  title: plan?.title ?? file.listedTitle ?? null,
  durationMs: plan ? playMs(plan) : null,
});
