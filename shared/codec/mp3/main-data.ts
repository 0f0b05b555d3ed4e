import { crcOf, writeCrc } from "./crc.ts";
import { CRC_BYTES, decodeHeader, HEADER_BYTES, mainDataOffset } from "./header.ts";
import { MAX_RESERVOIR_BYTES } from "./limits.ts";
import { layer3Header, PART23_LENGTH_BITS, readBits, setMainDataBegin, sideInfoLayout } from "./side-info.ts";

/** `big_values` counts pairs of a granule's 576 lines. */
const MAX_BIG_VALUES = 288;

/** What the ledger says of a frame. */
export interface LedgerEntry {
  /** All of its data is there. */
  readonly whole: boolean;
  /** Bytes of main data before the frame that belong to the same run of frames, `MAX_RESERVOIR_BYTES` at most. */
  readonly known: number;
}

/**
 * Keeps the books of the main data of a run of frames: every byte belongs to one frame at most, so a frame that reaches
 * back further than to the end of the one before has lost what it needs, and one that needs more than there is is damaged.
 * Decoders make noise of both.
 */
export class MainDataLedger {
  #known: number;
  /** Of the known bytes, those that belong to no frame yet. */
  #spare: number;

  /** `known`: bytes of main data that are there before the first frame, all of which it may reach into. */
  constructor(known: number) {
    this.#known = known;
    this.#spare = known;
  }

  /** Enters the next whole frame. `afterGap`: what came before it is lost. Throws ProtocolError for what is no frame. */
  take(frame: Uint8Array, afterGap: boolean): LedgerEntry {
    if (decodeHeader(frame).layer !== 3) return { whole: true, known: 0 };
    const header = layer3Header(frame);
    const { mpeg1, mainDataBegin, parts } = sideInfoLayout(header);
    const reach = readBits(frame, mainDataBegin.at, mainDataBegin.bits);
    if (afterGap || reach > this.#spare) this.#known = this.#spare = 0;
    const known = this.#known;
    const own = frame.length - mainDataOffset(header);
    const bits = parts.reduce((sum, part) => sum + readBits(frame, part, PART23_LENGTH_BITS), 0);
    const left = reach + own - Math.ceil(bits / 8);
    const whole = reach <= known && left >= 0 && parts.every((part) => isGranule(frame, part, mpeg1));
    this.#known = Math.min(MAX_RESERVOIR_BYTES, known + own);
    this.#spare = Math.min(this.#known, whole ? left : this.#spare + own);
    return { whole, known };
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
 * Makes a whole frame silent, in place, and leaves its main data where it is: the frames that follow may reach into it,
 * and over it. Some decoders keep for the next frame only what this one could reach, so it claims the `known` bytes
 * before it as its own. Does nothing in Layers I and II. Throws ProtocolError for what is no frame.
 */
export function muteFrame(frame: Uint8Array, known: number): void {
  if (decodeHeader(frame).layer !== 3) return;
  const header = layer3Header(frame);
  const at = HEADER_BYTES + (header.crc ? CRC_BYTES : 0);
  frame.fill(0, at, mainDataOffset(header));
  setMainDataBegin(frame, { at, header, begin: known });
  if (header.crc) writeCrc(frame, crcOf(frame, header));
}
