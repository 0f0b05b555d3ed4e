import type { EdgeStation } from "../shared/edge-station.ts";
import type { MountPath } from "../shared/units.ts";
import type { ShownMount } from "./stream-info.ts";

/*
 * /status-json.xsl as Icecast 2.4.4 sends it (its XML statistics through a generic XML-to-JSON stylesheet), which other
 * people's tools read: no spaces, keys in ASCII order, and
 *
 * - `source` is absent without a mount, an object with one, an array with several;
 * - what Icecast hides at the end of an element leaves `"dummy":null` behind: last in every source, and last in
 *   `icestats` when there is no source;
 * - every text is JSON's number when it looks like one, `true` or `false` when it reads so in any case, and null when
 *   it is empty, whatever field it is in: a title "1999" is the number 1999;
 * - dates carry `+0000` without a colon.
 *
 * What Icecast does not know (the measured bitrate, the frame format) is not in it.
 */

export interface StatusInput {
  readonly station: Pick<EdgeStation, "admin" | "hostname" | "location" | "serverId">;
  /** Since when the station has been up, ms since the Unix epoch. */
  readonly serverStartMs: number;
  /** Those to show, in order. */
  readonly mounts: readonly ShownMount[];
  /** How listeners of a mount log in: "htpasswd", "url"; undefined where they do not. */
  readonly authenticatorOf?: (mount: MountPath) => string | undefined;
  /** Scheme and authority that listeners use: "https://radio.example". */
  readonly host: string;
}

export function statusJson(input: StatusInput): string {
  const { station, serverStartMs, mounts } = input;
  const server = object([
    ["admin", station.admin],
    ["host", station.hostname],
    ["location", station.location],
    ["server_id", station.serverId],
    ["server_start", rfcDate(serverStartMs)],
    ["server_start_iso8601", isoDate(serverStartMs)],
  ]);
  const sources = mounts.map((mount) => `{${object([...sourceFields(mount, input)])},${dummy}}`);
  const source = sources.length > 1 ? `[${sources.join(",")}]` : sources[0];
  return `{"icestats":{${server},${source === undefined ? dummy : `"source":${source}`}}}`;
}

const dummy = `"dummy":null`;

function sourceFields(
  { source, ...mount }: ShownMount,
  { host, authenticatorOf }: StatusInput,
): Map<string, string> {
  const fields = audioInfoFields(source.audioInfo);
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) fields.set(name, value);
  };
  set("audio_info", source.audioInfo);
  set("authenticator", authenticatorOf?.(mount.mount));
  set("bitrate", source.bitrate || undefined);
  set("genre", source.genre || "various");
  set("listener_peak", String(mount.listenerPeak));
  set("listeners", String(mount.listeners));
  set("listenurl", host + encodeURI(mount.mount.toWellFormed()));
  set("server_description", source.description || "Unspecified description");
  set("server_name", source.name || "Unspecified name");
  set("server_type", source.contentType);
  set("server_url", source.url || undefined);
  set("stream_start", rfcDate(mount.streamStartMs));
  set("stream_start_iso8601", isoDate(mount.streamStartMs));
  set("subtype", source.subtype || undefined);
  set("title", mount.title);
  return fields;
}

/** Each `key=value` of ice-audio-info is a field of its own, unless Icecast has that name for itself. */
function audioInfoFields(audioInfo: string | undefined): Map<string, string> {
  const fields = new Map<string, string>();
  for (const pair of (audioInfo ?? "").split(";")) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim();
    if (/^[A-Za-z][\w-]*$/.test(name) && !reserved.test(name)) {
      fields.set(name, percentDecoded(pair.slice(equals + 1)));
    }
  }
  return fields;
}

/** Fields that a source must not forge, and those that the public statistics leave out. */
const reserved =
  /^(?:audio_info|authenticator|dummy|genre|listener.*|max_listeners|public|server_.*|slow_listeners|source_ip|stream_.*|title|user_agent)$|total_bytes|connections/;

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Members in ASCII order, without the braces. */
function object(members: readonly (readonly [string, string])[]): string {
  return members
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`)
    .join(",");
}

/**
 * Text as the stylesheet types it: a number keeps its digits, and one that begins with 0 is a string. Icecast writes
 * `.5`, `5.` and `-` bare, which is not JSON; here they are strings.
 */
function jsonValue(text: string): string {
  if (text === "") return "null";
  if (/^(?:true|false)$/i.test(text)) return text.toLowerCase();
  if (/^(?:0|(?:-0|-?[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?)$/i.test(text)) return text;
  return JSON.stringify(text);
}

/** `%a, %d %b %Y %H:%M:%S %z`, in UTC. */
const rfcDate = (ms: number): string => new Date(ms).toUTCString().replace("GMT", "+0000");

/** `%Y-%m-%dT%H:%M:%S%z`, in UTC. */
const isoDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+0000`;
