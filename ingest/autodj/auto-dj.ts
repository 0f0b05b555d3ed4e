import { setTimeout as sleep } from "node:timers/promises";
import type { AutoDjSettings } from "../../config/ingest-settings.ts";
import type { Codec } from "../../shared/codec/codec.ts";
import type { MountPath } from "../../shared/units.ts";
import { Backoff } from "../backoff.ts";
import { type Log, reasonOf } from "../log.ts";
import type { MountTable } from "../mount-table.ts";
import type { SourceEvents } from "../source-events.ts";
import type { SourceIntake } from "../source-intake.ts";
import type { SourceSession } from "../source-session.ts";
import { PieceSizes, realTime, SampleClock, type Time } from "./clock.ts";
import { Desk } from "./desk.ts";
import { autoDjCredential, autoDjProtocol } from "./house.ts";
import {
  arrivalLookMs,
  arrivalMs,
  behindMs,
  catchUpMs,
  firstTrackMs,
  goodbyeMs,
  lastTrackMs,
  leadMs,
  pieceMs,
  retryFirstMs,
  retryMaxMs,
  saveMs,
  yieldMs,
} from "./limits.ts";
import type { Parts, TrackAnalyser } from "./parts.ts";
import type { AutoDjState } from "./state-file.ts";
import type { ReadyTrack } from "./upcoming.ts";

/** What an AutoDJ needs of the ingest it belongs to. */
export interface AutoDjHost {
  readonly intake: Pick<SourceIntake, "admit">;
  readonly mounts: Pick<MountTable, "isHeld" | "session" | "entering">;
  readonly events: Pick<SourceEvents, "subscribe">;
  readonly codec: Pick<Codec, "contentType">;
  readonly parts: Parts;
  /** Title while there is nothing to play. */
  readonly stationName: () => string;
  readonly segmentMs: () => number;
  readonly dataDir: string;
  readonly userAgent: string;
  readonly time?: Time;
  readonly random?: () => number;
  readonly log: Log;
}

export interface AutoDjOptions {
  readonly mount: MountPath;
  readonly settings: AutoDjSettings;
  readonly host: AutoDjHost;
  readonly analyser: TrackAnalyser;
  /** Of the one before it, whose place it takes; absent: what was kept. */
  readonly state?: AutoDjState;
}

/** How an attempt ended: it was on air; somebody else has the mount; it could not be had. */
type Outcome = { readonly kind: "ended" | "failed"; readonly reason: string } | { readonly kind: "held" };

/**
 * One AutoDJ, from when it is set up until it is taken away: the source of its mount whenever no other is. A source that
 * comes takes the mount from it at once; when that one has gone it goes on where it was.
 */
export class AutoDj {
  readonly mount: MountPath;
  readonly settings: AutoDjSettings;
  readonly #options: AutoDjOptions;
  readonly #time: Time;
  readonly #log: Log;
  readonly #credential: string;
  readonly #stopped = new AbortController();
  #opened: Promise<Desk | null> | null = null;
  #desk: Desk | null = null;
  #done: Promise<void> | null = null;
  #session: SourceSession | null = null;
  /** Ends what is on air; of the time now. */
  #over = new AbortController();
  /** Another one takes its place: nothing more goes out, and the mount is left to be taken. */
  #isHandedOver = false;
  #isToldIdle = false;
  #savedMs = 0;
  /** Silence in place of music so far, samples and their rate. */
  #silentMs = 0;
  #tracks = 0;

  constructor(options: AutoDjOptions) {
    this.mount = options.mount;
    this.settings = options.settings;
    this.#options = options;
    this.#time = options.host.time ?? realTime;
    this.#log = options.host.log.child({ mount: options.mount });
    this.#credential = autoDjCredential(options.mount);
  }

  /** Null until its music has been looked at for the first time. */
  get desk(): Desk | null {
    return this.#desk;
  }

  get isOnAir(): boolean {
    return this.#session !== null;
  }

  /** Silence that went out because nothing was ready to play, ms. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Tracks that it began. */
  get tracks(): number {
    return this.#tracks;
  }

  /**
   * Reads its music; resolves when its first track is ready, or there is none, or that takes long. False when it cannot
   * begin at all.
   */
  async open(): Promise<boolean> {
    const { host, state, ...rest } = this.#options;
    const { dataDir, parts, random = Math.random } = host;
    const given = { ...rest, dataDir, parts, random, time: this.#time, log: this.#log };
    this.#opened ??= Desk.open(state === undefined ? given : { ...given, state }).then(
      async (desk) => {
        if (this.#stopped.signal.aborted) {
          await desk.close(false);
          return null;
        }
        this.#desk = desk;
        return desk;
      },
      (error: unknown) => {
        this.#log.error({ err: error }, "an AutoDJ cannot begin");
        return null;
      },
    );
    const desk = await this.#opened;
    if (!desk) return false;
    const untilMs = performance.now() + firstTrackMs;
    const isUndecided = () => !desk.deck.isReady && !desk.isIdle && !this.#stopped.signal.aborted;
    while (isUndecided() && performance.now() < untilMs) await sleep(20, undefined, { ref: false });
    return true;
  }

  start(): void {
    this.#done ??= this.#run().catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) this.#log.error({ err: error }, "an AutoDJ failed");
    });
  }

  /** For good. Where it was is kept. */
  async stop(reason: string): Promise<void> {
    const session = this.#session;
    this.#stopped.abort();
    this.#over.abort();
    // Its last frames go out before the state says so.
    const ended = session?.end(reason);
    // What was only opened, to take another's place, leaves that one's state alone.
    const closed = this.#desk?.close(this.#done !== null && !this.#isHandedOver);
    const all = Promise.all([closed, this.#done]);
    // Of a disk that hangs nothing is awaited.
    await Promise.race([all, sleep(goodbyeMs, undefined, { ref: false })]);
    await ended;
  }

  /**
   * Plays the present track to its end and nothing after it. The mount is left to another, who takes it; `stop` is still to be
   * called.
   */
  async handOver(): Promise<void> {
    const desk = this.#desk;
    if (desk && this.#session) {
      const { signal } = this.#over;
      const lost = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
      const patience = sleep(lastTrackMs, undefined, { ref: false });
      await Promise.race([desk.deck.lastTrack(), lost, patience]);
    }
    this.#isHandedOver = true;
  }

  async #run(): Promise<void> {
    await this.open();
    const desk = this.#desk;
    if (!desk) return;
    const { events, mounts } = this.#options.host;
    const { signal } = this.#stopped;
    const backoff = new Backoff({ retryFirstMs, retryMaxMs });
    while (!signal.aborted && !this.#isHandedOver) {
      const look = new AbortController();
      const stop = () => look.abort();
      signal.addEventListener("abort", stop, { once: true });
      // Whoever has the mount may go while it is asked for.
      const unsubscribe = events.subscribe(({ kind, source }) => {
        if (kind === "disconnected" && source.mount === this.mount && source !== this.#session) look.abort();
      });
      const outcome = await this.#attempt(desk).catch((error: unknown): Outcome => {
        this.#log.error({ err: error }, "an AutoDJ's session failed");
        return { kind: "failed", reason: reasonOf(error) };
      });
      this.#session = null;
      if (outcome.kind === "ended") backoff.succeed();
      if (outcome.kind === "failed" && backoff.failures === 0)
        this.#log.warn({ reason: outcome.reason }, "an AutoDJ cannot have its mount, trying on");
      if (outcome.kind === "failed") backoff.fail(performance.now());
      const isHeld = outcome.kind === "held" || mounts.isHeld(this.mount);
      const waitMs = isHeld
        ? yieldMs
        : outcome.kind === "ended"
          ? retryFirstMs
          : backoff.retryAtMs - performance.now();
      await sleep(Math.max(0, waitMs), undefined, { signal: look.signal, ref: false }).catch(() => undefined);
      unsubscribe();
      signal.removeEventListener("abort", stop);
    }
  }

  async #attempt(desk: Desk): Promise<Outcome> {
    const { intake, mounts } = this.#options.host;
    const { mount } = this;
    // Not from a source. Its own earlier self, whose settings were others, it relieves.
    const holder = mounts.session(mount)?.credential;
    if (mounts.entering(mount) !== null || (mounts.isHeld(mount) && holder !== this.#credential))
      return { kind: "held" };
    const over = new AbortController();
    this.#over = over;
    const line = { close: () => over.abort(), destroy: () => over.abort() };
    const login = { credential: this.#credential, user: null, tenure: null };
    const session = await intake.admit({ mount, login, info: this.#info(desk) }, line);
    if (session === "too-many-sources" || session === "edge-unavailable")
      return { kind: "failed", reason: session };
    if (typeof session === "string") return { kind: "held" };
    if (this.#stopped.signal.aborted) {
      await session.end("the AutoDJ was taken away");
      return { kind: "ended", reason: "stopped" };
    }
    this.#session = session;
    this.#isToldIdle = false;
    try {
      await desk.deck.cue();
      await this.#play(session, desk, over.signal);
      return { kind: "ended", reason: "the mount is another's" };
    } catch (error) {
      await session.end(reasonOf(error));
      throw error;
    } finally {
      if (!this.#stopped.signal.aborted && !this.#isHandedOver) desk.save();
    }
  }

  /** Frames in real time until the mount is lost. */
  async #play(session: SourceSession, desk: Desk, over: AbortSignal): Promise<void> {
    const time = this.#time;
    const segmentMs = this.#options.host.segmentMs();
    const sizesOf = (format: Desk["format"]) => new PieceSizes({ segmentMs, pieceMs, ...format });
    let { format } = desk;
    let sizes = sizesOf(format);
    const clock = new SampleClock(time.now() - aheadMsAfter(session.gapMs));
    const goesOn = () => !this.#isHandedOver && !desk.deck.isOver;
    while (!over.aborted && !session.hasEnded && goesOn()) {
      const lateMs = time.now() - clock.dueMs;
      if (lateMs < 0) {
        await time.wait(Math.ceil(-lateMs), over);
        continue;
      }
      // Behind what was published for its sake nobody would hear it.
      if (lateMs < arrivalMs && this.#options.host.mounts.entering(this.mount) !== null) {
        await time.wait(arrivalLookMs, over);
        continue;
      }
      if (lateMs > behindMs) {
        this.#log.warn({ lateMs: Math.round(lateMs) }, "an AutoDJ was not let play for a while");
        clock.restart(time.now() - leadMs);
      }
      if (desk.format !== format) sizes = sizesOf((format = desk.format));
      this.#push(session, desk, { frames: sizes.next(), clock });
    }
    if (!goesOn()) await untilAborted(over, this.#stopped.signal);
  }

  #push(
    session: SourceSession,
    desk: Desk,
    { frames, clock }: { readonly frames: number; readonly clock: SampleClock },
  ): void {
    let left = frames;
    let begun = false;
    for (const part of desk.deck.take(frames)) {
      if (part.begins) this.#begin(session, part.begins);
      begun ||= part.begins !== undefined;
      session.push(part.bytes);
      clock.add(part.samples, part.sampleRate);
      left -= part.frames;
    }
    // Behind its last track comes its successor's first.
    if (left > 0 && !desk.deck.isOver) {
      const { silence, samplesPerFrame, sampleRate } = desk.format;
      if (desk.isIdle) this.#tellIdle(session);
      session.push(repeated(silence, left));
      clock.add(left * samplesPerFrame, sampleRate);
      this.#silentMs += (left * samplesPerFrame * 1000) / sampleRate;
    }
    const now = performance.now();
    if (!begun && now - this.#savedMs < saveMs) return;
    this.#savedMs = now;
    desk.save();
  }

  #begin(session: SourceSession, { pick, file, plan }: ReadyTrack): void {
    this.#tracks++;
    if (this.#isToldIdle) this.#log.info("there is music again");
    this.#isToldIdle = false;
    this.#log.info({ file: file.name, kind: pick.kind, rotation: pick.rotation }, "the AutoDJ plays");
    session.setTitle({ text: plan.title });
  }

  #tellIdle(session: SourceSession): void {
    if (this.#isToldIdle) return;
    this.#isToldIdle = true;
    const shown = [...this.settings.rotations, ...this.settings.jingles].flatMap(({ places }) =>
      places.map((place) => place.shown),
    );
    this.#log.warn({ music: shown }, "an AutoDJ has nothing to play: it is silent until there is music");
    session.setTitle({ text: this.settings.info.name ?? this.#options.host.stationName() });
  }

  #info(desk: Desk) {
    const { codec, userAgent } = this.#options.host;
    const { sampleRate, channels } = desk.format;
    return {
      ...this.settings.info,
      audioInfo: `ice-samplerate=${sampleRate};ice-channels=${channels}`,
      contentType: codec.contentType,
      userAgent,
      ip: "127.0.0.1",
      protocol: autoDjProtocol,
    };
  }
}

/**
 * How far ahead of its time a stream begins. Those who listened to the source before get what they missed, and no more: it would
 * be so much more with each source that comes and goes.
 */
function aheadMsAfter(gapMs: number | null): number {
  if (gapMs === null) return leadMs;
  return gapMs <= catchUpMs ? gapMs : 0;
}

function repeated(frame: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(frame.length * count);
  for (let index = 0; index < count; index++) bytes.set(frame, index * frame.length);
  return bytes;
}

function untilAborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
