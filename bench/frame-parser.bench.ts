import { test } from "vitest";
import { Mp3FrameParser } from "../shared/codec/mp3/frame-parser.ts";
import { fixture } from "../test/shared/codec/mp3/streams.ts";

/**
 * Throughput of the frame parser. Every run takes 8 MB, so runs per second times eight are MB/s; the budget is 500
 * MB/s, 62 runs, for constant bitrate in large chunks.
 */
const RUN_BYTES = 8_000_000;
/** The largest chunk that a socket of Node hands over, and one TCP segment of Ethernet. */
const LARGE_CHUNK = 64 * 1024;
const SMALL_CHUNK = 1_400;
const GARBAGE_EVERY_BYTES = 20_000;
const GARBAGE_BYTES = 700;

// oxlint-disable-next-line vitest/expect-expect -- it measures, and asserts nothing about time
test("frame parser, 8 MB a run", { timeout: 120_000 }, async ({ bench }) => {
  const cbr = stream("cbr128-joint44.mp3");
  const vbr = stream("vbr-v2.mp3");
  const low = stream("mpeg25-8k-16.mp3");
  const free = stream("freeformat.mp3");
  const dirty = withGarbage(cbr);
  const text = new Uint8Array(Buffer.alloc(RUN_BYTES, "It is no audio at all, And yet It comes. "));
  await bench.compare(
    bench("128 kb/s CBR, 64 KiB chunks", () => parse(cbr, LARGE_CHUNK)),
    bench("128 kb/s CBR, 1400-byte chunks", () => parse(cbr, SMALL_CHUNK)),
    bench("VBR with tags, 64 KiB chunks", () => parse(vbr, LARGE_CHUNK)),
    bench("16 kb/s, 64 KiB chunks", () => parse(low, LARGE_CHUNK)),
    bench("free format, 64 KiB chunks", () => parse(free, LARGE_CHUNK)),
    bench("128 kb/s CBR with garbage every 20 kB, 1400-byte chunks", () => parse(dirty, SMALL_CHUNK)),
    bench("text, 1400-byte chunks", () => parse(text, SMALL_CHUNK)),
  );
});

function parse(bytes: Uint8Array, chunkBytes: number): void {
  const parser = new Mp3FrameParser();
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.push(bytes.subarray(at, at + chunkBytes));
  parser.flush();
}

/** A fixture over and over. */
function stream(name: string): Uint8Array {
  const one = fixture(name);
  return new Uint8Array(
    Buffer.concat(
      Array.from({ length: Math.ceil(RUN_BYTES / one.length) }, () => one),
      RUN_BYTES,
    ),
  );
}

function withGarbage(bytes: Uint8Array): Uint8Array {
  const dirty = bytes.slice();
  for (let at = GARBAGE_EVERY_BYTES; at < dirty.length; at += GARBAGE_EVERY_BYTES) {
    dirty.fill(0xfb, at, at + GARBAGE_BYTES);
  }
  return dirty;
}
