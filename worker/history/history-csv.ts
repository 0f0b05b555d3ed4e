import { artistAndTitle, onAirMs } from "../../shared/plays.ts";
import type { CountedPlay } from "./song-history.ts";

/**
 * Plays as a spreadsheet takes them: UTF-8 with a byte order mark, without which Excel reads another encoding; CRLF and quotes as
 * RFC 4180. Titles come from anybody: none of them begins a formula.
 */
export function historyCsv(plays: readonly CountedPlay[], counts: boolean, nowMs: number): string {
  const heads = ["start", "end", "duration_seconds", "artist", "title", "text"];
  const rows = plays.map((play) => {
    const { artist, title } = artistAndTitle(play.text);
    const { atStart, peak, minutes } = play.audience;
    const seconds = (onAirMs(play, nowMs) / 1000).toFixed(1);
    const end = play.endMs === null ? "" : isoTime(play.endMs);
    const texts = [artist, title, play.text].map(harmless);
    const audience = counts ? [String(atStart), String(peak), minutes.toFixed(2)] : [];
    return [isoTime(play.startMs), end, seconds, ...texts, ...audience];
  });
  const all = [
    [...heads, ...(counts ? ["listeners_at_start", "listener_peak", "listener_minutes"] : [])],
    ...rows,
  ];
  return `\uFEFF${all.map((row) => `${row.map(field).join(",")}\r\n`).join("")}`;
}

/** As OWASP has it: a quote before what a spreadsheet would calculate, spaces and all. */
const harmless = (text: string): string =>
  /^\s*[=+\-@|%＝＋－＠]|^[\t\r\n]/u.test(text) ? `'${text}` : text;

const field = (text: string): string =>
  /[",\r\n;\t']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

const isoTime = (ms: number): string => new Date(Math.round(ms)).toISOString();
