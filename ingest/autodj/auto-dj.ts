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
import { realTime, type Time } from "./clock.ts";
import { Desk } from "./desk.ts";
import { autoDjCredential, autoDjProtocol } from "./house.ts";
import { firstTrackMs, goodbyeMs, lastTrackMs, retryFirstMs, retryMaxMs, yieldMs } from "./limits.ts";
import { Player } from "./player.ts";
import type { Parts, TrackAnalyser } from "./parts.ts";
import type { AutoDjState } from "./state-file.ts";

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
  readonly #player: Player;

  constructor(options: AutoDjOptions) {
    this.mount = options.mount;
    this.settings = options.settings;
    this.#options = options;
    this.#time = options.host.time ?? realTime;
    this.#log = options.host.log.child({ mount: options.mount });
    this.#credential = autoDjCredential(options.mount);
    const { host, settings, mount } = options;
    this.#player = new Player({ host, settings, mount, time: this.#time, log: this.#log });
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
    return this.#player.silentMs;
  }

  /** Tracks that it began. */
  get tracks(): number {
    return this.#player.tracks;
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
    try {
      await desk.deck.cue();
      const goesOn = () => !this.#isHandedOver && !desk.deck.isOver;
      await this.#player.play(session, desk, { over: over.signal, goesOn });
      // Its last frames are its successor's to follow.
      if (!goesOn()) await untilAborted(over.signal, this.#stopped.signal);
      return { kind: "ended", reason: "the mount is another's" };
    } catch (error) {
      await session.end(reasonOf(error));
      throw error;
    } finally {
      if (!this.#stopped.signal.aborted && !this.#isHandedOver) desk.save();
    }
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

function untilAborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
