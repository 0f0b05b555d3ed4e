import { guessEncoding } from "../analysis/legacy-text.ts";

/** What a list names: as text, and as the bytes that stand there where those may be the name itself. */
export interface ListEntry {
  readonly location: string;
  readonly bytes: Buffer | null;
  /** Of `#EXTINF` or `Title1=`. */
  readonly title?: string;
}

export type ListKind = "m3u" | "pls";

/** By the name of a file; null when it is no list. */
export function listKind(name: string): ListKind | null {
  if (/\.m3u8?$/i.test(name)) return "m3u";
  return /\.pls$/i.test(name) ? "pls" : null;
}

/**
 * The entries of a list in its order. M3U as Winamp wrote it (a line each, `#EXTINF:seconds,title` before), PLS with its
 * entries by number. Anything may end a line; encodings are told by a byte order mark, `#EXTENC`, or what the bytes are
 * most likely. Never throws: what cannot be understood names nothing. Of what is no list it makes no more work than of
 * one with `maxEntries`: it is called where sources are served.
 */
export function parseMusicList(bytes: Buffer, kind: ListKind, maxEntries: number): ListEntry[] {
  const text = textOf(bytes);
  return kind === "m3u" ? m3uEntries(text, maxEntries) : plsEntries(text, maxEntries);
}

interface ListText {
  readonly content: Buffer;
  readonly decode: (bytes: Buffer) => string;
  /** Whether a file system may have names of these bytes. */
  readonly isNarrow: boolean;
}

/** Lines that are looked at for each entry that a list may have: M3U has two, and a comment, PLS three. */
const linesPerEntry = 4;

/** A longer line names nothing: a path has 4,096 bytes, as a URL three times as many. */
const lineBytes = 16_384;

function m3uEntries({ content, decode, isNarrow }: ListText, maxEntries: number): ListEntry[] {
  const entries: ListEntry[] = [];
  let extinf: Buffer | undefined;
  for (const line of linesOf(content, maxEntries * linesPerEntry)) {
    if (line[0] === 0x23) {
      if (/^#EXTINF:/i.test(line.toString("latin1", 0, 8))) extinf = line;
      continue;
    }
    const location = decode(line).trim();
    if (location === "") continue;
    const title = extinf && extinfTitle(decode(extinf));
    extinf = undefined;
    entries.push({ location, bytes: isNarrow ? line : null, ...(title && { title }) });
    if (entries.length === maxEntries) break;
  }
  return entries;
}

/** `#EXTINF:213 key="a, b",Artist - Title`: all after the first comma that is not in quotes. */
const extinfTitle = (text: string): string | undefined =>
  /^#EXTINF:(?:[^,"]|"[^"]*"|"(?=[^"]*$))*,(.*)$/is.exec(text.slice(0, titleLength))?.[1]?.trim();

/** No title is longer; the search for it must not take long in what is no list. */
const titleLength = 2_048;

function plsEntries({ content, decode, isNarrow }: ListText, maxEntries: number): ListEntry[] {
  const files = new Map<number, Buffer>();
  const titles = new Map<number, Buffer>();
  for (const line of linesOf(content, maxEntries * linesPerEntry)) {
    const [before = "", key = "", digits = ""] =
      /^(file|title)(\d{1,9})\s*=/i.exec(line.toString("latin1", 0, 32)) ?? [];
    if (before === "") continue;
    const value = trimmed(line.subarray(before.length));
    const of = key.toLowerCase() === "title" ? titles : files;
    if (value.length > 0 && of.size < maxEntries) of.set(Number(digits), value);
  }
  return [...files]
    .toSorted(([a], [b]) => a - b)
    .map(([number, line]) => {
      const written = titles.get(number);
      const title = written && decode(written).trim();
      return { location: decode(line).trim(), bytes: isNarrow ? line : null, ...(title && { title }) };
    })
    .filter(({ location }) => location !== "");
}

/** Without what is white around it. */
function trimmed(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length];
  while (start < end && isWhite(bytes[start])) start++;
  while (end > start && isWhite(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}
// Not escape, which begins letters of ISO-2022-JP.
const isWhite = (byte: number | undefined): boolean => byte !== undefined && byte <= 0x20 && byte !== 0x1b;

function textOf(bytes: Buffer): ListText {
  const wide = wideEncoding(bytes);
  const content =
    wide === null ? bytes.subarray(startsWith(bytes, 0xef, 0xbb, 0xbf) ? 3 : 0) : inUtf8(bytes, wide);
  const decoder = new TextDecoder(wide === null ? encodingOf(content) : "utf-8");
  return { content, decode: (line) => decoder.decode(line), isNarrow: wide === null };
}

const inUtf8 = (bytes: Buffer, label: string): Buffer => Buffer.from(new TextDecoder(label).decode(bytes));

/** Trimmed lines of 1 to `lineBytes` bytes; of no more than `maxLines` lines that are not empty. */
function* linesOf(content: Buffer, maxLines: number): Generator<Buffer> {
  let start = 0;
  let lines = 0;
  for (let at = 0; at <= content.length && lines < maxLines; at++) {
    const byte = content[at];
    if (byte !== undefined && byte !== 0x0a && byte !== 0x0d) continue;
    const line = at === start ? undefined : trimmed(content.subarray(start, at));
    start = at + 1;
    if (!line || line.length === 0) continue;
    lines++;
    if (line.length <= lineBytes) yield line;
  }
}

const split = (text: string): string[] => text.split(/\r\n|\n|\r/);

function wideEncoding(bytes: Buffer): string | null {
  if (startsWith(bytes, 0xff, 0xfe)) return "utf-16le";
  return startsWith(bytes, 0xfe, 0xff) ? "utf-16be" : null;
}

const startsWith = (bytes: Buffer, ...mark: readonly number[]): boolean =>
  mark.every((byte, index) => bytes[index] === byte);

/** What a long list is in shows in its beginning. */
const guessedBytes = 65_536;

function encodingOf(content: Buffer): string {
  const [, named = ""] = /^#EXTENC:[ \t]*([\w-]{1,40})/im.exec(content.toString("latin1", 0, 4096)) ?? [];
  if (named !== "" && isEncoding(named)) return named;
  // Lines of ASCII say nothing, and a line cut in two would say something wrong.
  const telling = split(content.toString("latin1", 0, guessedBytes)).slice(0, -1);
  const sample = content.length < guessedBytes ? content : Buffer.from(telling.join("\n"), "latin1");
  return guessEncoding(
    Buffer.from(sample.toString("latin1").replace(/^[ -~\t]*(\r\n|\n|\r)/gm, ""), "latin1"),
  );
}

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== "";
  } catch {
    return false;
  }
}
