import { percentDecode } from "../../shared/source/percent.ts";
import type { DirectoryAnswer } from "./directory-listing.ts";

/*
 * What Icecast 2.4.4 POSTs to a directory, byte for byte (yp.c): fields in this order, every byte of a value that is no
 * letter or digit as `%` and two lower-case hexadecimal digits. The audio information is escaped as one, with its `=` and
 * `;`: directories know it so. Additions and touches end in CRLF, removals do not.
 */

/** A stream as a directory is told of it. What is empty is empty. */
export interface ListedStream {
  readonly name: string;
  readonly genre: string;
  readonly description: string;
  readonly url: string;
  readonly listenUrl: string;
  readonly contentType: string;
  readonly subtype: string;
  readonly bitrate: string;
  readonly audioInfo: string;
}

export function addCall(stream: ListedStream): string {
  const { name, genre, description, url, listenUrl, contentType, subtype, bitrate, audioInfo } = stream;
  return (
    `action=add&sn=${escapeValue(name)}&genre=${escapeValue(genre)}&cpswd=&desc=${escapeValue(description)}` +
    `&url=${escapeValue(url)}&listenurl=${escapeValue(listenUrl)}&type=${escapeValue(contentType)}` +
    `&stype=${escapeValue(subtype)}&b=${escapeValue(bitrate)}&${escapeValue(audioInfo)}\r\n`
  );
}

export interface StreamNow {
  readonly title: string;
  readonly listeners: number;
  readonly maxListeners: number;
}

export function touchCall(
  sid: string,
  subtype: string,
  { title, listeners, maxListeners }: StreamNow,
): string {
  return (
    `action=touch&sid=${sid}&st=${escapeValue(title)}&listeners=${listeners}` +
    `&max_listeners=${maxListeners}&stype=${escapeValue(subtype)}\r\n`
  );
}

export const removeCall = (sid: string): string => `action=remove&sid=${sid}`;

const encoder = new TextEncoder();

export function escapeValue(text: string): string {
  let escaped = "";
  for (const byte of encoder.encode(text)) {
    const isPlain =
      (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a && byte < 0x80);
    escaped += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return escaped;
}

/** A session id goes back as it came: one with what ends a field or a line is none. */
const sidPattern = /^[\x21-\x7e]{1,256}$/;

/** Reads the answer in a reply's headers (lower-case names). Total. */
export function readAnswer(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): DirectoryAnswer {
  const value = (name: string): string => {
    const found = headers[name];
    return (Array.isArray(found) ? (found[0] ?? "") : (found ?? "")).trim();
  };
  const sid = value("sid");
  const seconds = /^\d{1,9}/.exec(value("touchfreq"))?.[0];
  return {
    done: value("ypresponse") === "1",
    message: value("ypmessage").slice(0, 256),
    sid: sidPattern.test(sid) && !sid.includes("&") ? sid : null,
    touchMs: seconds === undefined ? null : Number(seconds) * 1000,
  };
}

/** Icecast keeps `ice-audio-info` as it decoded it. */
export const plainAudioInfo = (text: string): string =>
  new TextDecoder().decode(percentDecode(encoder.encode(text), () => undefined));
