import type { EdgeStation } from "../../shared/edge-station.ts";
import type { AudienceCounters, StationCounters } from "../../shared/listener-session.ts";
import { isPattern } from "../../shared/mount-pattern.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import type { MountPath } from "../../shared/units.ts";
import { rulesOf } from "../station.ts";
import { sourceInfoOf } from "../stream-info.ts";

/** Icecast's statistics: names and texts as `/admin/stats` has them, names in ASCII order. */
export type StatisticsFields = ReadonlyMap<string, string>;

export interface IcecastStatistics {
  readonly global: StatisticsFields;
  /** By mount, in ASCII order; hidden mounts too. */
  readonly sources: ReadonlyMap<MountPath, StatisticsFields>;
}

export interface StatisticsInput {
  readonly station: EdgeStation;
  /** Since when the station has been up, ms since the Unix epoch. */
  readonly serverStartMs: number;
  readonly now: number;
  /** Those on air. */
  readonly mounts: readonly MountStatus[];
  readonly counters: StationCounters;
  /** Of mounts that have or had listeners; one that could not be asked is not there. */
  readonly audiences: ReadonlyMap<MountPath, AudienceCounters>;
  /** "htpasswd" or "url" for mounts whose listeners log in. */
  readonly authenticatorOf: (mount: MountPath) => string | undefined;
  /** Scheme and authority for `listenurl`. */
  readonly origin: string;
}

/**
 * What Icecast counts and the edge cannot is the nearest that is known: a client is a listener or a source, for other
 * requests are counted nowhere; a connection is one that got a stream or was let in as a source; what a source has sent
 * follows from its measured bit rate; sources that an ingest host pulls from elsewhere count as any other.
 */
export function statisticsOf(input: StatisticsInput): IcecastStatistics {
  const sources = new Map<MountPath, StatisticsFields>();
  for (const status of input.mounts) sources.set(status.mount, sourceFields(status, input));
  for (const mount of standInMounts(input)) sources.set(mount, standInFields(mount, input));
  return {
    global: globalFields(input),
    sources: new Map([...sources].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function globalFields({ station, serverStartMs, mounts, counters }: StatisticsInput): StatisticsFields {
  const listeners = mounts.reduce((sum, mount) => sum + mount.listeners, 0);
  const { sourceConnections } = counters;
  const relays = mounts.filter(({ source }) => source.protocol === "relay").length;
  // Told in batches: those who listen now have come for sure.
  const listenerConnections = Math.max(counters.listenerConnections, listeners);
  return sorted({
    admin: station.admin,
    client_connections: String(listenerConnections),
    clients: String(listeners + mounts.length),
    connections: String(listenerConnections + sourceConnections),
    file_connections: "0",
    host: station.hostname,
    listener_connections: String(listenerConnections),
    listeners: String(listeners),
    location: station.location,
    server_id: station.serverId,
    server_start: rfcDate(serverStartMs),
    server_start_iso8601: isoDate(serverStartMs),
    source_client_connections: String(Math.max(0, sourceConnections - relays)),
    // Of relays only those that are on air are known.
    source_relay_connections: String(relays),
    source_total_connections: String(sourceConnections),
    sources: String(mounts.length),
    // STATS clients are the ingest hosts'.
    stats: "0",
    stats_connections: "0",
  });
}

function sourceFields(status: MountStatus, input: StatisticsInput): StatisticsFields {
  const { mount, streamStartMs } = status;
  const rules = rulesOf(input.station, mount);
  const source = sourceInfoOf(status.source, rules);
  const audience = input.audiences.get(mount);
  const onAirSeconds = Math.max(0, (input.now - streamStartMs) / 1000);
  return sorted({
    ...audioInfoFields(source.audioInfo),
    audio_info: source.audioInfo,
    authenticator: input.authenticatorOf(mount),
    bitrate: source.bitrate || undefined,
    genre: source.genre || "various",
    listener_peak: String(status.listenerPeak),
    listeners: String(status.listeners),
    listenurl: listenUrl(mount, input),
    max_listeners: limitText(rules?.maxListeners ?? input.station.maxListeners),
    public: source.public ? "1" : "0",
    server_description: source.description || "Unspecified description",
    server_name: source.name || "Unspecified name",
    server_type: source.contentType,
    server_url: source.url || undefined,
    slow_listeners: String(audience?.slowListeners ?? 0),
    source_ip: source.ip,
    stream_start: rfcDate(streamStartMs),
    stream_start_iso8601: isoDate(streamStartMs),
    subtype: source.subtype,
    title: status.title,
    total_bytes_read: String(Math.round((status.bitrateKbps ?? 0) * 125 * onAirSeconds)),
    total_bytes_sent: String(audience?.bytesSent ?? 0),
    user_agent: source.userAgent,
  });
}

/** Mounts of the settings that have no source while their fallback has one: Icecast lists them too, with little to say. */
export function standInMounts({ station, mounts }: Pick<StatisticsInput, "station" | "mounts">): MountPath[] {
  const onAir = new Set<string>(mounts.map(({ mount }) => mount));
  return Object.entries(station.mounts).flatMap(([name, { fallback }]) =>
    !isPattern(name) && !onAir.has(name) && fallback?.kind === "mount" && onAir.has(fallback.mount)
      ? [name as MountPath]
      : [],
  );
}

/** Its listeners are those that asked for it, wherever they are now; Icecast counts them at the fallback and says 0. */
function standInFields(mount: MountPath, input: StatisticsInput): StatisticsFields {
  const listening = Object.values(input.audiences.get(mount)?.byCountry ?? {});
  return sorted({
    listeners: String(listening.reduce((sum, count) => sum + count, 0)),
    listenurl: listenUrl(mount, input),
    max_listeners: limitText(rulesOf(input.station, mount)?.maxListeners ?? input.station.maxListeners),
  });
}

const limitText = (limit: number | undefined): string => (limit === undefined ? "unlimited" : String(limit));

const listenUrl = (mount: MountPath, { origin }: StatisticsInput): string =>
  origin + encodeURI(mount.toWellFormed());

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

/** Fields that a source must not forge. */
const reserved =
  /^(?:audio_info|authenticator|dummy|genre|listener.*|max_listeners|public|server_.*|slow_listeners|source_.*|stream_.*|subtype|title|user_agent|__proto__)$|total_bytes|connections/;

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const sorted = (fields: Readonly<Record<string, string | undefined>>): StatisticsFields =>
  new Map(
    Object.entries(fields)
      .filter((field): field is [string, string] => field[1] !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

/** `%a, %d %b %Y %H:%M:%S %z`, in UTC. */
const rfcDate = (ms: number): string => new Date(ms).toUTCString().replace("GMT", "+0000");

/** `%Y-%m-%dT%H:%M:%S%z`, in UTC. */
const isoDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+0000`;
