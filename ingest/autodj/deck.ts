import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import type { FrameSpan } from "../../shared/codec/codec.ts";
import { type Millis, millis } from "../../shared/units.ts";
import { type Log, reasonOf } from "../log.ts";
import type { Time } from "./clock.ts";
import { readAheadMs, stallMs } from "./limits.ts";
import type { Music } from "./music.ts";
import type { ProgrammePick } from "./order/programme.ts";
import { type ReadyTrack, retryMs, type Upcoming } from "./upcoming.ts";
import type { Parts, Reader } from "./parts.ts";
import { playMs } from "./track.ts";

export interface DeckOptions {
  readonly upcoming: Upcoming;
  readonly music: Pick<Music, "refuse">;
  readonly parts: Pick<Parts, "openTrack">;
  readonly time: Time;
  readonly log: Log;
}

/** The track that goes out. */
export interface Playing {
  readonly track: ReadyTrack;
  readonly startedMs: Millis;
  /** Its next frame, counted from the first that plays. */
  readonly frame: number;
}

/** What goes out next: with the first of a track its title is to be set. */
export interface Part {
  /** Absent: nothing new begins. */
  readonly begins?: ReadyTrack;
  readonly bytes: Uint8Array;
  readonly frames: number;
  readonly samples: number;
  readonly sampleRate: number;
}

interface Loaded {
  readonly track: ReadyTrack;
  reader: Reader;
  /** No more of it is wanted. */
  isOver: boolean;
  /** Frame to go on at, in place of where its reader is. */
  seek: number | null;
}

interface Piece {
  readonly of: Loaded;
  readonly bytes: Uint8Array;
  readonly spans: readonly FrameSpan[];
  /** The track's frame that follows its last one. */
  readonly endFrame: number;
  /** Spans that have gone out. */
  taken: number;
}

/**
 * Reads tracks a few seconds ahead, one after the other without a seam, and gives out as many frames as are asked for: at
 * once and without waiting, fewer when there are no more.
 */
export class Deck {
  readonly #options: DeckOptions;
  readonly #pieces: Piece[] = [];
  #playing: { readonly of: Loaded; readonly startedMs: Millis; frame: number } | null = null;
  /** What is being read. */
  #loading: Loaded | null = null;
  /** Whose title was told last. */
  #told: Loaded | null = null;
  /** Something has gone out since it was cued. */
  #isUnderWay = false;
  #room = Promise.withResolvers<void>();
  #ended = Promise.withResolvers<void>();
  #done: Promise<void> | null = null;
  #isLast = false;
  #stopped = false;

  constructor(options: DeckOptions) {
    this.#options = options;
  }

  /** `first`: a track of an earlier process, opened where that was. */
  start(first: ReadyTrack | null): void {
    this.#done ??= this.#run(first).catch((error: unknown) =>
      this.#options.log.error({ err: error }, "the music has ended"),
    );
  }

  get playing(): Playing | null {
    const { of, startedMs, frame } = this.#playing ?? {};
    return of && startedMs !== undefined && frame !== undefined
      ? { track: of.track, startedMs, frame }
      : null;
  }

  /** There is something to go out. */
  get isReady(): boolean {
    return this.#pieces.length > 0;
  }

  /** Audio that has been read, ms. */
  get aheadMs(): number {
    let ms = 0;
    for (const { spans, taken, of } of this.#pieces) {
      const { samplesPerFrame, format } = of.track.plan;
      ms += ((spans.length - taken) * samplesPerFrame * 1000) / format.sampleRate;
    }
    return ms;
  }

  /** When what plays, or will play first, has ended if it goes on from now. */
  get endsMs(): Millis {
    const now = this.#options.time.wall();
    const of = this.#loading ?? this.#playing?.of;
    if (!of) return now;
    const { plan } = of.track;
    const frame = of === this.#playing?.of ? this.#playing.frame : 0;
    const waitingMs = of === this.#playing?.of || !this.#playing ? 0 : this.#leftMs(this.#playing);
    return millis(Math.round(now + waitingMs + (playMs(plan) * (plan.frames - frame)) / plan.frames));
  }

  /** Nothing is begun any more. Resolves when the track that plays now has ended, or been skipped; at once when none does. */
  lastTrack(): Promise<void> {
    this.#isLast = true;
    return this.#playing ? this.#ended.promise : Promise.resolve();
  }

  /** The last track has ended. */
  get isOver(): boolean {
    return this.#isLast && this.#playing === null;
  }

  /** What was taken to be played and has not begun. */
  get waiting(): readonly ProgrammePick[] {
    const loaded = new Set([...this.#pieces.map(({ of }) => of), ...(this.#loading ? [this.#loading] : [])]);
    return [...loaded].filter((of) => of !== this.#playing?.of && !of.isOver).map(({ track }) => track.pick);
  }

  /** Up to `frames` frames. `begins` comes with the first of a track, and again after `cue`. */
  take(frames: number): Part[] {
    const parts: Part[] = [];
    let left = frames;
    for (let piece = this.#pieces[0]; piece && left > 0; piece = this.#pieces[0]) {
      if (this.#isLast && piece.of !== this.#playing?.of) break;
      const count = Math.min(left, piece.spans.length - piece.taken);
      parts.push(this.#cut(piece, count));
      left -= count;
      if (piece.taken === piece.spans.length) this.#pieces.shift();
      this.#endWhenOver(piece.of);
    }
    if (parts.length > 0) this.#makeRoom();
    return parts;
  }

  /**
   * What goes out next follows on nothing: the frame that would come has its primer in front, and its track's title is
   * told again.
   */
  async cue(): Promise<void> {
    this.#told = null;
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    const { of, frame } = this.#playing ?? {};
    if (!of || frame === undefined) return;
    this.#drop(of);
    if (this.#loading !== of) {
      // Its last seconds were read, and it is closed.
      this.#finish();
      return;
    }
    of.seek = frame;
    this.#makeRoom();
    // A file near by is there at once; else it is silent until it is.
    for (let tries = 0; tries < cueTries && of.seek !== null && !of.isOver; tries++) await soon();
  }

  /** Ends the track that plays, or that would go on. Null when there is none. */
  skip(): ReadyTrack | null {
    const of = this.#playing?.of;
    if (!of) return null;
    of.isOver = true;
    this.#drop(of);
    this.#finish();
    this.#makeRoom();
    return of.track;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.upcoming.stop();
    this.#makeRoom();
    this.#ended.resolve();
    await this.#done;
  }

  async #run(first: ReadyTrack | null): Promise<void> {
    const { upcoming } = this.#options;
    for (let track = first ?? (await upcoming.take()); track; track = await upcoming.take()) {
      const loaded: Loaded = { track, reader: track.reader, isOver: this.#stopped, seek: null };
      this.#loading = loaded;
      upcoming.prepare();
      try {
        await this.#load(loaded);
      } catch (error) {
        const reason = reasonOf(error);
        this.#options.music.refuse(track.file, reason, retryMs);
      }
      loaded.isOver = true;
      this.#loading = null;
      // Not awaited: of a disk that hangs it takes as long as that does.
      void loaded.reader.close();
      // Of a track whose last frame has gone out already, nothing more was to come.
      this.#endWhenOver(loaded);
      if (this.#stopped) return;
    }
  }

  async #load(loaded: Loaded): Promise<void> {
    const { parts } = this.#options;
    const { track } = loaded;
    for (;;) {
      if (loaded.seek !== null) {
        void loaded.reader.close();
        const at = loaded.seek;
        const opening = parts.openTrack(track.path, track.plan, at);
        loaded.reader = await inTime(opening, (late) => void late.close());
        if (loaded.seek === at) loaded.seek = null;
        continue;
      }
      if (this.aheadMs >= readAheadMs && !loaded.isOver) await this.#room.promise;
      if (loaded.isOver || this.#stopped) return;
      if (loaded.seek !== null || this.aheadMs >= readAheadMs) continue;
      const read = await inTime(loaded.reader.read());
      // What was read meanwhile is before the place to go on at, or of no use.
      if (loaded.isOver || this.#stopped) return;
      if (loaded.seek !== null) continue;
      if (read === null) return;
      const spans = mp3.indexFrames(read.bytes);
      const last = spans.at(-1);
      if (!last || last.offset + last.size !== read.bytes.length) {
        throw new Error("has bytes that are no frames");
      }
      this.#pieces.push({ of: loaded, bytes: read.bytes, spans, endFrame: loaded.reader.frame, taken: 0 });
    }
  }

  #cut(piece: Piece, count: number): Part {
    const { of, bytes, spans, endFrame } = piece;
    const from = spans[piece.taken]?.offset ?? 0;
    let samples = 0;
    for (let index = 0; index < count; index++) samples += spans[piece.taken + index]?.samples ?? 0;
    piece.taken += count;
    const to = spans[piece.taken]?.offset ?? bytes.length;
    if (this.#playing?.of !== of) {
      this.#playing = { of, startedMs: this.#options.time.wall(), frame: 0 };
    }
    const begins = this.#told !== of && { begins: of.track };
    this.#told = of;
    this.#isUnderWay = true;
    // Primers come before the frames that they are counted with.
    this.#playing.frame = Math.max(this.#playing.frame, endFrame - (spans.length - piece.taken));
    const { sampleRate } = of.track.plan.format;
    return { ...begins, bytes: bytes.subarray(from, to), frames: count, samples, sampleRate };
  }

  /** Its last frame has gone out. */
  #endWhenOver(of: Loaded): void {
    if (this.#playing?.of !== of || this.#loading === of) return;
    if (!this.#pieces.some((piece) => piece.of === of)) this.#finish();
  }

  #finish(): void {
    this.#playing = null;
    this.#ended.resolve();
    this.#ended = Promise.withResolvers();
  }

  #drop(of: Loaded): void {
    const kept = this.#pieces.filter((piece) => piece.of !== of);
    this.#pieces.splice(0, this.#pieces.length, ...kept);
  }

  #makeRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  #leftMs({ of, frame }: { readonly of: Loaded; readonly frame: number }): number {
    const { plan } = of.track;
    return (playMs(plan) * (plan.frames - frame)) / plan.frames;
  }
}

/** Rejects when it takes longer than `stallMs`; `onLate` gets what comes after that. */
async function inTime<T>(work: Promise<T>, onLate: (late: T) => void = () => undefined): Promise<T> {
  const stalled = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    work.then(onLate, () => undefined);
    stalled.reject(new Error("cannot be read: nothing has come for long"));
  }, stallMs).unref();
  try {
    return await Promise.race([work, stalled.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Of 5 ms each. */
const cueTries = 100;

const soon = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 5).unref());
