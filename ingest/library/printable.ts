/**
 * A name as it may be shown: whoever made a file or a tag must not move the cursor, colour the screen or turn the
 * direction of the text around. What a terminal might obey is written as an escape.
 */
export const printable = (text: string): string =>
  text.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb\p{Surrogate}]/gu,
    (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
    },
  );

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

/** Not longer than `length` characters, the middle left out: names differ at both ends. */
export function shortened(text: string, length: number): string {
  const characters = Array.from(text);
  if (characters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${characters.slice(0, head).join("")}…${characters.slice(characters.length - (length - 1 - head)).join("")}`;
}
