import type { FrameSpan } from "../shared/codec/codec.ts";
import { mp3 } from "../shared/codec/mp3/mp3.ts";
import { concatenate } from "../shared/concatenate.ts";
import type { StoredFile } from "../shared/edge-station.ts";
import { formatName, isSameFormat } from "../shared/format-warnings.ts";
import { encodeMetadataBlock, IcyInterleaver } from "../shared/icy.ts";
import { frameAt } from "../shared/playhead.ts";
import { isThere, lowMs, type PlayDecision, Playout } from "../shared/playout.ts";
import { durationMs, type SegmentRef, type TitleMark } from "../shared/segment.ts";
import type { TitleEncoding } from "../shared/title-encoding.ts";
import type { MountPath } from "../shared/units.ts";
import { directoryListing, knownStation } from "./directory.ts";
import { loadStoredSegment } from "./file-stage.ts";
import { firstPieceMs, segmentReadRetryMs, segmentReadTimeoutMs } from "./limits.ts";
import { BufferPool } from "./buffer-pool.ts";
import { clock } from "./isolate-clock.ts";
import { LibraryMount } from "./library/library-mount.ts";
import type { Host } from "./mount-feed.ts";
import { type Programme, programmeOf } from "./programme.ts";
import type { SessionHandle } from "./roster/open-session.ts";
import type { LoadedSegment } from "./segment-cache.ts";
import { settledWithin } from "./settled-within.ts";
import { StuckWatch } from "./stuck-listener.ts";
import { silence } from "./silence.ts";
import { type Bell, Sleeper } from "./sleepers.ts";
import type { Home, Stage } from "./stage.ts";

export interface ListenerWish {
  /** Interval of metadata blocks, bytes; 0 for a listener that did not ask for them. */
  readonly metaint: number;
  /** How titles are written; undefined: UTF-8. */
  readonly encoding?: TitleEncoding | undefined;
  readonly behindMs: number;
  readonly leastBytes: number;
  readonly intro: { readonly file: StoredFile; readonly segments: readonly SegmentRef[] } | null;
  /** The stream ends after so long; undefined: when the mount does. */
  readonly maxMs: number | undefined;
  /** Has the stream ended or moved to another mount, and counts what it sends. */
  readonly session?: SessionHandle | undefined;
}

/**
 * One listener's endless stream: pulls a buffer per segment, whole frames only, a primer wherever playback does not
 * continue from the frame before, metadata blocks at their exact places. Ends when there is nothing left to play.
 *
 * Pull-driven with nothing buffered ahead: the socket asks, so a slow listener holds one segment and no more. `onLeave`
 * is called once, when the listener has gone or the stream has ended.
 */
export function openListenerStream(
  programme: Programme,
  wish: ListenerWish,
  host: Host,
  signal: AbortSignal,
  onLeave: () => void,
): ReadableStream<Uint8Array> {
  const listener = new Listener(programme, wish, host);
  let open = true;
  let ended = false;
  /** By an administrator, from another listener's request: this one has to end by itself. */
  let killed = false;
  const goesOn = (): boolean => open && !killed;
  let end: () => void = () => undefined;
  const watch = new StuckWatch(() => {
    leave();
    end();
  });
  const leave = (): void => {
    if (!open) return;
    open = false;
    watch.stop();
    listener.leave();
    onLeave();
  };
  signal.addEventListener("abort", leave);
  wish.session?.attach({
    end() {
      killed = true;
      listener.wake();
    },
    moveTo: (mount) => listener.moveTo(mount),
    get bytesSent() {
      return listener.bytesSent;
    },
    get skips() {
      return listener.skips;
    },
  });
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        end = () => {
          ended = true;
          controller.close();
        };
      },
      async pull(controller) {
        watch.asked();
        try {
          const bytes = goesOn() ? await listener.next(goesOn) : null;
          if (ended) return;
          if (bytes) {
            watch.given();
            return controller.enqueue(bytes);
          }
        } catch (error) {
          leave();
          throw error;
        }
        leave();
        if (!ended) controller.close();
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

/** Silence while nobody can say what comes next. */
const unsureSilenceMs = 500;

/** Does what the playout decides. */
class Listener {
  #stages: readonly Stage[];
  /** The mount that was asked for, or to which it was moved. */
  #home: Home;
  /** Where an administrator wants it to be. */
  #movesTo: MountPath | null = null;
  readonly #wish: ListenerWish;
  readonly #host: Host;
  readonly #sleeper: Sleeper;
  /** Of the stage that plays and of those that are better. */
  #bells: readonly Bell[] = [];
  readonly #playout: Playout;
  readonly #icy: IcyInterleaver | null;
  /** The segment of the intro that was sent last. */
  #introAt = -2;
  readonly #joinedMs = clock.now();
  /** What was sent last: silence sounds like it. */
  #last: LoadedSegment | null = null;
  #hasBegun = false;
  #silentBytes = 0;
  /** What was handed over last, to be filled again. */
  #buffer: Uint8Array | null = null;
  readonly #take = (size: number): Uint8Array => (this.#buffer = buffers.take(size));

  constructor({ stages, rules, first, home, from }: Programme, wish: ListenerWish, host: Host) {
    this.#stages = stages;
    this.#home = home;
    this.#wish = wish;
    this.#host = host;
    this.#sleeper = new Sleeper(host);
    const { behindMs, leastBytes, intro } = wish;
    this.#playout = new Playout(
      rules,
      first,
      { behindMs, leastBytes, intro: intro?.segments ?? [], from: from?.() },
      clock.now(),
    );
    this.#icy = wish.metaint > 0 ? new IcyInterleaver(wish.metaint) : null;
  }

  get bytesSent(): number {
    return this.#playout.sentBytes + this.#silentBytes;
  }

  get skips(): number {
    return this.#playout.skips;
  }

  /** What it waits for is looked at again. */
  wake(): void {
    this.#sleeper.wake();
  }

  /** From the next buffer on. */
  moveTo(mount: MountPath): void {
    this.#movesTo = mount;
    this.wake();
  }

  /** Nothing is waited for any more. */
  leave(): void {
    this.#sleeper.leave();
  }

  /** The next buffer; null when there is nothing left to play or the listener has gone (`isOpen`). */
  next(isOpen: () => boolean): Promise<Uint8Array | null> {
    return this.#hasBegun ? this.#next(isOpen) : this.#first(isOpen);
  }

  async #first(isOpen: () => boolean): Promise<Uint8Array | null> {
    const bytes = await this.#next(isOpen);
    this.#hasBegun = true;
    return bytes && this.#withSegment(bytes);
  }

  /**
   * A burst may begin with the last frames of a segment. Thousands of others may be served before this listener is again:
   * it gets the next segment along with them.
   */
  #withSegment(bytes: Uint8Array): Uint8Array {
    const now = clock.now();
    if (this.#playout.inHandMs(now) >= firstPieceMs) return bytes;
    const decision = this.#playout.next(now, this.#stages);
    if (decision.kind !== "play") return bytes;
    const found = this.#stages[decision.stage]?.segment(decision.segment, this.#host);
    // One that is being read is left to the next call, which waits for it.
    if (!found || found instanceof Promise) return bytes;
    const more = this.#playLoaded(decision, found);
    return more ? concatenate([bytes, more]) : bytes;
  }

  async #next(isOpen: () => boolean): Promise<Uint8Array | null> {
    // Whoever asks for the next has read the last one: the runtime copies a chunk when it takes it from the stream.
    if (this.#buffer) buffers.give(this.#buffer);
    this.#buffer = null;
    while (isOpen()) {
      const { maxMs } = this.#wish;
      if (maxMs !== undefined && clock.now() - this.#joinedMs >= maxMs) return null;
      if (this.#movesTo !== null) this.#move(this.#movesTo);
      const looking = this.#look();
      const hasLooked = looking instanceof Promise ? await looking : looking;
      const decision = this.#playout.next(clock.now(), this.#stages);
      switch (decision.kind) {
        case "play": {
          const playing = this.#play(decision);
          const bytes = playing instanceof Promise ? await playing : playing;
          if (bytes) return bytes;
          break;
        }
        case "intro": {
          const bytes = await this.#introduce(decision.segment);
          if (bytes) return bytes;
          break;
        }
        case "silence":
          return this.#silence(decision.ms);
        case "wait":
          await this.#wait(decision.ms);
          break;
        case "end":
          // Nobody is sent away because a stage could not be asked.
          if (hasLooked && this.#stages.every(({ isCertain }) => isCertain)) {
            if (!(await this.#isOvertaken())) return null;
            break;
          }
          if (this.#patienceMs() <= 0) return this.#silence(unsureSilenceMs);
          await this.#wait(this.#patienceMs());
          break;
      }
    }
    return null;
  }

  /** Between two buffers: what comes next is spliced to what was sent, as when a fallback plays. */
  #move(mount: MountPath): void {
    this.#movesTo = null;
    const { stages, rules, first, home } = programmeOf(mount, knownStation(this.#host.env));
    this.#stages = stages;
    this.#home = home;
    this.#bells = [];
    this.#playout.moveTo(rules, first);
  }

  /** Settings have another play on its mount than when it came: a library, another one, or a source instead. */
  async #isOvertaken(): Promise<boolean> {
    const { mount } = this.#home;
    const asked = directoryListing(this.#host).catch(() => undefined);
    await settledWithin(asked, this.#patienceMs());
    const { home } = programmeOf(mount, knownStation(this.#host.env));
    if (libraryAt(home) === libraryAt(this.#home)) return false;
    this.#movesTo = mount;
    return true;
  }

  /**
   * Once the stage that plays is gone, what the others have is asked for: nobody else may be listening there. False when
   * some had no answer by the time that what is in hand runs low: it is still on its way.
   */
  #look(): boolean | Promise<boolean> {
    const current = this.#stages[this.#playout.stage];
    if (!current || isThere(current)) return true;
    const looking = Promise.all(this.#stages.map((stage) => stage.refresh(this.#host))).then(() => true);
    return settledWithin(looking, this.#patienceMs()).then((hasLooked) => hasLooked === true);
  }

  /** For news of the stage that plays and of those that are better. */
  #wait(ms: number): Promise<void> {
    const watched = this.#playout.stage + 1;
    if (this.#bells.length !== watched) {
      this.#bells = this.#stages.slice(0, watched).map(({ bell }) => bell);
    }
    const { maxMs } = this.#wish;
    let newsMs = maxMs === undefined ? ms : Math.max(1, Math.min(ms, this.#joinedMs + maxMs - clock.now()));
    for (let index = 0; index < watched; index++) {
      newsMs = Math.min(newsMs, this.#stages[index]?.attend(this.#host) ?? newsMs);
    }
    return this.#sleeper.sleep(newsMs, this.#bells);
  }

  /** At once where the segment is in memory, as it nearly always is: each promise costs as much as a title. */
  #play(decision: PlayDecision): Uint8Array | null | Promise<Uint8Array | null> {
    const stage = this.#stages[decision.stage];
    const found = stage?.segment(decision.segment, this.#host) ?? null;
    if (!(found instanceof Promise)) return this.#playLoaded(decision, found);
    // When nothing is in hand any more: silence, and the same again.
    return settledWithin(found, this.#patienceMs()).then((loaded) =>
      loaded === undefined ? this.#silence(unsureSilenceMs) : this.#playLoaded(decision, loaded),
    );
  }

  #playLoaded(decision: PlayDecision, loaded: LoadedSegment | null): Uint8Array | null {
    const { segment } = decision;
    const stage = this.#stages[decision.stage];
    if (!stage || !loaded) {
      this.#playout.missed(decision);
      return null;
    }
    this.#noteFormat(stage, segment);
    const isWhole = decision.offsetMs === 0;
    const index = isWhole ? 0 : frameAt(loaded.frames, decision.offsetMs, segment.sampleRate);
    const pad = decision.padMs > 0 ? silence(loaded, decision.padMs) : null;
    const bytes = decision.continues
      ? this.#write(loaded, 0)
      : this.#splice(stage, segment, loaded, index, pad?.bytes);
    this.#last = loaded;
    const audioMs =
      (pad?.audioMs ?? 0) +
      durationMs(segment) -
      (isWhole ? 0 : (samplesBefore(loaded.frames, index) * 1000) / segment.sampleRate);
    this.#playout.sent(decision, audioMs, bytes.length, clock.now());
    return bytes;
  }

  #skipIntro(): void {
    this.#playout.skipIntro();
    const title = this.#wish.intro?.file.title ?? "";
    if (missedIntros.has(title) || missedIntros.size > 1_000) return;
    missedIntros.add(title);
    console.warn(`listeners of ${this.#home.name} begin without the intro ${JSON.stringify(title)}`);
  }

  /** For how long something may be waited for unheard. */
  #patienceMs(): number {
    return Math.max(0, this.#playout.inHandMs(clock.now()) - lowMs);
  }

  #silence(ms: number): Uint8Array {
    const { bytes, audioMs } = silence(this.#last, ms);
    this.#playout.sentSilence(audioMs, clock.now());
    const sent = this.#icy?.push(bytes, [], this.#take) ?? bytes;
    this.#silentBytes += sent.length;
    return sent;
  }

  async #introduce(segment: SegmentRef): Promise<Uint8Array | null> {
    const { intro } = this.#wish;
    const found = intro && loadStoredSegment(intro.file, segment, this.#host);
    const patienceMs = Math.min(this.#patienceMs(), segmentReadTimeoutMs);
    const loaded = found instanceof Promise ? await settledWithin(found, patienceMs) : found;
    if (!loaded) {
      // Again while that is unheard; live is worth more than an intro.
      if (this.#patienceMs() > segmentReadRetryMs) await scheduler.wait(segmentReadRetryMs);
      else this.#skipIntro();
      return null;
    }
    this.#last = loaded;
    const primer = this.#introAt === segment.sequence - 1 ? undefined : this.#primerOf(loaded, 0);
    this.#introAt = segment.sequence;
    const bytes = this.#write(loaded, 0, primer);
    this.#playout.sentIntro(durationMs(segment), bytes.length, clock.now());
    return bytes;
  }

  /** From a frame that does not continue what was sent before. */
  #splice(
    stage: Stage,
    segment: SegmentRef,
    loaded: LoadedSegment,
    index: number,
    pad: Uint8Array | undefined,
  ): Uint8Array {
    const primer = this.#primerOf(loaded, index);
    const title = titleAt(stage, segment, samplesBefore(loaded.frames, index));
    this.#icy?.setTitle(encodeMetadataBlock(title ?? { text: "" }, this.#wish.encoding));
    return this.#write(loaded, loaded.frames[index]?.offset ?? 0, pad ? concatenate([pad, primer]) : primer);
  }

  #primerOf({ body, frames, reservoir }: LoadedSegment, index: number): Uint8Array {
    return mp3.primer(body, frames, index, reservoir);
  }

  #write(loaded: LoadedSegment, from: number, first?: Uint8Array): Uint8Array {
    const rest = from === 0 ? loaded.body : loaded.body.subarray(from);
    const before = first?.length ?? 0;
    const audio = first && before > 0 ? concatenate([first, rest]) : rest;
    // All listeners without titles are sent the same bytes: the runtime copies what it takes from a stream.
    if (!this.#icy) return audio;
    const titles = loaded.ref.titles.length === 0 ? [] : loaded.titles(this.#wish.encoding);
    return this.#icy.push(
      audio,
      titles
        .filter(({ offset }) => offset >= from)
        .map(({ offset, block }) => ({ offset: offset - from + before, block })),
      this.#take,
    );
  }

  /** Players are told of a format at the beginning, and some stumble when it changes. */
  #noteFormat(stage: Stage, segment: SegmentRef): void {
    const before = this.#last?.ref;
    if (!before || isSameFormat(before, segment)) return;
    const change = `${formatName(before)} to ${formatName(segment)}`;
    const known = `${stage.name} ${change}`;
    if (formatChanges.has(known) || formatChanges.size > 1_000) return;
    formatChanges.add(known);
    console.warn(`listeners of ${this.#home.name} hear the format change on ${stage.name}: ${change}`);
  }
}

/** Undefined where a source plays. */
const libraryAt = (home: Home): Stage | undefined => (home instanceof LibraryMount ? home.stage : undefined);

/** This isolate's. */
const buffers = new BufferPool();

/** Changes of format that this isolate has logged, and intros that it could not have. */
const formatChanges = new Set<string>();
const missedIntros = new Set<string>();

/** The title in force `atSample` samples into a segment of a stage's window. */
function titleAt(
  { window, titleBefore }: Stage,
  segment: SegmentRef,
  atSample: number,
): Pick<TitleMark, "text" | "url"> | null {
  const own = segment.titles.findLast((title) => title.atSample <= atSample);
  if (own) return own;
  const at = window.findIndex((other) => isSame(other, segment));
  for (const other of window.slice(0, Math.max(at, 0)).toReversed()) {
    const last = other.titles.at(-1);
    if (last) return last;
  }
  return titleBefore;
}

const isSame = (a: SegmentRef, b: SegmentRef): boolean => a.epoch === b.epoch && a.sequence === b.sequence;

function samplesBefore(frames: readonly FrameSpan[], index: number): number {
  let samples = 0;
  for (const frame of frames.slice(0, index)) samples += frame.samples;
  return samples;
}
