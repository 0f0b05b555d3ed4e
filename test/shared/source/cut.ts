import * as fc from "fast-check";

/** UTF-8 bytes of a text, or the bytes themselves. */
export function bytesOf(input: string | readonly number[]): Uint8Array {
  return typeof input === "string" ? new TextEncoder().encode(input) : Uint8Array.from(input);
}

export function textOf(...chunks: readonly Uint8Array[]): string {
  return new TextDecoder().decode(Uint8Array.from(chunks.flatMap((chunk) => [...chunk])));
}

/** The bytes as one chunk, as one-byte chunks, and in two cut at every place. */
export function everyCut(bytes: Uint8Array): Uint8Array[][] {
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const pairs = Array.from(bytes, (_, at) => [bytes.slice(0, at), bytes.slice(at)]);
  return [[bytes], single, ...pairs];
}

/** The bytes cut at these places (taken modulo the length); empty chunks may come of it. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...sorted].map((start, index) => bytes.slice(start, sorted[index] ?? bytes.length));
}

export const places = fc.array(fc.nat(10_000), { maxLength: 12 });

/** Bytes near a protocol: pieces of its own words, mixed with line endings and anything at all. */
export function bytesLike(words: readonly string[]): fc.Arbitrary<Uint8Array> {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...words, "\r\n", "\n", "\r", " ", ":").map(bytesOf) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  );
  return fc.array(piece, { maxLength: 24 }).map((pieces) => Uint8Array.from(pieces.flatMap((p) => [...p])));
}
