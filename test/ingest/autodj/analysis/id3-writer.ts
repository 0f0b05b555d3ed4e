/** Tags byte by byte, as old and new taggers write them. */

const synchsafe = (size: number): number[] => [21, 14, 7, 0].map((shift) => (size >>> shift) & 0x7f);
const bigEndian = (size: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (size >>> (8 * (bytes - 1 - i))) & 0xff);

export interface Id3Frame {
  readonly id: string;
  /** Encoding byte and text, or whatever the frame holds. */
  readonly body: Uint8Array;
}

export const latin1Text = (id: string, text: Uint8Array | string): Id3Frame => ({
  id,
  body: Buffer.concat([Buffer.of(0), typeof text === "string" ? Buffer.from(text, "latin1") : text]),
});

/** `bom` null: none, little-endian. */
export function utf16Text(id: string, text: string, bom: "le" | "be" | null): Id3Frame {
  const little = Buffer.from(text, "utf16le");
  const body = bom === "be" ? Buffer.from(little).swap16() : little;
  const mark = bom === null ? [] : bom === "be" ? [0xfe, 0xff] : [0xff, 0xfe];
  return { id, body: Buffer.concat([Buffer.from([1, ...mark]), body]) };
}

/** Encoding 2 of ID3v2.4. */
export const utf16BeText = (id: string, text: string): Id3Frame => ({
  id,
  body: Buffer.concat([Buffer.of(2), Buffer.from(text, "utf16le").swap16()]),
});

export const utf8Text = (id: string, text: string): Id3Frame => ({
  id,
  body: Buffer.concat([Buffer.of(3), Buffer.from(text)]),
});

export const userText = (name: string, value: string): Id3Frame => latin1Text("TXXX", `${name}\0${value}`);

export function id3v2(version: 2 | 3 | 4, frames: readonly Id3Frame[], flags = 0, claimed?: number): Buffer {
  const parts = frames.map(({ id, body }) => {
    const size = version === 4 ? synchsafe(body.length) : bigEndian(body.length, version === 2 ? 3 : 4);
    return Buffer.concat([
      Buffer.from(id, "latin1"),
      Buffer.from([...size, ...(version === 2 ? [] : [0, 0])]),
      body,
    ]);
  });
  const plain = Buffer.concat(parts);
  const body = (flags & 0x80) === 0 ? plain : unsynchronised(plain);
  const head = [0x49, 0x44, 0x33, version, 0, flags, ...synchsafe(claimed ?? body.length)];
  return Buffer.concat([Buffer.from(head), body]);
}

function unsynchronised(bytes: Buffer): Buffer {
  const out: number[] = [];
  for (const [i, byte] of bytes.entries()) {
    out.push(byte);
    const next = bytes[i + 1] ?? 0;
    if (byte === 0xff && (next === 0 || next >= 0xe0)) out.push(0);
  }
  return Buffer.from(out);
}

export function id3v1(title: Uint8Array, artist: Uint8Array): Buffer {
  const tag = Buffer.alloc(128);
  tag.write("TAG");
  tag.set(title.subarray(0, 30), 3);
  tag.set(artist.subarray(0, 30), 33);
  tag[127] = 255;
  return tag;
}

/** APEv2 without a header, as mp3gain and others put it at the end. */
export function apeV2(items: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(items).map(([key, value]) => {
    const text = Buffer.from(value);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(text.length);
    return Buffer.concat([head, Buffer.from(`${key}\0`, "latin1"), text]);
  });
  const body = Buffer.concat(parts);
  const footer = Buffer.alloc(32);
  footer.write("APETAGEX");
  footer.writeUInt32LE(2000, 8);
  footer.writeUInt32LE(body.length + 32, 12);
  footer.writeUInt32LE(parts.length, 16);
  return Buffer.concat([body, footer]);
}
