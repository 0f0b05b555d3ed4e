import type { Chapter } from "./chapters.ts";
import { concatenate } from "./concatenate.ts";

/** What a tag says of a file. Absent and empty fields are left out. */
export interface Tag {
  readonly title: string;
  readonly artist?: string | undefined;
  readonly album?: string | undefined;
  readonly genre?: string | undefined;
  /** As ID3v2.4 writes it, in UTC: "2026-11-21T10:00:00". */
  readonly recorded?: string | undefined;
  readonly durationMs?: number | undefined;
  readonly chapters?: readonly Chapter[] | undefined;
}

/**
 * An ID3v2.4.0 tag, text in UTF-8, with its chapters in CHAP and CTOC frames (id3.org, "ID3v2 Chapter Frame Addendum"). The same
 * for the same input.
 */
export function encodeTag(tag: Tag): Uint8Array {
  const { chapters = [] } = tag;
  return tagOfFrames([
    textFrame("TIT2", tag.title),
    textFrame("TPE1", tag.artist),
    textFrame("TALB", tag.album),
    textFrame("TCON", tag.genre),
    textFrame("TDRC", tag.recorded),
    textFrame("TLEN", tag.durationMs === undefined ? undefined : String(Math.round(tag.durationMs))),
    ...tablesOfContents(chapters.length),
    ...chapters.map(chapterFrame),
  ]);
}

/** An ID3v2.4.0 tag of these frames. */
export function tagOfFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = concatenate(frames);
  return concatenate([ascii("ID3"), Uint8Array.of(4, 0, 0), syncSafe(body.length), body]);
}

/** A table counts its entries in one byte: of more chapters there are tables of tables. */
const maxEntries = 255;

function tablesOfContents(chapters: number): Uint8Array[] {
  if (chapters === 0) return [];
  const names = Array.from({ length: chapters }, (_, index) => chapterId(index));
  if (chapters <= maxEntries) return [tableOfContents("toc", names, true)];
  const parts = Array.from({ length: Math.ceil(chapters / maxEntries) }, (_, part) => ({
    id: `toc${part}`,
    names: names.slice(part * maxEntries, (part + 1) * maxEntries),
  })).slice(0, maxEntries);
  return [
    tableOfContents(
      "toc",
      parts.map(({ id }) => id),
      true,
    ),
    ...parts.map(({ id, names: entries }) => tableOfContents(id, entries, false)),
  ];
}

function tableOfContents(id: string, entries: readonly string[], isTop: boolean): Uint8Array {
  const ordered = 1;
  const flags = ordered | (isTop ? 2 : 0);
  return frame("CTOC", [
    ascii(`${id}\0`),
    Uint8Array.of(flags, entries.length),
    ascii(entries.map((entry) => `${entry}\0`).join("")),
  ]);
}

function chapterFrame({ startMs, endMs, text: title }: Chapter, index: number): Uint8Array {
  const times = new Uint8Array(16);
  const view = new DataView(times.buffer);
  view.setUint32(0, Math.min(Math.round(startMs), 0xffff_fffe));
  view.setUint32(4, Math.min(Math.round(endMs), 0xffff_fffe));
  // Places by byte: not said, the times count.
  view.setUint32(8, 0xffff_ffff);
  view.setUint32(12, 0xffff_ffff);
  return frame("CHAP", [ascii(`${chapterId(index)}\0`), times, textFrame("TIT2", title)]);
}

const chapterId = (index: number): string => `chp${index}`;

/** A text frame, or nothing where there is no text. A NUL would end it, and begin another text. */
export function textFrame(id: string, value: string | undefined): Uint8Array {
  return value === undefined || value === ""
    ? new Uint8Array(0)
    : frame(id, [utf8, encoder.encode(safe(value))]);
}

/** An address with an empty description. */
export const addressFrame = (value: string | undefined): Uint8Array =>
  value === undefined || value === ""
    ? new Uint8Array(0)
    : frame("WXXX", [utf8, encoder.encode(`\0${safe(value)}`)]);

const safe = (value: string): string => value.toWellFormed().replaceAll("\0", " ");

/** Encoding of the text that follows. */
const utf8 = Uint8Array.of(3);

export function frame(id: string, parts: readonly Uint8Array[]): Uint8Array {
  const body = concatenate(parts);
  return concatenate([ascii(id), syncSafe(body.length), new Uint8Array(2), body]);
}

/** Four times seven bits, so that no tag looks like a frame's sync word. */
export const syncSafe = (value: number): Uint8Array =>
  Uint8Array.of((value >> 21) & 0x7f, (value >> 14) & 0x7f, (value >> 7) & 0x7f, value & 0x7f);

const encoder = new TextEncoder();
export const ascii = (value: string): Uint8Array => encoder.encode(value);
