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
 * most likely. Never throws: what cannot be understood names nothing.
 */
export function parseMusicList(bytes: Buffer, kind: ListKind, maxEntries: number): ListEntry[] {
  const lines = linesOf(bytes);
  return (kind === "m3u" ? m3uEntries(lines) : plsEntries(lines)).slice(0, maxEntries);
}

interface Line {
  readonly text: string;
  /** Null where the list is in an encoding that no file system has. */
  readonly bytes: Buffer | null;
}

function m3uEntries(lines: readonly Line[]): ListEntry[] {
  const entries: ListEntry[] = [];
  let title: string | undefined;
  for (const line of lines) {
    const text = line.text.trim();
    if (text === "") continue;
    if (!text.startsWith("#")) {
      entries.push({ location: text, bytes: trimmed(line), ...(title && { title }) });
      title = undefined;
    } else if (/^#EXTINF:/i.test(text)) title = extinfTitle(text);
  }
  return entries;
}

/** `#EXTINF:213 key="a, b",Artist - Title`: all after the first comma that is not in quotes. */
const extinfTitle = (text: string): string | undefined =>
  /^#EXTINF:(?:[^,"]|"[^"]*"|"(?=[^"]*$))*,(.*)$/is.exec(text.slice(0, titleLength))?.[1]?.trim();

/** No title is longer; the search for it must not take long in what is no list. */
const titleLength = 2_048;

function plsEntries(lines: readonly Line[]): ListEntry[] {
  const files = new Map<number, Line>();
  const titles = new Map<number, string>();
  for (const line of lines) {
    const [, key = "", digits = "", value = ""] =
      /^\s*(file|title)(\d{1,9})\s*=(.*)$/is.exec(line.text) ?? [];
    if (key === "") continue;
    const number = Number(digits);
    if (key.toLowerCase() === "title") titles.set(number, value.trim());
    else if (value.trim() !== "") {
      const start = line.bytes === null ? -1 : line.bytes.indexOf("=") + 1;
      files.set(number, { text: value, bytes: start < 1 ? null : (line.bytes?.subarray(start) ?? null) });
    }
  }
  return [...files]
    .toSorted(([a], [b]) => a - b)
    .map(([number, line]) => {
      const title = titles.get(number);
      return { location: line.text.trim(), bytes: trimmed(line), ...(title && { title }) };
    });
}

/** The bytes of the text without what is white around it. */
function trimmed({ bytes }: Line): Buffer | null {
  if (bytes === null) return null;
  let [start, end] = [0, bytes.length];
  while (start < end && isWhite(bytes[start])) start++;
  while (end > start && isWhite(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}
const isWhite = (byte: number | undefined): boolean => byte !== undefined && byte <= 0x20;

function linesOf(bytes: Buffer): Line[] {
  const wide = wideEncoding(bytes);
  if (wide !== null) return split(decoded(bytes, wide)).map((text) => ({ text, bytes: null }));
  const content = bytes.subarray(startsWith(bytes, 0xef, 0xbb, 0xbf) ? 3 : 0);
  const label = encodingOf(content);
  return split(content.toString("latin1")).map((line) => {
    const raw = Buffer.from(line, "latin1");
    return { text: decoded(raw, label), bytes: raw };
  });
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

const decoded = (bytes: Uint8Array, label: string): string => new TextDecoder(label).decode(bytes);
