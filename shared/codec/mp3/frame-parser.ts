import { type SampleCount, sampleCount } from "../../units.ts";
import type { Frame, FrameFormat, FrameParser, FrameParserCounts } from "../codec.ts";
import { formatOf } from "./format.ts";
import {
  decodeHeaderWord,
  type FrameHeader,
  HEADER_BYTES,
  headerWord,
  mainDataOffset,
  samplesPerFrame,
} from "./header.ts";
import { isInfoFrame } from "./info-frame.ts";
import { decodeInfoFrame, type InfoFrame } from "./lame-tag.ts";
import { ARENA_BYTES, SMALL_ARENA_BYTES } from "./limits.ts";
import { findLock, type Lock, lockedFrameSize, sameRun } from "./lock.ts";
import { Reservoir } from "./reservoir.ts";
import { APE_FIRST_BYTE, ID3V2_FIRST_BYTE, tagSize, tagSizeAtBoundary } from "./tags.ts";

/** The contract's counts, and one more, so that every byte is accounted for. */
export interface Mp3ParserCounts extends FrameParserCounts {
  /** Bytes of Xing, Info and VBRI frames. */
  readonly infoBytes: number;
}

/** The contract's frame, and how it follows the one before. */
export interface Mp3Frame extends Frame {
  /**
   * Null where it continues the frame before, or is the first. Else what it reaches back to may be lost: "damage" where
   * garbage came between them, of which the frame before may have bytes too; "join" where whole frames did: of another
   * format, or the Info frame of another file.
   */
  readonly gap: "damage" | "join" | null;
}

/** What all frames of a lock with the same bits of `KIND_MASK` share. */
interface FrameKind {
  readonly bits: number;
  readonly header: FrameHeader;
  readonly samples: SampleCount;
  readonly format: FrameFormat;
  /** Where main data begins; 0 in Layers I and II, which have no reservoir. */
  readonly mainDataOffset: number;
}

/** Version, layer, CRC, bitrate, sample rate, channel mode. */
const KIND_MASK = 0x1ffcc0;
const SYNC_BYTE = 0xff;

/**
 * Finds the frames in bytes that may hold anything.
 *
 * A sync word occurs in noise and inside frames, so a run of frames is believed only when further headers stand
 * where its first ones say (`findLock`); then it is *locked*. Locked, a frame needs nothing but its own bytes: it is
 * handed out with its last byte. A header that does not fit (damage, garbage, a new format) ends the lock, and the
 * search begins at that very byte: a real change of format is confirmed there, a damaged header is passed over.
 * Tags are skipped by counting; a lock survives them.
 *
 * Which frames come out depends on the bytes alone, never on how they were cut into chunks.
 *
 * Input is copied once, into an arena that is written from front to back; frames are views of it. Within one push
 * nothing that was handed out is written again; the next one begins at the front when it has to.
 */
export class Mp3FrameParser implements FrameParser {
  #arena: Uint8Array = new Uint8Array(0);
  /** Arena bytes from #start to #end are not decided yet. */
  #start = 0;
  #end = 0;
  /** Frames of this push are views of the arena. */
  #lent = false;
  #tagRemaining = 0;
  #lock: Lock | null = null;
  /** The lock before this one, or the one that was lost: tells a new format from a place found again. */
  #lastLock: Lock | null = null;
  #garbageSinceLock = false;
  /** No garbage since the last frame or tag: an ID3v1 tag may begin here. */
  #atBoundary = true;
  #kinds = new Map<number, FrameKind>();
  #lastKind: FrameKind | null = null;
  /** Of the next frame. */
  #gap: Mp3Frame["gap"] = null;
  #info: InfoFrame | undefined;
  #reservoir = new Reservoir();
  readonly #counts = { frames: 0, garbageBytes: 0, tagBytes: 0, infoFrames: 0, infoBytes: 0, resyncs: 0 };

  get counts(): Mp3ParserCounts {
    return this.#counts;
  }

  /** What the first Xing, Info or VBRI frame says; undefined where audio came before it: it is not about that. */
  get info(): InfoFrame | undefined {
    return this.#info;
  }

  push(chunk: Uint8Array): Mp3Frame[] {
    const frames: Mp3Frame[] = [];
    this.#lent = false;
    this.#reservoir.begin();
    let at = this.#skipTag(chunk.length);
    const left = chunk.length - at;
    if (left > this.#arena.length - this.#end && this.#start > 0) this.#renew(left);
    while (at < chunk.length) {
      at += this.#fill(chunk, at);
      this.#decide(frames, false);
      at += this.#skipTag(chunk.length - at);
    }
    return frames;
  }

  flush(): Mp3Frame[] {
    const frames: Mp3Frame[] = [];
    this.#decide(frames, true);
    this.#discard(this.#end - this.#start);
    return frames;
  }

  /** Counts up to `available` bytes of the tag being skipped and returns how many. */
  #skipTag(available: number): number {
    const skipped = Math.min(this.#tagRemaining, available);
    this.#tagRemaining -= skipped;
    this.#counts.tagBytes += skipped;
    return skipped;
  }

  /** Copies what the arena has room for and returns how much: at least a byte, as a new arena has room. */
  #fill(chunk: Uint8Array, at: number): number {
    if (this.#end === this.#arena.length) this.#renew(chunk.length - at);
    const length = Math.min(chunk.length - at, this.#arena.length - this.#end);
    this.#arena.set(length === chunk.length ? chunk : chunk.subarray(at, at + length), this.#end);
    this.#end += length;
    return length;
  }

  /** Moves what is not decided to the front of an arena with room for `wanted` bytes more, or as much as there may be. */
  #renew(wanted: number): void {
    const needed = this.#end - this.#start + wanted;
    const size = needed <= SMALL_ARENA_BYTES ? SMALL_ARENA_BYTES : ARENA_BYTES;
    if (this.#lent || size > this.#arena.length) {
      const arena = new Uint8Array(size);
      arena.set(this.#arena.subarray(this.#start, this.#end));
      this.#arena = arena;
    } else this.#arena.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** Decides as many bytes as can be. */
  #decide(frames: Mp3Frame[], final: boolean): void {
    let progress = true;
    while (progress) progress = this.#lock ? this.#follow(this.#lock, frames, final) : this.#search(final);
  }

  /** Hands out whole frames while headers fit the lock. False when more bytes must come first. */
  #follow(lock: Lock, frames: Mp3Frame[], final: boolean): boolean {
    const arena = this.#arena;
    const end = this.#end;
    let at = this.#start;
    let size = 0;
    while (at + HEADER_BYTES <= end) {
      const word = headerWord(arena, at);
      size = lockedFrameSize(lock, word);
      if (size === 0 || at + size > end) break;
      this.#takeFrame(arena.subarray(at, at + size), word, lock, frames);
      at += size;
    }
    this.#start = at;
    if (at + HEADER_BYTES > end || size !== 0) return false;
    const tag = tagSizeAtBoundary(arena, at, end, final);
    if (tag === "wait") return false;
    if (tag > 0) this.#takeTag(tag);
    else this.#lock = null;
    return true;
  }

  /** Looks for a tag or a run of frames. False when more bytes must come first. */
  #search(final: boolean): boolean {
    const bytes = this.#arena;
    const end = this.#end;
    const known = { bytes, end, final };
    const boundary = this.#atBoundary ? this.#start : -1;
    for (let at = this.#start; at < end; at++) {
      const byte = bytes[at];
      if (byte !== SYNC_BYTE) {
        if (byte !== ID3V2_FIRST_BYTE && byte !== APE_FIRST_BYTE && at !== boundary) continue;
        const tag = (at === boundary ? tagSizeAtBoundary : tagSize)(bytes, at, end, final);
        if (tag === 0) continue;
        this.#discard(at - this.#start);
        if (tag === "wait") return false;
        this.#takeTag(tag);
        return true;
      }
      const lock = at + HEADER_BYTES > end ? waitUnless(final) : findLock(known, at);
      if (lock === null) continue;
      this.#discard(at - this.#start);
      if (lock === "wait") return false;
      this.#enter(lock);
      return true;
    }
    this.#discard(end - this.#start);
    return false;
  }

  #enter(lock: Lock): void {
    const last = this.#lastLock;
    if (last && this.#garbageSinceLock) this.#counts.resyncs++;
    const sameFormat = last === null || sameRun(last, lock);
    if (!sameFormat) this.#reservoir.clear();
    if (last && this.#garbageSinceLock) this.#gap = "damage";
    else if (!sameFormat) this.#gap ??= "join";
    this.#garbageSinceLock = false;
    this.#atBoundary = true;
    this.#lock = lock;
    this.#lastLock = lock;
    this.#kinds.clear();
    this.#lastKind = null;
  }

  #takeFrame(bytes: Uint8Array, word: number, lock: Lock, frames: Mp3Frame[]): void {
    const kind = this.#kindOf(word, lock);
    if (isInfoFrame(bytes, kind.header)) {
      this.#counts.infoFrames++;
      this.#counts.infoBytes += bytes.length;
      if (this.#counts.frames === 0) this.#info ??= decodeInfoFrame(bytes);
      else this.#gap ??= "join";
      return;
    }
    this.#counts.frames++;
    this.#lent = true;
    const { samples, format } = kind;
    frames.push({ bytes, samples, format, reservoir: this.#reservoir.view(), gap: this.#gap });
    this.#gap = null;
    if (kind.mainDataOffset > 0) this.#reservoir.push(bytes, kind.mainDataOffset, bytes.length);
  }

  #takeTag(size: number): void {
    this.#tagRemaining = size;
    this.#start += this.#skipTag(this.#end - this.#start);
    this.#atBoundary = true;
  }

  /** Counts the next undecided bytes as garbage. */
  #discard(size: number): void {
    if (size === 0) return;
    this.#start += size;
    this.#counts.garbageBytes += size;
    this.#garbageSinceLock = true;
    this.#atBoundary = false;
  }

  #kindOf(word: number, lock: Lock): FrameKind {
    const bits = word & KIND_MASK;
    if (this.#lastKind?.bits === bits) return this.#lastKind;
    let kind = this.#kinds.get(bits);
    if (!kind) {
      const header = decodeHeaderWord(word);
      kind = {
        bits,
        header,
        samples: sampleCount(samplesPerFrame(header)),
        format: formatOf(header, lock.freeBytes),
        mainDataOffset: header.layer === 3 ? mainDataOffset(header) : 0,
      };
      this.#kinds.set(bits, kind);
    }
    this.#lastKind = kind;
    return kind;
  }
}

const waitUnless = (final: boolean): "wait" | null => (final ? null : "wait");
