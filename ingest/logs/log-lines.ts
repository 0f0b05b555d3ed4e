import { logFieldLength } from "../station-limits.ts";

/*
 * Lines as Icecast 2.4.4 writes them (logging.c):
 *
 *   access.log    <address> - <user> [21/Nov/2026:00:12:42 +0000] "<request>" <status> <bytes> "<referer>" "<user agent>" <seconds>
 *   playlist.log  21/Nov/2026:00:12:24 +0000|<mount>|<listeners>|<title>
 *
 * What is absent is `-`. Icecast writes clients' text as it came; here quotes, backslashes, control characters and line
 * ends are escaped as Apache does (`\"`, `\\`, `\xhh`), so that a line is a line and a field a field.
 */

/** One that has left: a listener, or a source. */
export interface AccessEntry {
  readonly address: string | null;
  readonly user: string | null;
  /** When it left. */
  readonly endedMs: number;
  readonly startedMs: number;
  readonly request: string;
  readonly bytes: number;
  readonly referer: string;
  readonly userAgent: string;
}

/** `offsetMinutes`: how far local time is ahead of UTC. */
export function accessLine(entry: AccessEntry, offsetMinutes: number): string {
  const seconds = Math.max(0, Math.floor((entry.endedMs - entry.startedMs) / 1000));
  const date = logDate(entry.endedMs, offsetMinutes);
  return (
    `${bare(entry.address)} - ${bare(entry.user)} [${date}] "${quoted(entry.request)}" 200 ${entry.bytes} ` +
    `"${quoted(entry.referer)}" "${quoted(entry.userAgent)}" ${seconds}\n`
  );
}

export interface PlaylistEntry {
  readonly atMs: number;
  readonly mount: string;
  readonly listeners: number;
  readonly title: string;
}

/** Only the last field may have a `|`: a mount's is escaped. */
export function playlistLine(
  { atMs, mount, listeners, title }: PlaylistEntry,
  offsetMinutes: number,
): string {
  const name = escaped(mount).replaceAll("|", String.raw`\x7c`);
  return `${logDate(atMs, offsetMinutes)}|${name}|${listeners}|${escaped(title)}\n`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `%d/%b/%Y:%H:%M:%S %z`. */
export function logDate(ms: number, offsetMinutes: number): string {
  const local = new Date(ms + offsetMinutes * 60_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${two(local.getUTCDate())}/${months[local.getUTCMonth()]}/${local.getUTCFullYear()}`;
  const time = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(":");
  const offset = Math.abs(offsetMinutes);
  const zone = `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(offset / 60))}${two(offset % 60)}`;
  return `${date}:${time} ${zone}`;
}

/** What stands without quotes has no blanks either. */
function bare(text: string | null): string {
  return text ? escaped(text).replaceAll('"', String.raw`\"`).replaceAll(" ", String.raw`\x20`) : "-";
}

const quoted = (text: string): string => (text === "" ? "-" : escaped(text).replaceAll('"', String.raw`\"`));

function escaped(text: string): string {
  const cut = text.length > logFieldLength ? text.slice(0, logFieldLength) : text;
  return (
    cut
      .toWellFormed()
      .replaceAll("\\", "\\\\")
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (found) =>
        [...Buffer.from(found)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
      )
  );
}
