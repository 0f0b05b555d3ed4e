import { basename, extname, resolve } from "node:path";
import type { EdgeStation, MountRules, ReplyHeader, StoredFile, StreamInfo } from "../shared/edge-station.ts";
import { mountPath } from "../shared/mount-path.ts";
import { settingsOfMount } from "../shared/mount-pattern.ts";
import type { Station } from "./station.ts";
import type { MountTable } from "./station-mount.ts";
import { defined, optionalMs, toMs } from "./values.ts";

/** A file that the edge is to play for a mount. */
export interface MountFile {
  readonly mount: string;
  readonly use: "fallback" | "intro";
  /** Absolute. */
  readonly path: string;
}

/** The pattern that every mount fits. */
const everyMount = "/**";

type Address = Required<Pick<EdgeStation, "ingestHost" | "shoutcastPort">>;

/** What the edge is told of the station; nothing secret, and no files: those have names once they are stored. */
export function edgeStation(
  { station, limits, icy, logs, header, alias, mounts, autodj }: Station,
  address: Address,
): EdgeStation {
  const { name, description, location, admin, hostname, time_zone } = station;
  return {
    name,
    description,
    location,
    admin,
    hostname,
    timeZone: time_zone,
    burstMs: toMs(limits.burst_seconds),
    segmentMs: toMs(limits.segment_seconds),
    graceMs: toMs(limits.grace_seconds),
    metaint: icy.metaint,
    headers: header.map((each) => defined(each) as ReplyHeader),
    aliases: alias.map((each) => defined(each) as EdgeStation["aliases"][number]),
    serverId: station.server_id,
    accessLog: logs.access !== undefined,
    ...defined({
      maxListeners: limits.max_listeners,
      maxListenersInAll: limits.max_listeners_in_all,
      maxListenersPerAddress: limits.max_listeners_per_address,
      maxListenerMs: optionalMs(limits.max_listener_seconds),
    }),
    mounts: withAutoDjs(
      autodj,
      Object.fromEntries(
        Object.entries(withBurst(limits, mounts)).map(([mount, table]) => [mount, mountRules(table)]),
      ),
    ),
    ...address,
  };
}

/** A station's new settings at the ports where its sources still connect. */
export const atAddressOf = ({ ingestHost, shoutcastPort }: EdgeStation, next: EdgeStation): EdgeStation => ({
  ...next,
  ...defined({ ingestHost, shoutcastPort }),
});

/** The station's burst in bytes is one of all its mounts, before every other pattern. */
function withBurst(
  { burst_bytes }: Pick<Station["limits"], "burst_bytes">,
  mounts: Station["mounts"],
): Station["mounts"] {
  if (burst_bytes === undefined) return mounts;
  const { [everyMount]: every, ...others } = mounts;
  const said = every?.burst_seconds !== undefined || every?.burst_bytes !== undefined;
  return { [everyMount]: { ...(said ? {} : { burst_bytes }), ...every }, ...others };
}

/** Mounts that the edge computes; what a mount's own table says of its stream goes before what its AutoDJ says. */
function withAutoDjs(autodjs: Station["autodj"], mounts: EdgeStation["mounts"]): EdgeStation["mounts"] {
  const all = { ...mounts };
  for (const { mount, kind, library, name, description, genre, url, public: isPublic } of autodjs) {
    if (kind !== "edge" || library === undefined) continue;
    const own = all[mount] ?? {};
    const stream: StreamInfo = { ...defined({ name, description, genre, url }), ...own.stream };
    all[mount] = {
      ...defined({ public: isPublic }),
      ...own,
      ...(Object.keys(stream).length === 0 ? {} : { stream }),
      autodj: { library },
    };
  }
  return all;
}

/** Of music that the operator has anyway. */
const autodjKeptMs = 86_400_000;

/** The audio of AutoDJs is kept for a day where nobody says anything of it. Their titles are kept as those of every mount. */
export function withAutoDjKept(
  station: EdgeStation,
  autodjs: readonly { readonly mount: string }[],
): EdgeStation {
  const mounts = { ...station.mounts };
  for (const { mount } of autodjs) {
    const { archive, retentionMs, retentionBytes } = settingsOfMount(mounts, mountPath(mount)) ?? {};
    if (archive !== undefined || retentionMs !== undefined || retentionBytes !== undefined) continue;
    mounts[mount] = { ...mounts[mount], retentionMs: autodjKeptMs };
  }
  return { ...station, mounts };
}

/** What a table leaves out is left out: a pattern may say it. */
function mountRules(table: MountTable): MountRules {
  const stream = streamInfo(table);
  return defined({
    maxListeners: table.max_listeners,
    maxListenerMs: optionalMs(table.max_listener_seconds),
    fallback: table.fallback_mount === undefined ? undefined : fallbackTo(table.fallback_mount),
    fallbackOverride: table.fallback_override,
    fallbackWhenFull: table.fallback_when_full,
    hidden: table.hidden,
    public: table.public,
    noMount: table.no_mount,
    metaint: table.metaint,
    charset: table.charset,
    // One says that the other, which a pattern may have said, does not count.
    burstMs: table.burst_bytes === undefined ? optionalMs(table.burst_seconds) : 0,
    burstBytes: table.burst_seconds === undefined ? table.burst_bytes : 0,
    headers: table.header?.map((each) => defined(each) as ReplyHeader),
    archive: table.archive,
    retentionMs: table.retention_days === undefined ? undefined : table.retention_days * 86_400_000,
    retentionBytes: table.retention_bytes,
    archiveName: table.archive_name,
    archiveTimeZone: table.archive_time_zone,
    podcast: table.podcast,
    hls: table.hls,
    stream: Object.keys(stream).length === 0 ? undefined : stream,
  });
}

/** What the station says of a stream, whatever its source says. */
const streamInfo = (table: MountTable): StreamInfo =>
  defined({
    name: table.stream_name,
    description: table.stream_description,
    url: table.stream_url,
    genre: table.genre,
    bitrate: table.bitrate,
    subtype: table.subtype,
  });

const fallbackTo = (name: string): NonNullable<MountRules["fallback"]> =>
  name === "silence" ? { kind: "silence" } : { kind: "mount", mount: mountPath(name) };

/** The files that the station file names; `folder` is where it lies. */
export function mountFiles({ mounts }: Station, folder: string): MountFile[] {
  return Object.entries(mounts).flatMap(([mount, { fallback_file, intro }]) => [
    ...(fallback_file === undefined
      ? []
      : [{ mount, use: "fallback" as const, path: resolve(folder, fallback_file) }]),
    ...(intro === undefined ? [] : [{ mount, use: "intro" as const, path: resolve(folder, intro) }]),
  ]);
}

/** The station with those of its files that are stored; a mount whose file is not goes without. */
export function withStoredFiles(
  station: EdgeStation,
  stored: readonly { readonly file: MountFile; readonly as: StoredFile }[],
): EdgeStation {
  const mounts = { ...station.mounts };
  for (const { file, as } of stored) {
    const rules = mounts[file.mount];
    if (rules === undefined) continue;
    mounts[file.mount] =
      file.use === "intro" ? { ...rules, intro: as } : { ...rules, fallback: { kind: "file", file: as } };
  }
  return { ...station, mounts };
}

/** What listeners see while a file plays: its name, without the extension. */
export const fileTitle = (path: string): string => basename(path, extname(path));
