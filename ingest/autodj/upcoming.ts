import { type Millis, millis } from "../../shared/units.ts";
import { type Log, reasonOf } from "../log.ts";
import { realTime } from "./clock.ts";
import { idleLookMs, patienceMs, slowTracks } from "./limits.ts";
import type { Music } from "./music.ts";
import type { Programme, ProgrammePick } from "./order/programme.ts";
import type { Reader } from "./parts.ts";
import type { TrackFile, TrackPlan } from "./track.ts";

/** A track that can be played. */
export interface ReadyTrack {
  readonly pick: ProgrammePick;
  readonly file: TrackFile;
  readonly path: string;
  readonly plan: TrackPlan;
  readonly reader: Reader;
}

export interface UpcomingOptions {
  readonly programme: Programme;
  readonly music: Music;
  /** Finds out what of it plays, and opens it. Null when it does not; the programme then knows. Rejects when aborted. */
  readonly prepare: (pick: ProgrammePick, file: TrackFile, signal: AbortSignal) => Promise<ReadyTrack | null>;
  /** Makes it probable that a track is ready when it is picked later. */
  readonly foresee: (file: TrackFile) => void;
  /** When the next track will begin. */
  readonly beginsMs: () => Millis;
  readonly log: Log;
}

/** A track that was picked, from its preparation until it is taken. */
interface Coming {
  readonly pick: ProgrammePick;
  readonly file: TrackFile;
  readonly abort: AbortController;
  track: ReadyTrack | null;
  /** It cannot be played. */
  isOut: boolean;
  done: Promise<void>;
}

/**
 * What plays next, picked and opened while something else plays. A request that comes meanwhile goes before what was picked.
 * One that takes long to be ready while nothing plays holds nobody up: it comes when it is ready.
 */
export class Upcoming {
  readonly #options: UpcomingOptions;
  /** In order of play. */
  readonly #coming: Coming[] = [];
  readonly #slow = new Set<Coming>();
  readonly #stopped = new AbortController();
  /** Ends what is being waited for. */
  #news: () => void = () => undefined;
  #isIdle = false;

  constructor(options: UpcomingOptions) {
    this.#options = options;
    options.music.onChange(() => this.#look());
  }

  /** Nothing is playable. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** What was picked and is not taken, in order of play. */
  get picks(): readonly ProgrammePick[] {
    return [...this.#coming, ...this.#slow].map(({ pick }) => pick);
  }

  /** What of it is known. */
  get tracks(): readonly { readonly pick: ProgrammePick; readonly plan: TrackPlan | null }[] {
    return this.#coming.map(({ pick, track }) => ({ pick, plan: track?.plan ?? null }));
  }

  /** Picks of an earlier process, which its programme has counted. */
  restore(picks: readonly ProgrammePick[]): void {
    for (const pick of picks) {
      const coming = this.#begin(pick);
      if (coming) this.#coming.push(coming);
    }
  }

  /** Begins to prepare the next track, if that has not begun. */
  prepare(): void {
    if (this.#stopped.signal.aborted) return;
    this.#letRequestsIn();
    if (this.#coming.length > 0) return;
    const { programme, beginsMs } = this.#options;
    const pick = programme.next(beginsMs());
    // That one is being prepared, for long already.
    if (pick === null || [...this.#slow].some(({ file }) => file.id === pick.id)) return;
    const coming = this.#begin(pick);
    if (coming) this.#coming.push(coming);
  }

  /** A request has come, or gone. */
  requested(): void {
    this.#letRequestsIn();
    this.#tell();
  }

  /** A request that was picked already is not played, or none of them. The programme counts it as played. */
  takeBack(id?: string): void {
    for (const coming of [...this.#coming, ...this.#slow]) {
      if (coming.pick.kind === "request" && (id === undefined || coming.pick.id === id)) this.#remove(coming);
    }
    this.#tell();
  }

  /** The next track as soon as one is ready; null at the end of it all. What is taken is the caller's to close. */
  async take(): Promise<ReadyTrack | null> {
    const { signal } = this.#stopped;
    const sinceMs = realTime.now();
    while (!signal.aborted) {
      this.prepare();
      const [next] = this.#coming;
      this.#isIdle = next === undefined && this.#slow.size === 0;
      if (next === undefined) {
        await this.#wait(idleLookMs);
        continue;
      }
      const leftMs = sinceMs + patienceMs - realTime.now();
      const mayWait = leftMs > 0 || this.#slow.size >= slowTracks;
      if (mayWait && !next.isOut && !next.track) await this.#wait(Math.max(leftMs, idleLookMs));
      if (this.#coming[0] !== next) continue;
      if (next.isOut) this.#coming.shift();
      else if (next.track) {
        this.#coming.shift();
        return next.track;
      } else if (!mayWait) this.#putAside(next);
    }
    return null;
  }

  stop(): void {
    this.#stopped.abort();
    for (const coming of [...this.#coming.splice(0), ...this.#slow]) drop(coming);
    this.#slow.clear();
    this.#tell();
  }

  /** It is played when it is ready, whenever that is. */
  #putAside(coming: Coming): void {
    this.#options.log.info({ file: coming.file.name }, "a track takes long to be ready, others play first");
    this.#coming.splice(this.#coming.indexOf(coming), 1);
    this.#slow.add(coming);
    void coming.done.then(() => {
      if (!this.#slow.delete(coming) || coming.isOut) return;
      this.#coming.unshift(coming);
      this.#tell();
    });
  }

  /** Before the tracks that were picked, behind the jingle that may go before a request. One that was picked is not played twice. */
  #letRequestsIn(): void {
    const { programme, beginsMs } = this.#options;
    const at = this.#coming.findIndex(({ pick }) => pick.kind === "track");
    if (at < 0 || programme.queue.length === 0) return;
    if (this.#coming.some(({ pick }) => pick.kind === "request")) return;
    const later = this.#coming.slice(at);
    const picks = programme.nextRequest(
      later.map(({ pick }) => pick),
      beginsMs(),
    );
    const request = picks.find(({ kind }) => kind === "request");
    for (const coming of later) if (coming.pick.id === request?.id) this.#remove(coming);
    const coming = picks.map((pick) => this.#begin(pick)).filter((each) => each !== null);
    this.#coming.splice(at, 0, ...coming);
  }

  #begin(pick: ProgrammePick): Coming | null {
    const { music, prepare, log } = this.#options;
    const file = music.find(pick.id);
    if (!file || this.#stopped.signal.aborted) return null;
    const abort = new AbortController();
    const coming: Coming = { pick, file, abort, track: null, isOut: false, done: Promise.resolve() };
    coming.done = prepare(pick, file, abort.signal)
      .then((track) => {
        if (abort.signal.aborted) void track?.reader.close();
        else coming.track = track;
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted)
          log.error({ file: file.name, err: error }, "a track could not be prepared");
        if (!abort.signal.aborted) music.refuse(file, `could not be prepared: ${reasonOf(error)}`, retryMs);
      })
      .then(() => {
        coming.isOut = coming.track === null;
        if (!coming.isOut) this.#foresee();
        this.#tell();
      });
    return coming;
  }

  #foresee(): void {
    const { programme, music, foresee, beginsMs } = this.#options;
    const [pick] = this.#coming.length > 1 ? [] : programme.peek(millis(beginsMs()), 1);
    const file = pick && music.find(pick.id);
    if (file) foresee(file);
  }

  /** What was picked and has gone, or is another file now, is not played. */
  #look(): void {
    const { music } = this.#options;
    for (const coming of [...this.#coming, ...this.#slow]) {
      if (music.find(coming.file.id)?.version === coming.file.version) continue;
      this.#remove(coming);
    }
    this.#tell();
  }

  #remove(coming: Coming): void {
    this.#slow.delete(coming);
    const at = this.#coming.indexOf(coming);
    if (at >= 0) this.#coming.splice(at, 1);
    drop(coming);
  }

  #tell(): void {
    this.#news();
  }

  /** Until there is news, or for so long. Of a promise that may never settle nothing is asked time and again: it would remember each. */
  async #wait(ms: number): Promise<void> {
    const over = new AbortController();
    this.#news = () => over.abort();
    await realTime.wait(ms, over.signal);
  }
}

/** What failed for a reason that need not be the file's is tried again after this time, ms. */
export const retryMs = 60_000;

function drop(coming: Coming): void {
  coming.abort.abort();
  coming.isOut = true;
  void coming.track?.reader.close();
}
