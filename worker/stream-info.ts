import type { EdgeStation, MountRules } from "../shared/edge-station.ts";
import type { MountStatus } from "../shared/mount-status.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import { rulesOf } from "./station.ts";

/** What is shown of a stream; the subtype is the station's alone to say. */
export interface ShownInfo extends SourceInfo {
  readonly subtype?: string;
}

/** A mount as it is shown. */
export interface ShownMount extends MountStatus {
  readonly source: ShownInfo;
}

/** What listeners, statistics and directories are told of a source: what the station says of its mount, else its own words. */
export function sourceInfoOf(source: SourceInfo, rules: MountRules | undefined): ShownInfo {
  const said = rules?.stream;
  if (!said && rules?.public === undefined) return source;
  const { type, ...told } = said ?? {};
  return {
    ...source,
    ...defined(told),
    ...(type !== undefined && { contentType: type }),
    ...(rules?.public !== undefined && { public: rules.public }),
  };
}

/** A mount as it is shown, with what the station says of it. */
export const shownStatus = (status: MountStatus, station: Pick<EdgeStation, "mounts">): ShownMount => ({
  ...status,
  source: sourceInfoOf(status.source, rulesOf(station, status.mount)),
});

/** Those that anybody may see, as they are shown: the hidden ones are left out. */
export const shownMounts = (
  mounts: readonly MountStatus[],
  station: Pick<EdgeStation, "mounts">,
): ShownMount[] =>
  mounts
    .filter(({ mount }) => rulesOf(station, mount)?.hidden !== true)
    .map((status) => shownStatus(status, station));

/** Leaves out what is undefined, which would hide what the source says. */
function defined<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
