const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Latin-1 proper: byte n is code point n, so the bytes can be had back with `encodeLatin1`. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes of a text that has no code point above 255, or null. */
export function encodeLatin1(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0xff) return null;
    bytes[index] = code;
  }
  return bytes;
}

/** UTF-8, or null when the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}

/** What sources mean by bytes without a declared charset: UTF-8 when they are valid UTF-8, else Latin-1. */
export function decodeText(bytes: Uint8Array): string {
  return decodeUtf8(bytes) ?? decodeLatin1(bytes);
}

/** Without C0 and C1 control characters, DEL and the Unicode line separators; those between words become a space. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

/** Whether an ASCII control character other than tab is there. C1 is let through: it may be windows-1252 text. */
export function hasControls(text: string): boolean {
  return /(?=[\0-\x7f])(?!\t)\p{Cc}/u.test(text);
}

/** Without spaces and tabs at the ends; no other white space goes, and no regular expression runs in a square of time. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** At most `maxUnits` UTF-16 units, never half a surrogate pair. */
export function truncate(text: string, maxUnits: number): string {
  if (text.length <= maxUnits) return text;
  const last = text.charCodeAt(maxUnits - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? maxUnits - 1 : maxUnits);
}
