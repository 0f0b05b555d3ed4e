import { readFrame, stampedFrame } from "../../test/support/chaos/stamped-frame.ts";

const sample = stampedFrame(0, 0, true);
const magic = Buffer.from("SKWC");
const magicAt = sample.indexOf(magic);

/** Finds stamped frames in audio that begins anywhere, as a listener's does. What is no such frame is passed over. */
export class StampedReader {
  #held: Buffer = Buffer.alloc(0);

  /** Numbers of the frames that these bytes complete. */
  push(audio: Uint8Array): number[] {
    const bytes = Buffer.concat([this.#held, audio]);
    const numbers: number[] = [];
    let at = 0;
    for (;;) {
      const found = bytes.indexOf(magic, at);
      const start = found - magicAt;
      if (found < 0) {
        // Its head may be here, its name not yet.
        at = Math.max(at, bytes.length - magicAt - magic.length + 1);
        break;
      }
      if (start < at) {
        // Cut off in front: the stream begins, or what is before has been taken, inside this frame.
        at = found + 1;
        continue;
      }
      if (start + sample.length > bytes.length) {
        at = start;
        break;
      }
      const frame = readFrame(bytes.subarray(start, start + sample.length));
      if (frame.kind === "source") numbers.push(frame.number);
      at = frame.kind === "source" ? start + sample.length : found + 1;
    }
    this.#held = bytes.subarray(at);
    return numbers;
  }
}
