import type { EdgeStation } from "../../shared/edge-station.ts";
import type { AudienceCounters, StationCounters } from "../../shared/listener-session.ts";
import { isPattern } from "../../shared/mount-pattern.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import type { MountPath } from "../../shared/units.ts";
import {
  type IcecastFields,
  listenUrl,
  serverFields,
  sortedFields,
  sourceFields,
} from "../icecast-fields.ts";
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
 * follows from its measured bit rate.
 */
export function statisticsOf(input: StatisticsInput): IcecastStatistics {
  const sources = new Map<MountPath, StatisticsFields>();
  for (const status of input.mounts) sources.set(status.mount, fieldsOfSource(status, input));
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
    ...serverFields(station, serverStartMs),
    client_connections: String(listenerConnections),
    clients: String(listeners + mounts.length),
    connections: String(listenerConnections + sourceConnections),
    file_connections: "0",
    listener_connections: String(listenerConnections),
    listeners: String(listeners),
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

function fieldsOfSource(status: MountStatus, input: StatisticsInput): StatisticsFields {
  const { mount, streamStartMs } = status;
  const rules = rulesOf(input.station, mount);
  const source = sourceInfoOf(status.source, rules);
  const audience = input.audiences.get(mount);
  const onAirSeconds = Math.max(0, (input.now - streamStartMs) / 1000);
  return sorted({
    ...sourceFields({ ...status, source }, input.origin, input.authenticatorOf(mount)),
    max_listeners: limitText(rules?.maxListeners ?? input.station.maxListeners),
    public: source.public ? "1" : "0",
    slow_listeners: String(audience?.slowListeners ?? 0),
    source_ip: source.ip,
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
    listenurl: listenUrl(mount, input.origin),
    max_listeners: limitText(rulesOf(input.station, mount)?.maxListeners ?? input.station.maxListeners),
  });
}

const limitText = (limit: number | undefined): string => (limit === undefined ? "unlimited" : String(limit));

const sorted = (fields: IcecastFields): StatisticsFields => new Map(sortedFields(fields));
