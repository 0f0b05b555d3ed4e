import type { Codec, Frame, FrameParser } from "../shared/codec/codec.ts";
import type { Hold } from "../shared/edge-api.ts";
import { durationMs, type Segment } from "../shared/segment.ts";
import { Segmenter } from "../shared/segmenter.ts";
import { Pacer } from "../shared/source/pacer.ts";
import { sanitiseTitle } from "../shared/title.ts";
import { type Epoch, type MountPath, millis } from "../shared/units.ts";
import type { HoldResult } from "./edge-client.ts";
import { bytesWithoutFrame, maxAheadMs, releaseAfterMs, renewMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import type { Reservation } from "./mount-table.ts";
import type { Publication } from "./segment-publisher.ts";

/** What arrives is not audio of the codec that the source declared: end the source. */
export class NoAudioError extends Error {
  override readonly name = "NoAudioError";
}

/** How a session keeps and gives up its mount. Both reject when the edge gave no usable answer. */
export interface MountHolder {
  renew(hold: Hold): Promise<HoldResult>;
  /** Safe to repeat; a mount that has a newer epoch answers "fenced". */
  release(hold: Hold): Promise<HoldResult>;
}

export interface SourceSessionOptions {
  readonly reservation: Reservation;
  readonly epoch: Epoch;
  readonly codec: Codec;
  /** How the source connected: "SOURCE", "PUT", "SHOUTcast". */
  readonly protocol: string;
  readonly segmentMs: number;
  readonly holder: MountHolder;
  readonly log: Log;
  /** A newer epoch has the mount: the connection has to be closed. */
  readonly onFenced: () => void;
}

/**
 * One source on air, from its claim to its end: bytes in, segments to the mount's publisher. Knows no socket; who
 * feeds it leaves the socket unread for as long as `push` says.
 */
export class SourceSession {
  readonly mount: MountPath;
  readonly epoch: Epoch;
  readonly protocol: string;
  readonly #options: SourceSessionOptions;
  readonly #parser: FrameParser;
  readonly #segmenter: Segmenter;
  readonly #pacer = new Pacer(maxAheadMs);
  readonly #publication: Publication;
  readonly #renewal: NodeJS.Timeout;
  readonly #startedMs = Date.now();
  #bytes = 0;
  /** Bytes other than tags when the last frame had come. */
  #bytesAtFrame = 0;
  #formatKey = "";
  /** Cleared when too much came that is none: of that, what looks like a last frame or two is chance. */
  #isAudio = true;
  /** Last word of this session that the edge has heard. */
  #heardMs = performance.now();
  #fenced = false;
  #ended: Promise<void> | null = null;

  constructor(options: SourceSessionOptions) {
    this.#options = options;
    this.mount = options.reservation.mount;
    this.epoch = options.epoch;
    this.protocol = options.protocol;
    this.#parser = options.codec.createParser();
    this.#segmenter = new Segmenter({ epoch: options.epoch, targetMs: options.segmentMs });
    this.#publication = {
      announced: () => {
        this.#heardMs = performance.now();
      },
      fenced: () => this.#onFenced(),
    };
    this.#renewal = setInterval(() => void this.#renew(), renewMs / 2).unref();
    options.reservation.fill(this);
  }

  /**
   * Takes bytes as they came from the source and says for how many ms to leave the rest unread, so that a source
   * faster than real time is slowed. After `end` it takes nothing more. Throws NoAudioError.
   */
  push(chunk: Uint8Array): number {
    if (this.#ended) return 0;
    this.#bytes += chunk.length;
    this.#takeFrames(this.#parser.push(chunk));
    const { counts } = this.#parser;
    const silent = this.#bytes - counts.tagBytes - this.#bytesAtFrame;
    if (silent > bytesWithoutFrame) {
      this.#isAudio = false;
      throw new NoAudioError(
        `${silent} bytes without an audio frame (${this.#options.codec.contentType} was declared)`,
      );
    }
    return this.#pacer.delayMs(performance.now());
  }

  /** How far ahead of real time the source is, ms. */
  get aheadMs(): number {
    return this.#pacer.aheadMs(performance.now());
  }

  /** The title from the next frame on. */
  setTitle(title: { readonly text: string; readonly url?: string }): void {
    const text = sanitiseTitle(title.text);
    const url = title.url === undefined ? undefined : sanitiseTitle(title.url);
    this.#segmenter.setTitle(url === undefined ? { text } : { text, url });
    this.#options.log.info({ title: text }, "title");
  }

  /**
   * The source is gone. The mount is free at once; resolves when what it sent is published and the mount's object
   * knows, or when that took too long. Only the first call counts.
   */
  end(reason: string): Promise<void> {
    this.#ended ??= this.#end(reason);
    return this.#ended;
  }

  async #end(reason: string): Promise<void> {
    clearInterval(this.#renewal);
    const { reservation, log, holder } = this.#options;
    if (this.#isAudio) this.#takeFrames(this.#parser.flush());
    this.#publish(this.#segmenter.flush());
    reservation.free();
    const seconds = Math.round((Date.now() - this.#startedMs) / 1000);
    log.info({ reason, seconds, bytes: this.#bytes, ...this.#parser.counts }, "source ended");
    await reservation.publisher.drained(releaseAfterMs);
    if (this.#fenced) return;
    try {
      await holder.release({ mount: this.mount, epoch: this.epoch });
    } catch (error) {
      // The mount's lease runs out by itself.
      log.warn({ reason: reasonOf(error) }, "the mount could not be told that its source has gone");
    }
  }

  #takeFrames(frames: readonly Frame[]): void {
    if (frames.length === 0) return;
    const now = millis(Date.now());
    let audioMs = 0;
    for (const frame of frames) {
      if (frame.format.key !== this.#formatKey) this.#noteFormat(frame);
      audioMs += durationMs({ samples: frame.samples, sampleRate: frame.format.sampleRate });
      this.#publish(this.#segmenter.push(frame, now));
    }
    this.#pacer.add(audioMs, performance.now());
    this.#bytesAtFrame = this.#bytes - this.#parser.counts.tagBytes;
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

  async #renew(): Promise<void> {
    if (performance.now() - this.#heardMs < renewMs) return;
    this.#heardMs = performance.now();
    try {
      const result = await this.#options.holder.renew({ mount: this.mount, epoch: this.epoch });
      if (result === "fenced") this.#onFenced();
    } catch (error) {
      this.#options.log.debug(
        { reason: reasonOf(error) },
        "the mount could not be told that its source is there",
      );
    }
  }

  #onFenced(): void {
    if (this.#fenced) return;
    this.#fenced = true;
    if (this.#ended) return;
    void this.end("another source has taken the mount");
    this.#options.onFenced();
  }
}
