import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { shiftGain } from "../../shared/codec/mp3/gain.ts";
import { mainDataSize, muteFrame } from "../../shared/codec/mp3/main-data.ts";
import { primerFor, reachOf } from "../../shared/codec/mp3/primer.ts";
import { concatenate } from "../../shared/concatenate.ts";
import type { TrackPlan } from "./track.ts";
import { TrackError } from "./track-error.ts";
import { OpenTrack } from "./track-file.ts";
import { type TrackFrame, TrackFrames } from "./track-frames.ts";

/** What of a plan the reader needs. */
export type ReadPlan = Pick<TrackPlan, "firstFrame" | "frames" | "samplesPerFrame" | "gainSteps"> & {
  readonly format: Pick<TrackPlan["format"], "key" | "sampleRate">;
};

/** Up to a second of a track: whole frames that any frames of the same format may precede. */
export interface TrackPiece {
  /** Owned by the caller. */
  readonly bytes: Uint8Array;
  /** How long it plays, samples per channel: the primer's too, of which `frames` says nothing. */
  readonly samples: number;
  /** Frames of the track in it, at least one. */
  readonly frames: number;
}

/**
 * Opens a track at its frame `atFrame`, counted from the first that plays (`TrackReader.frame` of another reader). The
 * frames before it are passed over, every one of them, so that a count that was kept is good for the same frame.
 * Rejects with TrackError. The caller closes the reader.
 */
export async function openTrack(path: string, plan: ReadPlan, atFrame = 0): Promise<TrackReader> {
  const file = await OpenTrack.open(path);
  try {
    const frames = new TrackFrames(file, plan.format.key);
    const at = Math.min(Math.max(0, atFrame), plan.frames);
    if (at < plan.frames) await frames.skip(plan.firstFrame + at);
    return new TrackReader({ file, frames, plan, at });
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Opened {
  readonly file: OpenTrack;
  readonly frames: TrackFrames;
  readonly plan: ReadPlan;
  readonly at: number;
}

/**
 * A track as it goes on air: its frames with their gain, in front of the first the primer that it needs. Holds one
 * piece of the file, however long that is.
 *
 * A frame whose data is not there (after damage, or where files were cut together) keeps its place but is silent: what
 * it made of its neighbours' bytes would be noise.
 */
export class TrackReader {
  readonly #file: OpenTrack;
  readonly #frames: TrackFrames;
  readonly #plan: ReadPlan;
  #frame: number;
  /** Bytes of main data given out without a break: what a frame reaches back to beyond them is not on air. */
  #given = 0;
  #closed = false;

  constructor({ file, frames, plan, at }: Opened) {
    this.#file = file;
    this.#frames = frames;
    this.#plan = plan;
    this.#frame = at;
  }

  /** The frame that comes next, counted from the first that plays; `plan.frames` at the end. */
  get frame(): number {
    return this.#frame;
  }

  /**
   * The next piece; null at the end of the track, and once closed. One call at a time. Rejects with TrackError when the
   * file has been written to, is shorter than planned or cannot be read; nothing is lost that was read before.
   */
  async read(): Promise<TrackPiece | null> {
    const { samplesPerFrame, format } = this.#plan;
    const wanted = Math.max(1, Math.floor(format.sampleRate / samplesPerFrame));
    const parts: Uint8Array[] = [];
    let frames = 0;
    let samples = 0;
    while (frames < wanted && this.#frame < this.#plan.frames) {
      const next = await this.#next(frames > 0);
      if (!next) break;
      const { primer, bytes } = this.#prepare(next);
      parts.push(primer, bytes);
      samples += (mp3.indexFrames(primer).length + 1) * samplesPerFrame;
      frames++;
      this.#frame++;
    }
    return frames === 0 ? null : { bytes: concatenate(parts), samples, frames };
  }

  /** Ends the reader; a read that is under way may still resolve or reject. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }

  /** Null where a piece ends early: the reason, if there is one, comes with the next read, which has no frame. */
  async #next(pieceHasFrames: boolean): Promise<TrackFrame | null> {
    if (this.#closed) return null;
    try {
      const next = await this.#frames.next();
      if (next) return next;
      throw new TrackError(`has only ${this.#frame} of the ${this.#plan.frames} frames it had`);
    } catch (error) {
      if (this.#closed || pieceHasFrames) return null;
      throw error;
    }
  }

  #prepare({
    bytes,
    reservoir,
    whole,
    known,
  }: TrackFrame): Pick<TrackFrame, "bytes"> & { readonly primer: Uint8Array } {
    if (!whole) muteFrame(bytes, Math.min(known, this.#given));
    else if (this.#plan.gainSteps !== 0) shiftGain(bytes, this.#plan.gainSteps);
    const reach = reachOf(bytes);
    const primer = reach > this.#given ? primerFor(bytes, reservoir) : new Uint8Array(0);
    this.#given = Math.max(this.#given, reach) + mainDataSize(bytes);
    return { primer, bytes };
  }
}
