import { type Mp3Frame, Mp3FrameParser } from "../../shared/codec/mp3/frame-parser.ts";
import { MainDataLedger } from "../../shared/codec/mp3/main-data.ts";
import { TrackError } from "./track-error.ts";
import type { OpenTrack } from "./track-file.ts";

/** Frames that a frame may reach back over, and be found whole: those of 24 bytes, the smallest, have 11 of main data. */
const LEDGER_FRAMES = 64;

/** How much of a file the parser gets at once: as much as it holds without growing. */
const PUSH_BYTES = 64 * 1024;

/** Bytes in a row that are neither frames nor tags before a file is given up: beyond any damage, and read in a moment. */
const MAX_GARBAGE_BYTES = 8 * 1024 * 1024;

export interface TrackFrame {
  /** A view until the next call. */
  readonly frame: Mp3Frame;
  /** Whether all that it needs is there: a frame that is not whole makes noise in decoders. */
  readonly whole: boolean;
}

/**
 * The audio frames of one format in a file, one after the other: no tags, no Info frames, no garbage, nothing of
 * another format. Their numbers are those that `Mp3FrameParser` gives them over the whole file; nothing is estimated.
 */
export class TrackFrames {
  readonly #file: OpenTrack;
  readonly #formatKey: string;
  readonly #parser = new Mp3FrameParser();
  #chunk: Uint8Array = new Uint8Array(0);
  #frames: readonly Mp3Frame[] = [];
  /** Of #frames, the next one. */
  #at = 0;
  #ended = false;
  #garbageBefore = 0;
  #ledger: MainDataLedger | null = null;

  constructor(file: OpenTrack, formatKey: string) {
    this.#file = file;
    this.#formatKey = formatKey;
  }

  /** The next frame, null at the end. Rejects with TrackError. */
  async next(): Promise<TrackFrame | null> {
    const frame = await this.#nextFrame();
    return frame && { frame, whole: this.#enter(frame) };
  }

  /** Passes over `count` frames, or as many as there are. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      // Awaiting each of a million frames would take seconds.
      const frame = this.#heldFrame() ?? (await this.#nextFrame());
      if (!frame) return;
      if (left <= LEDGER_FRAMES) this.#enter(frame);
    }
  }

  #enter(frame: Mp3Frame): boolean {
    this.#ledger ??= new MainDataLedger(frame.reservoir.length);
    return this.#ledger.take(frame.bytes, frame.afterGap);
  }

  #heldFrame(): Mp3Frame | null {
    while (this.#at < this.#frames.length) {
      const frame = this.#frames[this.#at++];
      if (frame?.format.key === this.#formatKey) return frame;
    }
    return null;
  }

  async #nextFrame(): Promise<Mp3Frame | null> {
    let frame = this.#heldFrame();
    while (!frame && !this.#ended) {
      await this.#more();
      frame = this.#heldFrame();
    }
    return frame;
  }

  async #more(): Promise<void> {
    if (this.#chunk.length === 0) {
      const chunk = await this.#file.next();
      if (chunk) this.#chunk = chunk;
      else this.#ended = true;
    }
    this.#at = 0;
    this.#frames = this.#ended
      ? this.#parser.flush()
      : this.#parser.push(this.#chunk.subarray(0, PUSH_BYTES));
    this.#chunk = this.#chunk.subarray(PUSH_BYTES);
    if (this.#frames.length > 0) this.#garbageBefore = this.#parser.counts.garbageBytes;
    else if (this.#parser.counts.garbageBytes - this.#garbageBefore > MAX_GARBAGE_BYTES) {
      throw new TrackError(`has more than ${MAX_GARBAGE_BYTES / 1024 / 1024} MiB in a row that are no audio`);
    }
  }
}
