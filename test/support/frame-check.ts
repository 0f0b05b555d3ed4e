import type { Frame } from "../../shared/codec/codec.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";

/** The frames that a source sends over and over. Every one must be unique. */
export class FrameList {
  readonly frames: readonly Uint8Array[];
  readonly #indexOf = new Map<string, number>();

  constructor(frames: readonly Frame[]) {
    this.frames = frames.map(({ bytes }) => bytes);
    for (const [index, frame] of this.frames.entries()) this.#indexOf.set(nameOf(frame), index);
    if (this.#indexOf.size !== this.frames.length) throw new Error("two of the frames are alike");
  }

  /** Index of a frame, -1 when the source never sends it. */
  indexOf(frame: Uint8Array): number {
    return this.#indexOf.get(nameOf(frame)) ?? -1;
  }
}

/**
 * Holds what a listener got against what the source sends in a loop: each frame once, in order, nothing between them.
 * A frame that is not the source's is a primer, allowed only at the beginning.
 */
export class FrameCheck {
  readonly problems: string[] = [];
  frames = 0;
  primers = 0;
  /** Index of the first and of the last frame, -1 before. */
  first = -1;
  last = -1;
  readonly #list: FrameList;
  #held: Uint8Array = new Uint8Array(0);

  constructor(list: FrameList) {
    this.#list = list;
  }

  /** Audio bytes as they came, metadata blocks taken out. */
  push(audio: Uint8Array): void {
    const bytes = new Uint8Array(this.#held.length + audio.length);
    bytes.set(this.#held);
    bytes.set(audio, this.#held.length);
    let at = 0;
    for (const { offset, size } of mp3.indexFrames(bytes)) {
      if (offset !== at)
        this.problems.push(`${offset - at} bytes that are no frame before frame ${this.frames}`);
      this.#take(bytes.subarray(offset, offset + size));
      at = offset + size;
    }
    this.#held = bytes.slice(at);
    if (this.#held.length > 4_096) {
      this.problems.push(`${this.#held.length} bytes that are no frame after frame ${this.frames}`);
      this.#held = new Uint8Array(0);
    }
  }

  #take(frame: Uint8Array): void {
    const index = this.#list.indexOf(frame);
    if (index < 0) {
      this.primers++;
      if (this.frames > 0)
        this.problems.push(`a frame that is not the source's after ${this.frames} of its own`);
      return;
    }
    const expected = (this.last + 1) % this.#list.frames.length;
    if (this.last >= 0 && index !== expected) {
      this.problems.push(
        `frame ${index} after frame ${this.last}: ${index - this.last - 1} missing or repeated`,
      );
    }
    if (this.first < 0) this.first = index;
    this.last = index;
    this.frames++;
  }
}

const nameOf = (frame: Uint8Array): string => Buffer.from(frame).toString("latin1");
