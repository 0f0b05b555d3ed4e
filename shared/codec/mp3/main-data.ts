import { crcOf, writeCrc } from "./crc.ts";
import { CRC_BYTES, decodeHeader, HEADER_BYTES, mainDataOffset } from "./header.ts";
import { MAX_RESERVOIR_BYTES } from "./limits.ts";
import { layer3Header, PART23_LENGTH_BITS, readBits, sideInfoLayout } from "./side-info.ts";

/** `big_values` counts pairs of a granule's 576 lines. */
const MAX_BIG_VALUES = 288;

/**
 * Keeps the books of the main data of a run of frames: every byte belongs to one frame at most, so a frame that reaches
 * back further than to the end of the one before, or needs more than there is, has lost what it needs or is damaged. Decoders
 * make noise of it.
 */
export class MainDataLedger {
  /** Bytes before the next frame that belong to no frame yet. */
  #spare: number;

  /** `spare`: the bytes of main data that are known before the first frame. */
  constructor(spare: number) {
    this.#spare = spare;
  }

  /**
   * Takes the next whole frame and tells whether all of its data is there. `afterGap`: what came before it is lost.
   * Always true for Layers I and II. Throws ProtocolError for what is no frame.
   */
  take(frame: Uint8Array, afterGap: boolean): boolean {
    if (decodeHeader(frame).layer !== 3) return true;
    if (afterGap) this.#spare = 0;
    const header = layer3Header(frame);
    const { mpeg1, mainDataBegin, parts } = sideInfoLayout(header);
    const reach = readBits(frame, mainDataBegin.at, mainDataBegin.bits);
    const own = frame.length - mainDataOffset(header);
    let bits = 0;
    let valid = reach <= this.#spare;
    for (const part of parts) {
      bits += readBits(frame, part, PART23_LENGTH_BITS);
      valid &&= isGranule(frame, part, mpeg1);
    }
    const left = reach + own - Math.ceil(bits / 8);
    valid &&= left >= 0;
    this.#spare = Math.min(MAX_RESERVOIR_BYTES, valid ? left : this.#spare + own);
    return valid;
  }
}

/** Whether the part has no value that the standard forbids (ISO 11172-3 2.4.2.7) and decoders stumble over. */
function isGranule(frame: Uint8Array, part: number, mpeg1: boolean): boolean {
  const bigValues = readBits(frame, part + PART23_LENGTH_BITS, 9);
  // After `global_gain` and `scalefac_compress`: the flag of a special window and its type, of which 0 is reserved.
  const window = readBits(frame, part + PART23_LENGTH_BITS + 17 + (mpeg1 ? 4 : 9), 3);
  return bigValues <= MAX_BIG_VALUES && window !== 0b100;
}

/** Bytes of main data that lie in the whole frame `frame`: 0 in Layers I and II, which have no reservoir. Throws ProtocolError for what is no frame. */
export const mainDataSize = (frame: Uint8Array): number =>
  decodeHeader(frame).layer === 3 ? frame.length - mainDataOffset(layer3Header(frame)) : 0;

/**
 * Makes a whole frame silent, in place, and leaves its main data where it is: the frames that follow may reach into it.
 * Does nothing in Layers I and II. Throws ProtocolError for what is no frame.
 */
export function muteFrame(frame: Uint8Array): void {
  if (decodeHeader(frame).layer !== 3) return;
  const header = layer3Header(frame);
  frame.fill(0, HEADER_BYTES + (header.crc ? CRC_BYTES : 0), mainDataOffset(header));
  if (header.crc) writeCrc(frame, crcOf(frame, header));
}
