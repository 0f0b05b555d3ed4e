/** Bytes of UTF-8 that a title may have: with `StreamTitle='` and `';` it fills an ICY block, which ends in a NUL. */
export const maxTitleBytes = 255 * 16 - 1 - "StreamTitle='';".length;

/**
 * What a source set → what is stored and may travel: one line of well-formed Unicode, trimmed, at most
 * `maxTitleBytes` of UTF-8. Line breaks and tabs become one space, other control characters vanish, a lone surrogate
 * becomes U+FFFD. Quotes and semicolons stay as they are: making them safe for ICY is the block's business (`icy.ts`),
 * because JSON, the page and the archive have no trouble with them. Idempotent and total.
 */
export function sanitiseTitle(text: string): string {
  // A title is cut anyway: the longest one that could survive bounds the work on a hostile one.
  const bounded = text.slice(0, 4 * maxTitleBytes);
  const line = bounded
    .toWellFormed()
    .replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, " ")
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "");
  return cutToBytes(line.trim(), maxTitleBytes).trimEnd();
}

/** The longest prefix of whole code points that fits `limit` bytes of UTF-8. */
export function cutToBytes(text: string, limit: number): string {
  if (text.length * 3 <= limit) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += utf8Length(character.codePointAt(0) ?? 0);
    if (bytes > limit) return text.slice(0, end);
    end += character.length;
  }
  return text;
}

function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
