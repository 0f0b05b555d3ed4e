/*
 * How titles are written towards players that do not read UTF-8. An encoding is known by a label of the Encoding
 * Standard, or a name that iconv has for the same ("ISO8859-1", "CP1251"), and its table is the host's own decoder read
 * backwards: single bytes, and pairs of bytes for those of East Asia. Encodings with states, or of which a byte could be
 * a quote, are none for ICY.
 */
export interface TitleEncoding {
  /** Its name in the Encoding Standard; "iso-8859-1" is Latin-1 itself and not windows-1252. */
  readonly name: string;
  /** Whether it can write a code point. */
  has(character: string): boolean;
  /** Never longer than the text in UTF-8; "?" stands for what the encoding does not have. */
  encode(text: string): Uint8Array;
}

const encoder = new TextEncoder();

export const utf8Encoding: TitleEncoding = {
  name: "utf-8",
  has: () => true,
  encode: (text) => encoder.encode(text),
};

const encodings = new Map<string, TitleEncoding>();
/** Names that are remembered come from the settings; more than these have no use. */
const maxKnown = 256;

/** UTF-8 where the label is absent or names no encoding that ICY can have. Always the same object for the same encoding. */
export function titleEncoding(label: string | undefined): TitleEncoding {
  const key = label?.trim().toLowerCase() ?? "utf-8";
  const known = encodings.get(key);
  if (known) return known;
  if (encodings.size >= maxKnown) encodings.clear();
  const name = nameOf(key);
  const made = encodings.get(name) ?? make(name);
  encodings.set(name, made);
  encodings.set(key, made);
  return made;
}

/** Whether titles can be written in it. */
export const isTitleEncoding = (label: string): boolean => {
  const name = nameOf(label.trim().toLowerCase());
  return name === "utf-8" ? /^\s*utf-?8\s*$/i.test(label) : true;
};

function nameOf(label: string): string {
  if (/^(?:iso[-_]?8859[-_]?1|latin-?1|l1|cp819)$/.test(label)) return latin1;
  const spelt = label
    .replace(/^iso[-_]?8859[-_]?(\d+)$/, "iso-8859-$1")
    .replace(/^cp-?(125\d|866|874)$/, (_, page: string) => (page === "866" ? "ibm866" : `windows-${page}`))
    .replace(/^koi8r$/, "koi8-r")
    .replace(/^koi8u$/, "koi8-u")
    .replace(/^(?:cp949|uhc)$/, "euc-kr");
  try {
    const { encoding } = new TextDecoder(spelt);
    return unfit.test(encoding) ? "utf-8" : encoding;
  } catch {
    return "utf-8";
  }
}

const latin1 = "iso-8859-1";
const unfit = /^(?:utf-16|iso-2022|replacement|x-user-defined|utf-8)/;
const pairs = /^(?:euc-kr|euc-jp|shift_jis|gbk|gb18030|big5)$/;

function make(name: string): TitleEncoding {
  if (name === "utf-8") return utf8Encoding;
  let made: ReadonlyMap<string, readonly number[]> | undefined;
  // Worked out when the first title is written: the pairs take some milliseconds.
  const table = (): ReadonlyMap<string, readonly number[]> => (made ??= tableOf(name));
  return {
    name,
    has: (character) => table().has(character),
    encode: (text) => {
      const bytes: number[] = [];
      for (const character of text.toWellFormed()) {
        const found = table().get(character);
        if (found) bytes.push(...found);
        else for (const instead of plainForms[character] ?? "?") bytes.push(instead.charCodeAt(0));
      }
      return Uint8Array.from(bytes);
    },
  };
}

/** Typography that reads as well without, where the encoding does not have it. */
const plainForms: Readonly<Record<string, string>> = {
  "\u2018": "'",
  "\u2019": "'",
  "\u201c": '"',
  "\u201d": '"',
  "\u2013": "-",
  "\u2014": "-",
  "\u2026": "...",
  "\u00a0": " ",
};

function tableOf(name: string): Map<string, readonly number[]> {
  const table = new Map<string, readonly number[]>();
  const add = (character: string, bytes: readonly number[]): void => {
    // Of several ways to write a character the first is the usual one.
    if (Array.from(character).length === 1 && character !== "\ufffd" && !table.has(character)) {
      table.set(character, bytes);
    }
  };
  for (let byte = 0; byte < 0x80; byte++) add(String.fromCharCode(byte), [byte]);
  const decoder = new TextDecoder(name === latin1 ? "windows-1252" : name);
  for (let byte = 0x80; byte <= 0xff; byte++) {
    const text = name === latin1 ? String.fromCharCode(byte) : decoder.decode(Uint8Array.of(byte));
    add(text, [byte]);
  }
  if (pairs.test(name)) for (let lead = 0x81; lead <= 0xfe; lead++) addPairs(decoder, lead, add);
  return table;
}

/** All pairs of one lead byte in a single call: none has a line feed as its second byte. */
function addPairs(
  decoder: TextDecoder,
  lead: number,
  add: (character: string, bytes: readonly number[]) => void,
): void {
  const first = 0x40;
  const last = 0xfe;
  const lines = new Uint8Array(3 * (last - first + 1)).fill(0x0a);
  for (let trail = first; trail <= last; trail++) {
    lines[3 * (trail - first)] = lead;
    lines[3 * (trail - first) + 1] = trail;
  }
  const texts = decoder.decode(lines).split("\n");
  for (let trail = first; trail <= last; trail++) add(texts[trail - first] ?? "", [lead, trail]);
}
