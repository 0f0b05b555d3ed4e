import { MAX_TAG_BYTES } from "./limits.ts";

/** Bytes the tag takes; 0 when none begins here; "wait" when more bytes must come to tell. */
export type TagSize = number | "wait";

const ID3V2_HEADER_BYTES = 10;
const ID3V1_BYTES = 128;
const ID3V1_EXTENSION_BYTES = 227;
const APE_HEADER_BYTES = 32;

const ASCII = new TextEncoder();
const ID3V2_MAGIC = ASCII.encode("ID3");
const ID3V1_MAGIC = ASCII.encode("TAG");
const APE_MAGIC = ASCII.encode("APETAGEX");

/** What the tags that `tagSize` knows begin with: a search passes every other byte by. */
export const ID3V2_FIRST_BYTE = 0x49;
export const APE_FIRST_BYTE = 0x41;

/**
 * Tags whose beginning is unlikely enough to be believed anywhere, also amid garbage: ID3v2 and APE. `end` bounds the
 * bytes known so far; with `final` nothing more will come and "wait" is never the answer.
 */
export function tagSize(bytes: Uint8Array, at: number, end: number, final: boolean): TagSize {
  if (bytes[at] === ID3V2_FIRST_BYTE) return id3v2Size(bytes, at, end, final);
  if (bytes[at] === APE_FIRST_BYTE) return apeSize(bytes, at, end, final);
  return 0;
}

/** As `tagSize`, and ID3v1, whose three letters are believed only where a frame could begin. */
export function tagSizeAtBoundary(bytes: Uint8Array, at: number, end: number, final: boolean): TagSize {
  if (bytes[at] === ID3V1_MAGIC[0]) return id3v1Size(bytes, at, end, final);
  return tagSize(bytes, at, end, final);
}

/**
 * ID3v2.2 to 2.4 (id3.org, "ID3v2 header"): "ID3", version, revision, flags, size as four times 7 bits. The size
 * counts neither the header nor 2.4's footer.
 */
function id3v2Size(bytes: Uint8Array, at: number, end: number, final: boolean): TagSize {
  const magic = match(bytes, at, end, ID3V2_MAGIC);
  if (magic === "no") return 0;
  if (end - at < ID3V2_HEADER_BYTES) return final ? 0 : "wait";
  const version = bytes[at + 3] ?? 0;
  const flags = bytes[at + 5] ?? 0;
  if (version < 2 || version > 4 || bytes[at + 4] === 0xff || (flags & 0x0f) !== 0) return 0;
  let size = 0;
  for (let i = 6; i < ID3V2_HEADER_BYTES; i++) {
    const byte = bytes[at + i] ?? 0;
    if (byte > 0x7f) return 0;
    size = size * 128 + byte;
  }
  const hasFooter = version === 4 && (flags & 0x10) !== 0;
  const total = ID3V2_HEADER_BYTES + size + (hasFooter ? ID3V2_HEADER_BYTES : 0);
  return total > MAX_TAG_BYTES ? 0 : total;
}

/** ID3v1: "TAG" and 125 bytes. "TAG+" and 223 bytes is its extension when "TAG" follows, else a title with a plus. */
function id3v1Size(bytes: Uint8Array, at: number, end: number, final: boolean): TagSize {
  const magic = match(bytes, at, end, ID3V1_MAGIC);
  if (magic === "no") return 0;
  if (magic === "partly") return final ? 0 : "wait";
  if (end - at < 4) return final ? ID3V1_BYTES : "wait";
  if (bytes[at + 3] !== 0x2b) return ID3V1_BYTES;
  const after = match(bytes, at + ID3V1_EXTENSION_BYTES, end, ID3V1_MAGIC);
  if (after === "partly" && !final) return "wait";
  return after === "yes" ? ID3V1_EXTENSION_BYTES : ID3V1_BYTES;
}

/**
 * APEv1 and v2: a 32-byte header and footer alike: "APETAGEX", version, size of items and footer, item count, flags
 * (bit 29: this is the header), all little-endian. A footer met by itself ends a tag whose items, without a header
 * to announce them, have passed as garbage already.
 */
function apeSize(bytes: Uint8Array, at: number, end: number, final: boolean): TagSize {
  const magic = match(bytes, at, end, APE_MAGIC);
  if (magic === "no") return 0;
  if (end - at < APE_HEADER_BYTES) return final ? 0 : "wait";
  const word = (offset: number): number =>
    ((bytes[at + offset] ?? 0) |
      ((bytes[at + offset + 1] ?? 0) << 8) |
      ((bytes[at + offset + 2] ?? 0) << 16) |
      ((bytes[at + offset + 3] ?? 0) << 24)) >>>
    0;
  const version = word(8);
  if (version !== 1000 && version !== 2000) return 0;
  const isHeader = version === 2000 && (word(20) & 0x2000_0000) !== 0;
  const total = APE_HEADER_BYTES + (isHeader ? word(12) : 0);
  return total > MAX_TAG_BYTES ? 0 : total;
}

/** Whether `magic` stands at `at`, or all of it that is before `end`. */
function match(bytes: Uint8Array, at: number, end: number, magic: Uint8Array): "yes" | "no" | "partly" {
  for (let i = 0; i < magic.length; i++) {
    if (at + i >= end) return "partly";
    if (bytes[at + i] !== magic[i]) return "no";
  }
  return "yes";
}
