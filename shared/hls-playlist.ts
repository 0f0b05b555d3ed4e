import type { HlsEntry } from "./hls-timeline.ts";
import { strftime } from "./strftime.ts";

/**
 * Playlists of HTTP Live Streaming as RFC 8216 has them, protocol version 6, with what draft-pantos-hls-rfc8216bis says
 * more exactly. UTF-8, line feeds.
 */
export const playlistContentType = "application/vnd.apple.mpegurl";

export interface MediaPlaylist {
  readonly targetSeconds: number;
  /** Of the first entry. */
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  /** EVENT: only ever grows, and is played from its beginning. */
  readonly type: "EVENT" | null;
  /** Where players begin, seconds from the end (negative) or from the beginning; null: where they like. */
  readonly startSeconds: number | null;
  /** Nothing will follow. */
  readonly isEnded: boolean;
  readonly items: readonly MediaItem[];
}

export interface MediaItem extends Pick<HlsEntry, "durationMs" | "isBreak" | "startMs"> {
  readonly url: string;
  readonly title: string;
}

export function mediaPlaylist(playlist: MediaPlaylist): string {
  const { items, type, startSeconds } = playlist;
  const lines = [
    "#EXTM3U",
    "#EXT-X-VERSION:6",
    `#EXT-X-TARGETDURATION:${playlist.targetSeconds}`,
    `#EXT-X-MEDIA-SEQUENCE:${playlist.mediaSequence}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${playlist.discontinuitySequence}`,
    ...(type ? [`#EXT-X-PLAYLIST-TYPE:${type}`] : []),
    ...(startSeconds === null ? [] : [`#EXT-X-START:TIME-OFFSET=${startSeconds}`]),
  ];
  for (const [index, { url, title, durationMs, isBreak, startMs }] of items.entries()) {
    if (isBreak) lines.push("#EXT-X-DISCONTINUITY");
    if (isBreak || index === 0) lines.push(`#EXT-X-PROGRAM-DATE-TIME:${dateTime(startMs)}`);
    lines.push(`#EXTINF:${(durationMs / 1000).toFixed(5)},${oneLine(title)}`, url);
  }
  if (playlist.isEnded) lines.push("#EXT-X-ENDLIST");
  return `${lines.join("\n")}\n`;
}

/** One rendition. Rates in bits per second: of the segment that needs most, and of all. */
export function masterPlaylist(
  url: string,
  rates: { readonly peak: number; readonly average: number },
): string {
  const attributes = [
    `BANDWIDTH=${Math.ceil(rates.peak)}`,
    `AVERAGE-BANDWIDTH=${Math.ceil(rates.average)}`,
    // MP3, as ISO 14496-3 counts object types.
    'CODECS="mp4a.40.34"',
  ];
  return `#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:${attributes.join(",")}\n${url}\n`;
}

const oneLine = (title: string): string => title.replace(/\p{Cc}+/gu, " ").trim();

/** RFC 3339 in UTC with milliseconds. */
const dateTime = (ms: number): string =>
  `${strftime("%FT%T", ms, "UTC")}.${String(Math.floor(ms) % 1_000).padStart(3, "0")}Z`;
