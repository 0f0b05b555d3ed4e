import { decodeHeaderWord, frameSize, HEADER_BYTES, headerWord } from "./header.ts";
import {
  CONFIRMING_FREE_HEADERS,
  CONFIRMING_HEADERS,
  CONFIRMING_LAST_FRAMES,
  CONFIRMING_LAYER1_HEADERS,
  MAX_FREE_FRAME_BYTES,
  MIN_FREE_FRAME_BYTES,
} from "./limits.ts";
import { tagSizeAtBoundary } from "./tags.ts";

/**
 * What every header of a run of frames has in common. Bitrate, padding, CRC, stereo mode and the flags may change
 * from frame to frame; version, layer, sample rate, mono or not, and being free format may not.
 */
export interface Lock {
  /** `headerWord` under `mask`. */
  readonly word: number;
  readonly mask: number;
  readonly mono: boolean;
  /** Bytes of a free format frame without padding; 0 when the bitrate tells the size. */
  readonly freeBytes: number;
}

/** Bytes known so far: those of `bytes` before `end`. With `final` no more will come. */
export interface Known {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly final: boolean;
}

/** Sync word, version, layer, sample rate. */
const FORMAT_MASK = 0xfffe0c00;
const BITRATE_MASK = 0x0000f000;
const CHANNEL_MODE_MASK = 0xc0;
const PADDING_MASK = 0x200;
/** All ones is Layer I. */
const LAYER_MASK = 0x60000;
const RESERVED_EMPHASIS = 2;

const SIZE_INDEX_SHIFT = 9;
const SIZE_INDEX_MASK = 0xfff;
/** Frame sizes by header bits 20-9 (version to padding): 0 where a value is reserved or the format is free. */
const FRAME_SIZES = frameSizeTable();

/** Bytes of the frame whose header is `word`; 0 when the header is not one of `lock`'s run. */
export function lockedFrameSize(lock: Lock, word: number): number {
  if ((word & lock.mask) >>> 0 !== lock.word) return 0;
  if (((word & CHANNEL_MODE_MASK) === CHANNEL_MODE_MASK) !== lock.mono) return 0;
  if ((word & 3) === RESERVED_EMPHASIS) return 0;
  if (lock.freeBytes === 0) return FRAME_SIZES[(word >>> SIZE_INDEX_SHIFT) & SIZE_INDEX_MASK] ?? 0;
  return lock.freeBytes + paddingOf(word);
}

/**
 * The run of frames that begins at `at`: null when none does, "wait" when the frames to confirm it have not come.
 * Needs four bytes at `at`.
 */
export function findLock(known: Known, at: number): Lock | null | "wait" {
  const word = headerWord(known.bytes, at);
  if (!isHeader(word)) return null;
  if ((word & BITRATE_MASK) === 0) return measureFree(known, at, word);
  const lock = lockOf(word, 0);
  const follows = confirm(known, at, lock);
  if (follows === "wait") return "wait";
  return follows ? lock : null;
}

/** The run of frames of which all of `bytes` from its first frame on is made: nothing to confirm, only to index. */
export function lockOfWhole(bytes: Uint8Array): Lock | null {
  if (bytes.length < HEADER_BYTES) return null;
  const word = headerWord(bytes, 0);
  if (!isHeader(word)) return null;
  if ((word & BITRATE_MASK) !== 0) return lockOf(word, 0);
  const measured = measureFree({ bytes, end: bytes.length, final: true }, 0, word);
  if (measured !== null && measured !== "wait") return measured;
  const alone = bytes.length - paddingOf(word);
  return alone >= MIN_FREE_FRAME_BYTES && alone <= MAX_FREE_FRAME_BYTES ? lockOf(word, alone) : null;
}

function lockOf(word: number, freeBytes: number): Lock {
  const mask = freeBytes === 0 ? FORMAT_MASK : FORMAT_MASK | BITRATE_MASK;
  return {
    word: (word & mask) >>> 0,
    mask,
    mono: (word & CHANNEL_MODE_MASK) === CHANNEL_MODE_MASK,
    freeBytes,
  };
}

/**
 * A free format frame is as long as the way to the next header of its kind. Sound can look like such a header, so
 * each distance must be borne out by the headers that follow at the same distance.
 */
function measureFree(known: Known, at: number, word: number): Lock | null | "wait" {
  const { bytes, end } = known;
  const padding = paddingOf(word);
  const nearest = at + MIN_FREE_FRAME_BYTES + padding;
  const furthest = Math.min(end - HEADER_BYTES, at + MAX_FREE_FRAME_BYTES + padding);
  for (
    let next = bytes.indexOf(0xff, nearest);
    next >= 0 && next <= furthest;
    next = bytes.indexOf(0xff, next + 1)
  ) {
    const freeBytes = next - at - padding;
    if (isLayer1(word) && freeBytes % 4 !== 0) continue;
    const lock = lockOf(word, freeBytes);
    if (lockedFrameSize(lock, headerWord(bytes, next)) === 0) continue;
    const follows = confirm(known, at, lock);
    // The shorter distance is decided first: which one wins must not depend on how the bytes came in.
    if (follows === "wait") return "wait";
    if (follows) return lock;
  }
  return !known.final && furthest < at + MAX_FREE_FRAME_BYTES + padding ? "wait" : null;
}

/** Whether the headers that `lock` foretells stand where it says. */
function confirm(known: Known, at: number, lock: Lock): boolean | "wait" {
  const { bytes, end, final } = known;
  const needed = headersToConfirm(lock);
  let next = at;
  for (let frames = 0; frames <= needed; frames++) {
    if (next + HEADER_BYTES > end) {
      if (!final) return "wait";
      return next <= end ? frames >= CONFIRMING_LAST_FRAMES : frames > CONFIRMING_LAST_FRAMES;
    }
    const size = lockedFrameSize(lock, headerWord(bytes, next));
    if (size === 0) {
      if (frames < CONFIRMING_LAST_FRAMES) return false;
      const tag = tagSizeAtBoundary(bytes, next, end, final);
      return tag === "wait" ? "wait" : tag > 0;
    }
    next += size;
  }
  return true;
}

const isLayer1 = (word: number): boolean => (word & LAYER_MASK) === LAYER_MASK;

function headersToConfirm(lock: Lock): number {
  if (isLayer1(lock.word)) return CONFIRMING_LAYER1_HEADERS;
  return lock.freeBytes === 0 ? CONFIRMING_HEADERS : CONFIRMING_FREE_HEADERS;
}

/** Whether the word is a header without reserved values. */
function isHeader(word: number): boolean {
  if (word >>> 21 !== 0x7ff || (word & 3) === RESERVED_EMPHASIS) return false;
  // The size table knows every valid pair of bits but free format's, whose neighbour of bitrate 1 stands in for it.
  const sized = (word & BITRATE_MASK) === 0 ? word | 0x1000 : word;
  return FRAME_SIZES[(sized >>> SIZE_INDEX_SHIFT) & SIZE_INDEX_MASK] !== 0;
}

/** Bytes of padding: a slot is four bytes in Layer I, else one. */
const paddingOf = (word: number): number => {
  if ((word & PADDING_MASK) === 0) return 0;
  return isLayer1(word) ? 4 : 1;
};

function frameSizeTable(): Uint16Array {
  const sizes = new Uint16Array(SIZE_INDEX_MASK + 1);
  for (const index of sizes.keys()) {
    try {
      sizes[index] = frameSize(decodeHeaderWord((0xffe00000 | (index << SIZE_INDEX_SHIFT)) >>> 0));
    } catch {
      // A reserved value: the size stays 0.
    }
  }
  return sizes;
}

/** Whether two locks are of one format, so that frames of either may follow frames of the other. */
export const sameRun = (a: Lock, b: Lock): boolean =>
  a.word === b.word && a.mono === b.mono && a.freeBytes === b.freeBytes;
