import { crcOf, writeCrc, writtenCrc } from "./crc.ts";
import { decodeHeader } from "./header.ts";
import { layer3Header, PART23_LENGTH_BITS, readBits, sideInfoLayout } from "./side-info.ts";

/** What one step of `global_gain` makes of the level: a factor of 2^(1/4) (ISO 11172-3 2.4.3.4), in dB. */
export const GAIN_STEP_DB = 5 * Math.log10(2);

/** In a granule's part, after its length and `big_values`. */
const GAIN_OFFSET = PART23_LENGTH_BITS + 9;
const MAX_GAIN = 255;

/**
 * Makes a whole frame louder or softer, in place, by `steps` of `GAIN_STEP_DB`: adds them to the `global_gain` of every
 * granule and channel. Nothing else of the sound changes: the ratio of the channels (middle and side, intensity) is
 * told apart from it. A gain that would leave its 8 bits stops at their end; a granule without a bit of audio stays as it is. The
 * CRC of a protected frame is made to fit; one that did not before still does not.
 *
 * False for Layers I and II, which have no such number: the frame is as it was. Throws ProtocolError for what is no
 * frame, or too short for its side information.
 */
export function shiftGain(frame: Uint8Array, steps: number): boolean {
  if (decodeHeader(frame).layer !== 3) return false;
  const header = layer3Header(frame);
  const intact = header.crc && crcOf(frame, header) === writtenCrc(frame);
  for (const part of sideInfoLayout(header).parts) {
    if (readBits(frame, part, PART23_LENGTH_BITS) === 0) continue;
    const gain = readBits(frame, part + GAIN_OFFSET, 8) + steps;
    writeByte(frame, part + GAIN_OFFSET, Math.max(0, Math.min(MAX_GAIN, gain)));
  }
  if (intact) writeCrc(frame, crcOf(frame, header));
  return true;
}

/** Writes eight bits from bit `at` on. */
function writeByte(bytes: Uint8Array, at: number, value: number): void {
  const byte = at >>> 3;
  const shift = 8 - (at & 7);
  const window = ((bytes[byte] ?? 0) << 8) | (bytes[byte + 1] ?? 0);
  const written = (window & ~(0xff << shift)) | (value << shift);
  bytes[byte] = written >>> 8;
  if (shift !== 8) bytes[byte + 1] = written & 0xff;
}
