import { endMs, type LibrarySchedule, type LibraryWindow, startMs } from "../../shared/library-schedule.ts";
import type { LibraryTrack } from "../../shared/library.ts";
import type { LibraryPlay } from "../../shared/library-span.ts";
import { piecesFor, standIns, type StoredPiece, type StoredTrack } from "../../shared/library-stand-ins.ts";
import type { Title } from "../../shared/mount-state.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import { fileSegmentKey } from "../../shared/stored-file.ts";
import { millis, sampleCount, sequence } from "../../shared/units.ts";
import { fileIndexes } from "../file-indexes.ts";
import { fileIndexRetryMs, fileWindowMs, segmentReadTimeoutMs } from "../limits.ts";
import { type Host, loadSegment } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import { Bell } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { Library } from "./library.ts";
import { mostStandIns, nextPlayMs, playsKept } from "./limits.ts";

/** What there is at a moment, and until when. */
interface View extends LibraryWindow {
  readonly play: LibraryPlay | null;
  readonly schedule: LibrarySchedule | null;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Plays that are heard or soon will be, of whose segments nothing is known yet. */
  readonly wanted: readonly LibraryPlay[];
}

/**
 * A library as the listeners of this isolate hear it, at the place that the clock tells: the same frame everywhere. Each play is an
 * epoch of its own. Nothing is asked of anybody but storage, and nothing is written.
 */
export class LibraryStage implements Stage {
  readonly name: string;
  readonly silentMs = 0;
  readonly patienceMs = 0;
  readonly bell = new Bell();
  readonly library: Library;
  /** Of plays, by `nameOf`; empty where there is nothing that can be played. */
  readonly #segments = new Map<string, readonly SegmentRef[]>();
  readonly #stored = new WeakMap<SegmentRef, { readonly key: string; readonly ref: SegmentRef }>();
  #view: View | null = null;
  /** More segments are known than when the view was made. */
  #isStale = true;
  #look: { readonly done: Promise<void>; readonly sinceMs: number } | null = null;
  #lookedMs = 0;

  constructor(name: string) {
    this.name = `the library ${JSON.stringify(name)}`;
    this.library = new Library(name);
  }

  get phase(): "live" | "off" {
    return this.play ? "live" : "off";
  }

  get isCertain(): boolean {
    return this.library.isKnown;
  }

  /** What plays now; null where there is nothing. */
  get play(): LibraryPlay | null {
    return this.#now().play;
  }

  /** What plays after a play; null where that is not known. */
  after(play: LibraryPlay): LibraryPlay | null {
    return this.library.schedule?.after(play) ?? null;
  }

  /** The same array until there is something newer. */
  get window(): readonly SegmentRef[] {
    return this.#now().window;
  }

  get titleBefore(): Title | null {
    return this.#now().titleBefore;
  }

  /** Of what plays now, as far as is known; null where there is nothing. */
  get title(): string | null {
    const { play, window } = this.#now();
    if (!play) return null;
    const heard =
      this.#segments.get(nameOf(play))?.filter((segment) => segment.startMs <= Date.now()) ?? window;
    return (
      heard.findLast(({ epoch, titles }) => epoch === play.epoch && titles.length > 0)?.titles[0]?.text ??
      play.track.title
    );
  }

  get edgeAgeMs(): number {
    return Date.now() - this.#now().edgeAtMs;
  }

  async refresh(host: Host): Promise<void> {
    await this.know(host);
    await this.#load(host);
  }

  attend(host: Host): number {
    if (this.library.isDue) host.keepAlive(this.refresh(host).then(() => this.bell.ring()));
    const { wanted, play, untilMs } = this.#now();
    if (wanted.length > 0 && !this.#isLooking && msSince(this.#lookedMs) >= fileIndexRetryMs) {
      host.keepAlive(this.#load(host).then(() => this.bell.ring()));
    }
    const nextMs = Math.max(1, Math.ceil(untilMs - Date.now()));
    return play && wanted.length === 0 ? nextMs : Math.min(nextMs, fileIndexRetryMs);
  }

  segment(ref: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null> {
    // Slow listeners are never up to date and wait for nothing.
    this.attend(host);
    const stored = this.#stored.get(ref);
    if (!stored) return Promise.resolve(null);
    const loaded = loadSegment(stored.key, stored.ref, host);
    return loaded instanceof Promise
      ? loaded.then(wholeOrNull)
      : (wholeOrNull(loaded) ?? Promise.resolve(null));
  }

  /** Brings up to date what plays when; its segments only `refresh` does. */
  know(host: Host): Promise<void> {
    return this.library.refresh(host);
  }

  get #isLooking(): boolean {
    return this.#look !== null && msSince(this.#look.sinceMs) < segmentReadTimeoutMs;
  }

  /** The segments of what is wanted. One reading of each index, whoever needs it. */
  #load(host: Host): Promise<void> {
    const look = this.#look;
    if (look && this.#isLooking) return look.done;
    const { wanted } = this.#now();
    if (wanted.length === 0) return Promise.resolve();
    const done = Promise.all(wanted.map((play) => this.#loadPlay(play, host))).then(() => {
      this.#lookedMs = Date.now();
      if (this.#look?.done === done) this.#look = null;
    });
    this.#look = { done, sinceMs: Date.now() };
    return done;
  }

  async #loadPlay(play: LibraryPlay, host: Host): Promise<void> {
    const files: StoredTrack[] = [];
    let samples = 0;
    for (const track of [play.track, ...standIns(play, mostStandIns)]) {
      const segments = await fileIndexes.segments(track, host);
      // Whether it is there cannot be told.
      if (segments === undefined) return;
      const isPlayed = track === play.track;
      if (isAsSaid(segments, track, play)) {
        files.push({ track, segments });
        samples += track.samples;
        if (isPlayed || samples >= play.track.samples) break;
      } else if (isPlayed) {
        console.warn("library's track is not in storage as it says", track.id, track.title);
      }
    }
    this.#keep(play, piecesFor(play.track.samples, files));
    this.#isStale = true;
  }

  #keep(play: LibraryPlay, pieces: readonly StoredPiece[]): void {
    const segments: SegmentRef[] = [];
    for (const { track, segments: file, fromSample } of pieces) {
      // One number is left out: what another file begins with does not continue.
      const before = segments.at(-1);
      const first = before ? before.sequence + 2 : 0;
      for (const stored of file) {
        const firstSample = sampleCount(fromSample + stored.firstSample);
        const ref: SegmentRef = {
          ...stored,
          epoch: play.epoch,
          sequence: sequence(first + stored.sequence),
          firstSample,
          startMs: millis(Math.floor(startMs(play) + (firstSample * 1_000) / play.sampleRate)),
          titles: stored.sequence === 0 ? [{ atSample: sampleCount(0), text: track.title }] : [],
        };
        // The title is the play's: another edition may have another for the same bytes, which are kept together.
        this.#stored.set(ref, { key: fileSegmentKey(track.id, stored.sequence), ref: stored });
        segments.push(ref);
      }
    }
    this.#segments.set(nameOf(play), segments);
    for (const oldest of this.#segments.keys()) {
      if (this.#segments.size <= playsKept) break;
      this.#segments.delete(oldest);
    }
  }

  #now(): View {
    const now = Date.now();
    const view = this.#view;
    const isSame = view !== null && !this.#isStale && view.schedule === this.library.schedule;
    if (isSame && now < view.untilMs && now >= view.fromMs) return view;
    this.#isStale = false;
    this.#view = this.#viewAt(now);
    return this.#view;
  }

  #viewAt(now: number): View {
    const { schedule } = this.library;
    const play = schedule?.playAt(now) ?? null;
    if (!schedule || !play) return { ...nothing, schedule, fromMs: now, untilMs: now + fileIndexRetryMs };
    const found = schedule.window(
      millis(now),
      fileWindowMs,
      (each) => this.#segments.get(nameOf(each)) ?? null,
    );
    const plays = schedule.plays(now - fileWindowMs, now);
    const next = endMs(play) - now < nextPlayMs ? schedule.after(play) : null;
    const wanted = [...plays, ...(next ? [next] : [])].filter((each) => !this.#segments.has(nameOf(each)));
    return { ...found, play, schedule, fromMs: now, untilMs: found.nextAtMs, wanted };
  }
}

/** What plays when follows from the edition's word, everywhere: a file that is not so cannot be played. */
function isAsSaid(
  file: readonly SegmentRef[] | null,
  { samples }: LibraryTrack,
  { sampleRate }: LibraryPlay,
): file is readonly SegmentRef[] {
  return (
    file?.every((segment) => segment.sampleRate === sampleRate) === true &&
    file.reduce((sum, segment) => sum + segment.samples, 0) === samples
  );
}

/** A segment of which storage has something else, or a part, would be noise. */
function wholeOrNull(loaded: LoadedSegment | null): LoadedSegment | null {
  if (!loaded || whole.has(loaded)) return loaded;
  const { body, frames, ref } = loaded;
  const end = frames.at(-1);
  const isWhole =
    end !== undefined &&
    end.offset + end.size === body.length &&
    frames.reduce((sum, { samples }) => sum + samples, 0) === ref.samples;
  if (isWhole) whole.add(loaded);
  return isWhole ? loaded : null;
}

/** Looked at once. */
const whole = new WeakSet<LoadedSegment>();

const nothing = {
  play: null,
  window: [],
  titleBefore: null,
  edgeAtMs: Number.NEGATIVE_INFINITY,
  nextAtMs: Number.POSITIVE_INFINITY,
  wanted: [],
};

/** Of one play among all. */
const nameOf = ({ epoch, track }: LibraryPlay): string => `${epoch} ${track.id}`;

const stages = new Map<string, LibraryStage>();

/** This isolate's stage of a library; `name` from the settings. */
export function libraryStageOf(name: string): LibraryStage {
  const known = stages.get(name);
  if (known) return known;
  const stage = new LibraryStage(name);
  stages.set(name, stage);
  return stage;
}
