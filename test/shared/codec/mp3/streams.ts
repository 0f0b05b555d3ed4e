import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../../../shared/codec/codec.ts";
import {
  type Mp3Frame,
  Mp3FrameParser,
  type Mp3ParserCounts,
} from "../../../../shared/codec/mp3/frame-parser.ts";
import type { InfoFrame } from "../../../../shared/codec/mp3/lame-tag.ts";
import { ProtocolError } from "../../../../shared/protocol-error.ts";

/** Fixtures of the repository with what encoders and ffprobe say of them: frames of audio, without the Info frame. */
export const FIXTURES = [
  { name: "cbr128-joint44.mp3", frames: 1150, key: "mpeg1/3/44100/2" },
  { name: "vbr-v2.mp3", frames: 1150, key: "mpeg1/3/44100/2" },
  { name: "mono48-64.mp3", frames: 1251, key: "mpeg1/3/48000/1" },
  { name: "mpeg2-22k-64.mp3", frames: 1151, key: "mpeg2/3/22050/2" },
  { name: "cbr320.mp3", frames: 576, key: "mpeg1/3/44100/2" },
  { name: "mpeg25-8k-16.mp3", frames: 141, key: "mpeg2.5/3/8000/1" },
  { name: "freeformat.mp3", frames: 193, key: "mpeg1/3/44100/2/free-653" },
  { name: "crc128.mp3", frames: 193, key: "mpeg1/3/44100/2" },
  { name: "layer2.mp2", frames: 192, key: "mpeg1/2/44100/2" },
] as const;

export const fixturePath = (name: string): string =>
  join(import.meta.dirname, "..", "..", "..", "fixtures", name);

export const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(fixturePath(name)));

/** The frames of a fixture. */
export const fixtureFrames = (name: string): Frame[] => parseWhole(fixture(name)).frames;

export interface Parsed {
  readonly frames: Mp3Frame[];
  readonly counts: Mp3ParserCounts;
  readonly info: InfoFrame | undefined;
}

/** Feeds `bytes` in chunks of the sizes given, then of the last size, and flushes. */
export function parse(bytes: Uint8Array, chunkSizes: Iterable<number>): Parsed {
  const parser = new Mp3FrameParser();
  const frames: Mp3Frame[] = [];
  const sizes = chunkSizes[Symbol.iterator]();
  let size = 1;
  for (let at = 0; at < bytes.length; at += size) {
    const next = sizes.next();
    if (next.done !== true) size = Math.max(1, next.value);
    // A chunk of its own that is wiped afterwards: the parser may not keep what it was lent.
    const chunk = bytes.slice(at, at + size);
    // Frames are lent in turn, until the next push.
    for (const frame of parser.push(chunk)) {
      frames.push({ ...frame, bytes: frame.bytes.slice(), reservoir: frame.reservoir.slice() });
    }
    chunk.fill(0xaa);
  }
  frames.push(...parser.flush());
  return { frames, counts: parser.counts, info: parser.info };
}

export const parseWhole = (bytes: Uint8Array): Parsed => parse(bytes, [bytes.length]);

/** Everything about the frames, short enough to compare by the thousand. */
export const fingerprint = (frames: readonly Frame[]): string[] =>
  frames.map((frame) => `${frame.format.key} ${frame.samples} ${hash(frame.bytes)} ${hash(frame.reservoir)}`);

const hash = (bytes: Uint8Array): string =>
  `${bytes.length}:${createHash("sha1").update(bytes).digest("hex").slice(0, 12)}`;

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

/** Repeatable noise (xorshift). */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

/** An ID3v2 tag whose body is `size` bytes of `fill`. */
export function id3v2(size: number, fill = 0, version = 4, flags = 0): Uint8Array {
  const tag = new Uint8Array(10 + size + ((flags & 0x10) === 0 ? 0 : 10)).fill(fill);
  tag.set([
    ...ascii("ID3"),
    version,
    0,
    flags,
    (size >> 21) & 127,
    (size >> 14) & 127,
    (size >> 7) & 127,
    size & 127,
  ]);
  return tag;
}

/** What `decode` returns, or null when it throws ProtocolError; anything else that it throws is thrown on. */
export function valueOrProtocolError<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
