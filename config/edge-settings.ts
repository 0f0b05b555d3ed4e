import { basename, extname, resolve } from "node:path";
import type { EdgeStation, MountRules, StoredFile } from "../shared/edge-station.ts";
import { mountPath } from "../shared/mount-path.ts";
import type { Station } from "./station.ts";

/** A file that the edge is to play for a mount. */
export interface MountFile {
  readonly mount: string;
  readonly use: "fallback" | "intro";
  /** Absolute. */
  readonly path: string;
}

type Address = Required<Pick<EdgeStation, "ingestHost" | "shoutcastPort">>;

/** What the edge is told of the station; nothing secret, and no files: those have names once they are stored. */
export function edgeStation({ station, limits, icy, mounts }: Station, address: Address): EdgeStation {
  const { name, description, location, admin, hostname } = station;
  return {
    name,
    description,
    location,
    admin,
    hostname,
    burstMs: toMs(limits.burst_seconds),
    segmentMs: toMs(limits.segment_seconds),
    graceMs: toMs(limits.grace_seconds),
    metaint: icy.metaint,
    headers: [],
    aliases: [],
    serverId: "Icecast 2.4.4",
    accessLog: false,
    ...defined({
      maxListeners: limits.max_listeners,
      maxListenersInAll: limits.max_listeners_in_all,
      maxListenersPerAddress: limits.max_listeners_per_address,
      maxListenerMs: optionalMs(limits.max_listener_seconds),
    }),
    mounts: Object.fromEntries(Object.entries(mounts).map(([mount, table]) => [mount, mountRules(table)])),
    ...address,
  };
}

/** A station's new settings at the ports where its sources still connect. */
export const atAddressOf = ({ ingestHost, shoutcastPort }: EdgeStation, next: EdgeStation): EdgeStation => ({
  ...next,
  ...defined({ ingestHost, shoutcastPort }),
});

function mountRules(mount: Station["mounts"][string]): MountRules {
  return {
    fallbackOverride: mount.fallback_override ?? "own",
    fallbackWhenFull: mount.fallback_when_full ?? false,
    ...defined({
      maxListeners: mount.max_listeners,
      maxListenerMs: optionalMs(mount.max_listener_seconds),
      fallback: mount.fallback_mount === undefined ? undefined : fallbackTo(mount.fallback_mount),
    }),
  };
}

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

/** Leaves out what is undefined. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

const optionalMs = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : toMs(seconds);
export const toMs = (seconds: number): number => Math.round(seconds * 1000);
