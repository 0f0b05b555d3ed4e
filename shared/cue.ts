import type { Chapter } from "./chapters.ts";

/**
 * A cue sheet (CDRWIN's format as players read it) of an MP3 file: UTF-8, one track for each chapter. The format has no escapes;
 * a track's performer is what stands before " - ".
 */
export function cueSheet(
  { file, title, performer }: { readonly file: string; readonly title: string; readonly performer: string },
  chapters: readonly Chapter[],
): string {
  // A sheet without tracks is none to players.
  const tracks = chapters.length > 0 ? chapters : [{ startMs: 0, text: title }];
  const lines = [`PERFORMER ${quoted(performer)}`, `TITLE ${quoted(title)}`, `FILE ${quoted(file)} MP3`];
  for (const [index, { startMs, text }] of tracks.entries()) {
    const [, artist, song = text] = /^(.+?) - (.+)$/s.exec(text) ?? [];
    lines.push(`  TRACK ${padded(index + 1)} AUDIO`, `    TITLE ${quoted(song)}`);
    if (artist !== undefined) lines.push(`    PERFORMER ${quoted(artist)}`);
    lines.push(`    INDEX 01 ${cueTime(startMs)}`);
  }
  return `${lines.join("\r\n")}\r\n`;
}

const quoted = (text: string): string =>
  `"${text
    .replaceAll('"', "'")
    .replace(/\p{Cc}+/gu, " ")
    .trim()}"`;

/** Minutes, seconds and frames of 1/75 s; minutes go on after 99. */
function cueTime(ms: number): string {
  const frames = Math.round((ms * 75) / 1_000);
  const seconds = Math.floor(frames / 75);
  return `${padded(Math.floor(seconds / 60))}:${padded(seconds % 60)}:${padded(frames % 75)}`;
}

const padded = (value: number): string => String(value).padStart(2, "0");
