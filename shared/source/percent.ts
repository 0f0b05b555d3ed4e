const percent = 0x25;

/** Value of an ASCII hexadecimal digit, or -1. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/**
 * Percent-decoding of bytes, so that the result can be in any charset. An escape that is none is passed to
 * `malformed`, which throws or returns for the `%` to be kept.
 */
export function percentDecode(bytes: Uint8Array, malformed: (offset: number) => void): Uint8Array {
  const decoded = new Uint8Array(bytes.length);
  let size = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte !== percent) {
      decoded[size++] = byte;
      continue;
    }
    const high = hexDigit(bytes[index + 1]);
    const low = hexDigit(bytes[index + 2]);
    if (high < 0 || low < 0) {
      malformed(index);
      decoded[size++] = byte;
      continue;
    }
    decoded[size++] = high * 16 + low;
    index += 2;
  }
  return decoded.subarray(0, size);
}
