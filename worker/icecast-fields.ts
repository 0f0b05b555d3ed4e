import type { EdgeStation } from "../shared/edge-station.ts";
import type { MountPath } from "../shared/units.ts";
import type { ShownMount } from "./stream-info.ts";

/** Names and texts of Icecast 2.4.4's statistics that `/admin/stats` and `/status-json.xsl` share; undefined: it has none. */
export type IcecastFields = Readonly<Record<string, string | undefined>>;

/** What the server says of itself. */
export const serverFields = (
  station: Pick<EdgeStation, "admin" | "hostname" | "location" | "serverId">,
  startMs: number,
): IcecastFields => ({
  admin: station.admin,
  host: station.hostname,
  location: station.location,
  server_id: station.serverId,
  server_start: rfcDate(startMs),
  server_start_iso8601: isoDate(startMs),
});

/** What it says of a source to everybody. `origin`: scheme and authority that listeners use. */
export const sourceFields = (
  { mount, source, ...status }: ShownMount,
  origin: string,
  authenticator: string | undefined,
): IcecastFields => ({
  ...audioInfoFields(source.audioInfo),
  audio_info: source.audioInfo,
  authenticator,
  ...(source.bitrate && { bitrate: source.bitrate }),
  genre: source.genre || "various",
  listener_peak: String(status.listenerPeak),
  listeners: String(status.listeners),
  listenurl: listenUrl(mount, origin),
  server_description: source.description || "Unspecified description",
  server_name: source.name || "Unspecified name",
  server_type: source.contentType,
  server_url: source.url || undefined,
  stream_start: rfcDate(status.streamStartMs),
  stream_start_iso8601: isoDate(status.streamStartMs),
  ...(source.subtype && { subtype: source.subtype }),
  title: status.title,
});

export const listenUrl = (mount: MountPath, origin: string): string =>
  origin + encodeURI(mount.toWellFormed());

/** Those that there are, names in ASCII order. */
export const sortedFields = (fields: IcecastFields): [string, string][] =>
  Object.entries(fields)
    .filter((field): field is [string, string] => field[1] !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Each `key=value` of ice-audio-info is a field of its own, unless Icecast has that name for itself. */
function audioInfoFields(audioInfo: string | undefined): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const pair of (audioInfo ?? "").split(";")) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim();
    if (/^[A-Za-z][\w-]{0,63}$/.test(name) && !reserved.test(name)) {
      fields[name] = percentDecoded(pair.slice(equals + 1));
    }
  }
  return fields;
}

/** Fields that a source must not forge, and those that the public statistics leave out. */
const reserved =
  /^(?:audio_info|authenticator|dummy|genre|listener.*|max_listeners|public|server_.*|slow_listeners|source_.*|stream_.*|subtype|title|user_agent|__proto__)$|total_bytes|connections/;

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `%a, %d %b %Y %H:%M:%S %z`, in UTC. */
const rfcDate = (ms: number): string => new Date(ms).toUTCString().replace("GMT", "+0000");

/** `%Y-%m-%dT%H:%M:%S%z`, in UTC. */
const isoDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+0000`;
