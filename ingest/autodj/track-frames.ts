import { type Mp3Frame, Mp3FrameParser } from "../../shared/codec/mp3/frame-parser.ts";
import { type LedgerEntry, MainDataLedger } from "../../shared/codec/mp3/main-data.ts";
import { TrackError } from "./track-error.ts";
import type { OpenTrack } from "./track-file.ts";

/** Frames that a frame may reach back over, and be found whole: those of 24 bytes, the smallest, have 11 of main data. */
const LEDGER_FRAMES = 64;

/** How much of a file the parser gets at once: as much as it holds without growing. */
const PUSH_BYTES = 64 * 1024;

/** Bytes in a row that are neither frames nor tags before a file is given up: beyond any damage, and read in a moment. */
const MAX_GARBAGE_BYTES = 8 * 1024 * 1024;

/** A frame, and whether all that it needs is there: one that is not whole makes noise in decoders. */
export interface TrackFrame extends LedgerEntry {
  /** Owned by the caller. */
  readonly bytes: Uint8Array;
  /** As a frame's; owned by the caller. */
  readonly reservoir: Uint8Array;
}

interface Loaded extends TrackFrame {
  readonly gap: Mp3Frame["gap"];
}

/**
 * The audio frames of one format in a file, one after the other: no tags, no Info frames, no garbage, nothing of
 * another format. Their numbers are those that `Mp3FrameParser` gives them over the whole file; nothing is estimated.
 *
 * The parser hands out a frame with its last byte, so one that is cut off within takes its end from what follows, and
 * shows only by the next header's not being where it should: each frame waits here for the next.
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
  #waiting: Loaded | null = null;
  #failure: unknown = null;

  constructor(file: OpenTrack, formatKey: string) {
    this.#file = file;
    this.#formatKey = formatKey;
  }

  /** The next frame, null at the end. Rejects with TrackError, after all the frames that came before the failure. */
  async next(): Promise<TrackFrame | null> {
    const current = this.#waiting ?? (await this.#load());
    this.#waiting = await this.#load();
    if (!current && this.#failure !== null) throw this.#failure;
    return this.#waiting?.gap === "damage" && current ? { ...current, whole: false } : current;
  }

  /** Passes over `count` frames, or as many as there are, before the first is taken. Rejects with TrackError. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      // Awaiting each of a million frames would take seconds.
      const frame = this.#heldFrame() ?? (await this.#nextFrame());
      if (!frame) return;
      if (left <= LEDGER_FRAMES) this.#enter(frame);
    }
  }

  /** Null at the end, and where the file fails: then for good. */
  async #load(): Promise<Loaded | null> {
    if (this.#failure !== null) return null;
    try {
      const frame = this.#heldFrame() ?? (await this.#nextFrame());
      if (!frame) return null;
      const { bytes, reservoir, gap } = frame;
      return { bytes: bytes.slice(), reservoir: reservoir.slice(), gap, ...this.#enter(frame) };
    } catch (error) {
      this.#failure = error;
      return null;
    }
  }

  #enter(frame: Mp3Frame): LedgerEntry {
    this.#ledger ??= new MainDataLedger(frame.reservoir.length);
    return this.#ledger.take(frame.bytes, frame.gap !== null);
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
