import type { Codec, Frame, FrameParser, FrameParserCounts } from "../shared/codec/codec.ts";
import type { Segment } from "../shared/segment.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import { SegmentTarget } from "../shared/segment-target.ts";
import { Segmenter } from "../shared/segmenter.ts";
import { Pacer } from "../shared/source/pacer.ts";
import { StallWatch } from "../shared/source/stall-watch.ts";
import { sanitiseTitle } from "../shared/title.ts";
import { type Epoch, type MountPath, millis } from "../shared/units.ts";
import type { DjTenure } from "./access/dj-tenure.ts";
import type { FrameSink } from "./dump/dumps.ts";
import {
  bytesWithoutFrame,
  firstFrameMs,
  maxAheadMs,
  releaseAfterMs,
  renewMs,
  slowestTagBytesPerMs,
  stallAheadSegments,
  stuckMs,
  titleUrlLength,
} from "./limits.ts";
import type { Log } from "./log.ts";
import { MountHold, type MountHolder } from "./mount-hold.ts";
import type { Reservation } from "./mount-table.ts";
import type { Publication } from "./segment-publisher.ts";
import type { SourceEvents, SourceOnAir, Title } from "./source-events.ts";

/** What arrives is not audio of the codec that the source declared: end the source. */
export class NoAudioError extends Error {
  override readonly name = "NoAudioError";
}

export interface SourceSessionOptions {
  readonly reservation: Reservation;
  readonly epoch: Epoch;
  readonly codec: Codec;
  readonly info: SourceInfo;
  /** Who logged in; null where the protocol has no user. */
  readonly user: string | null;
  /** Of a source whose time may end. */
  readonly tenure: DjTenure | null;
  /** Names the login of the source: equal for the same one. */
  readonly credential: string;
  readonly segmentMs: number;
  /** How far behind live listeners join, ms. */
  readonly burstMs: number;
  /** For how long listeners had nothing new when the mount was claimed; null when there are none. */
  readonly gapMs: number | null;
  readonly holder: MountHolder;
  readonly events: SourceEvents;
  /** Where its recording goes. */
  readonly dump?: FrameSink | undefined;
  readonly log: Log;
  /** A newer epoch has the mount: the connection has to be closed. */
  readonly onFenced: () => void;
  /** Another connection to this host has the mount: this one must be gone at once. */
  readonly onTakenOver: () => void;
}

/**
 * One source on air, from its claim to its end: bytes in, segments to the mount's publisher. Knows no socket; who
 * feeds it leaves the socket unread for as long as `push` says.
 */
export class SourceSession implements SourceOnAir {
  readonly mount: MountPath;
  readonly epoch: Epoch;
  readonly info: SourceInfo;
  readonly user: string | null;
  readonly tenure: DjTenure | null;
  readonly startedMs = millis(Date.now());
  readonly credential: string;
  readonly #options: SourceSessionOptions;
  readonly #parser: FrameParser;
  readonly #segmenter: Segmenter;
  readonly #target: SegmentTarget;
  readonly #pacer = new Pacer(maxAheadMs);
  /** Of whatever bytes, and of audio. */
  readonly #bytesWatch = new StallWatch(performance.now());
  readonly #audioWatch = new StallWatch(performance.now());
  /** What listeners had missed already when the silence now began; null while audio comes, and when nobody was there. */
  #missedMs: number | null;
  #stallTimer: NodeJS.Timeout | undefined;
  readonly #publication: Publication;
  readonly #hold: MountHold;
  #bytes = 0;
  /** When the first bytes came; null before. */
  #framelessMs: number | null = null;
  /** Bytes other than tags when the last frame had come. */
  #bytesAtFrame = 0;
  #formatKey = "";
  /** Cleared when too much came that is none: of that, what looks like a last frame or two is chance. */
  #isAudio = true;
  #title: Title | null = null;
  #fenced = false;
  #ended: Promise<void> | null = null;

  constructor(options: SourceSessionOptions) {
    this.#options = options;
    this.mount = options.reservation.mount;
    this.epoch = options.epoch;
    this.info = options.info;
    this.user = options.user;
    this.tenure = options.tenure;
    this.credential = options.credential;
    this.#missedMs = options.gapMs;
    this.#target = new SegmentTarget(options);
    this.#parser = options.codec.createParser();
    this.#segmenter = new Segmenter({ epoch: options.epoch, targetMs: options.segmentMs });
    const { mount, epoch } = this;
    const { holder, segmentMs, log } = options;
    const hold = new MountHold({
      hold: { mount, epoch },
      holder,
      everyMs: Math.min(renewMs, segmentMs),
      garbageBytes: () => this.counts.garbageBytes,
      onTitle: (title) => this.setTitle(title),
      onFenced: (reason) => this.#onFenced(reason),
      log,
    });
    this.#hold = hold;
    this.#publication = {
      get ordersDone() {
        return hold.ordersDone;
      },
      announced: (reply) => hold.heard(reply),
      fenced: (reason) => this.#onFenced(reason),
    };
    options.reservation.fill(this);
  }

  /**
   * Takes bytes as they came from the source and says for how many ms to leave the rest unread, so that a source
   * faster than real time is slowed. After `end` it takes nothing more. Throws NoAudioError.
   */
  push(chunk: Uint8Array): number {
    if (this.#ended) return 0;
    this.#bytes += chunk.length;
    const frames = this.#parser.push(chunk);
    this.#takeFrames(frames);
    const now = performance.now();
    this.#expectAudio(now);
    const delayMs = this.#pacer.delayMs(now);
    this.#bytesWatch.arrived(now, delayMs);
    if (frames.length > 0) {
      this.#audioWatch.arrived(now, delayMs);
      if (!this.#stallTimer) this.#watchStall();
    }
    return delayMs;
  }

  /** How far ahead of real time the source is, ms. */
  get aheadMs(): number {
    return this.#pacer.aheadMs(performance.now());
  }

  /** For how long nothing came though it would have been taken, ms. */
  get silentMs(): number {
    return this.#bytesWatch.silentMs(performance.now());
  }

  /** Silent for longer than a line that lives, and than this source is between two times that it sends. */
  get isStuck(): boolean {
    return this.silentMs > stuckMs && performance.now() >= this.#bytesWatch.stalledAtMs;
  }

  /** "SOURCE", "PUT", "SHOUTcast". */
  get protocol(): string {
    return this.info.protocol;
  }

  /** For how long those who listen had nothing new when the mount was claimed, ms; null when nobody was there. */
  get gapMs(): number | null {
    return this.#options.gapMs;
  }

  get hasEnded(): boolean {
    return this.#ended !== null;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get counts(): FrameParserCounts {
    return this.#parser.counts;
  }

  get listeners(): number {
    return this.#hold.listeners;
  }

  get title(): Title | null {
    return this.#title;
  }

  /** Publishes what has come, however short. */
  flush(): void {
    if (!this.#ended) this.#publish(this.#segmenter.flush());
  }

  /** The title from the next frame on. */
  setTitle(title: { readonly text: string; readonly url?: string | undefined }): void {
    const text = sanitiseTitle(title.text);
    const url = fittingUrl(title.url);
    const next: Title = url === undefined ? { text } : { text, url };
    this.#segmenter.setTitle(next);
    this.#title = next;
    this.#options.log.info({ title: text }, "title");
    this.#options.events.emit({ kind: "title", source: this, title: next, atMs: millis(Date.now()) });
  }

  /**
   * The source is gone. The mount is free at once; resolves when what it sent is published and the mount's object
   * knows, or when that took too long. Only the first call counts.
   */
  end(reason: string): Promise<void> {
    this.#ended ??= this.#end(reason);
    return this.#ended;
  }

  /** Ends for another connection to this host, which has the mount under a newer epoch. */
  takeOver(): void {
    this.#fenced = true;
    void this.end("taken over by another connection");
    this.#options.onTakenOver();
  }

  async #end(reason: string): Promise<void> {
    this.#hold.stop();
    clearTimeout(this.#stallTimer);
    const { reservation, log, events } = this.#options;
    if (this.#isAudio) this.#takeFrames(this.#parser.flush());
    this.#publish(this.#segmenter.flush());
    this.#options.dump?.end();
    reservation.free();
    const seconds = Math.round((Date.now() - this.startedMs) / 1000);
    log.info({ reason, seconds, bytes: this.#bytes, ...this.#parser.counts }, "source ended");
    events.emit({ kind: "disconnected", source: this, reason, atMs: millis(Date.now()) });
    await reservation.publisher.drained(releaseAfterMs);
    if (!this.#fenced) await this.#hold.release();
  }

  #expectAudio(now: number): void {
    const { tagBytes, frames } = this.#parser.counts;
    const silent = this.#bytes - tagBytes - this.#bytesAtFrame;
    if (silent > bytesWithoutFrame) this.#refuse(`${silent} bytes without an audio frame`);
    if (frames > 0 || this.#bytes === 0) return;
    this.#framelessMs ??= now;
    const framelessMs = now - this.#framelessMs;
    if (framelessMs > firstFrameMs + tagBytes / slowestTagBytesPerMs) {
      this.#refuse(`no audio frame in ${Math.round(framelessMs)} ms`);
    }
  }

  #refuse(reason: string): never {
    this.#isAudio = false;
    throw new NoAudioError(`${reason} (${this.#options.codec.contentType} was declared)`);
  }

  #takeFrames(frames: readonly Frame[]): void {
    if (frames.length === 0) return;
    this.#options.dump?.push(frames);
    const wallClock = millis(Date.now());
    const now = performance.now();
    this.#resume(now);
    let audioMs = 0;
    for (const frame of frames) {
      if (frame.format.key !== this.#formatKey) this.#noteFormat(frame);
      const frameMs = (frame.samples * 1000) / frame.format.sampleRate;
      audioMs += frameMs;
      this.#target.add(frameMs);
      this.#segmenter.targetMs = this.#target.ms(now);
      const segments = this.#segmenter.push(frame, wallClock);
      if (segments.length === 0) continue;
      this.#target.cut(now);
      this.#publish(segments);
    }
    this.#pacer.add(audioMs, now);
    this.#bytesAtFrame = this.#bytes - this.#parser.counts.tagBytes;
  }

  /** After a silence in which listeners had nothing new, the next segments must come sooner. */
  #resume(now: number): void {
    if (this.#missedMs === null) return;
    this.#target.resume(this.#missedMs + this.#audioWatch.silentMs(now), now);
    this.#missedMs = null;
  }

  /** When the source stalls, listeners get at once what it has sent. */
  #watchStall(): void {
    const now = performance.now();
    const silentMs = this.#audioWatch.silentMs(now);
    const mostMs = stallAheadSegments * this.#options.segmentMs;
    const aheadMs = Math.min(this.#pacer.aheadMs(now), mostMs - silentMs);
    const inMs = Math.max(this.#audioWatch.stalledAtMs - now, aheadMs);
    if (inMs > 0) {
      this.#stallTimer = setTimeout(() => this.#watchStall(), Math.ceil(inMs)).unref();
      return;
    }
    this.#stallTimer = undefined;
    this.#missedMs = 0;
    this.#publish(this.#segmenter.flush());
  }

  #noteFormat({ format }: Frame): void {
    const changed = this.#formatKey !== "";
    this.#formatKey = format.key;
    const fields = { format: format.description };
    this.#options.log.info(fields, changed ? "source changed its format" : "first frame");
  }

  #publish(segments: readonly Segment[]): void {
    for (const segment of segments) this.#options.reservation.publisher.push(segment, this.#publication);
  }

  #onFenced(reason: string): void {
    if (this.#fenced) return;
    this.#fenced = true;
    if (this.#ended) return;
    void this.end(`sent away by the edge: ${reason}`);
    this.#options.onFenced();
  }
}

/** A URL that is too long for the edge is left out, never cut; segments that carried it would be refused. */
function fittingUrl(url: string | undefined): string | undefined {
  const line = url === undefined ? undefined : sanitiseTitle(url);
  return line !== undefined && line.length <= titleUrlLength ? line : undefined;
}
