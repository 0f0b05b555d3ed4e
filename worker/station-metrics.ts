import type { AudienceCounters, StationCounters } from "../shared/listener-session.ts";
import type { Metric, MetricSample } from "../shared/metrics-text.ts";
import type { MountStatus } from "../shared/mount-status.ts";
import type { DirectoryListing } from "./directory.ts";

/** The station as Prometheus reads it; `audiences` by mount. */
export function describeStation(
  { startedMs, mounts }: Pick<DirectoryListing, "startedMs" | "mounts">,
  counters: StationCounters,
  audiences: ReadonlyMap<string, AudienceCounters>,
): Metric[] {
  const gauge = named("gauge");
  const counter = named("counter");
  const each = (value: (mount: MountStatus) => number | undefined): MetricSample[] =>
    mounts.flatMap((status) => sample({ mount: status.mount }, value(status)));
  const ofEach = (value: (audience: AudienceCounters) => number): MetricSample[] =>
    [...audiences].flatMap(([mount, heard]) => sample({ mount }, value(heard)));
  const countries = [...audiences].flatMap(([mount, { byCountry }]) =>
    Object.entries(byCountry).flatMap(([country, sessions]) => sample({ mount, country }, sessions)),
  );
  return [
    gauge(
      "directory_start_time_seconds",
      "When the station's directory was started.",
      one(startedMs / 1_000),
    ),
    gauge("mounts", "Mounts on air.", one(mounts.length)),
    counter(
      "listener_connections_total",
      "Requests for a mount that got a stream.",
      one(counters.listenerConnections),
    ),
    counter("source_connections_total", "Sources that were let in.", one(counters.sourceConnections)),
    counter("sent_bytes_total", "Bytes sent to listeners.", one(counters.bytesSent)),
    counter(
      "slow_listeners_total",
      "Times that a listener skipped because it was too slow.",
      one(counters.slowListeners),
    ),
    gauge(
      "mount_listeners",
      "Listeners of the mount.",
      each(({ listeners }) => listeners),
    ),
    gauge(
      "mount_listeners_peak",
      "The most listeners at any one time since the source took the mount.",
      each(({ listenerPeak }) => listenerPeak),
    ),
    gauge(
      "mount_source_start_time_seconds",
      "When the source took the mount.",
      each(({ streamStartMs }) => streamStartMs / 1_000),
    ),
    gauge(
      "mount_bits_per_second",
      "Bit rate of the newest segment.",
      each(({ bitrateKbps }) => bitrateKbps && bitrateKbps * 1_000),
    ),
    counter(
      "mount_source_garbage_bytes_total",
      "Bytes from the source that are no audio, since it connected.",
      each(({ garbageBytes }) => garbageBytes ?? 0),
    ),
    counter(
      "mount_sessions_total",
      "Sessions since the source took the mount.",
      ofEach(({ sessions }) => sessions),
    ),
    counter(
      "mount_sent_bytes_total",
      "Bytes sent to the mount's listeners.",
      ofEach(({ bytesSent }) => bytesSent),
    ),
    counter(
      "mount_slow_listeners_total",
      "Times that a listener of the mount skipped.",
      ofEach(({ slowListeners }) => slowListeners),
    ),
    gauge(
      "mount_unique_listeners_today",
      "Different listeners of the mount today, UTC.",
      ofEach(({ uniqueToday }) => uniqueToday),
    ),
    gauge("mount_sessions", "Sessions by country (ISO 3166-1), empty where it is not known.", countries),
  ];
}

export const named =
  (type: Metric["type"]) =>
  (name: string, help: string, samples: readonly MetricSample[]): Metric => ({
    type,
    name: `skywave_${name}`,
    help,
    samples,
  });

export const one = (value: number): MetricSample[] => [{ value }];

const sample = (labels: Readonly<Record<string, string>>, value: number | undefined): MetricSample[] =>
  value === undefined ? [] : [{ labels, value }];
