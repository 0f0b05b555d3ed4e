import { type EdgeStation, edgeStationSchema, type MountRules } from "../shared/edge-station.ts";
import { settingsOfMount } from "../shared/mount-pattern.ts";
import type { MountLimits } from "../shared/mount-state.ts";
import type { MountPath } from "../shared/units.ts";
import type { Env } from "./env.ts";

let parsed: { readonly text: string | undefined; readonly station: EdgeStation } | undefined;

/** The settings that the worker was deployed with; throws when STATION is set and wrong, which must be loud. */
export function deployedStation(env: Pick<Env, "STATION">): EdgeStation {
  if (!parsed || parsed.text !== env.STATION) {
    const value: unknown = env.STATION === undefined ? {} : JSON.parse(env.STATION);
    parsed = { text: env.STATION, station: edgeStationSchema.parse(value) };
  }
  return parsed.station;
}

/** What the station says of a mount. */
export const rulesOf = ({ mounts }: Pick<EdgeStation, "mounts">, mount: MountPath): MountRules | undefined =>
  settingsOfMount(mounts, mount);

/** The library that the edge plays on a mount; undefined where sources do. */
export const libraryOf = (station: Pick<EdgeStation, "mounts">, mount: MountPath): string | undefined =>
  rulesOf(station, mount)?.autodj?.library;

/** Whether a mount has playlists of HLS: they are made of what a mount's object was told, which a library tells nothing. */
export const hasHls = (rules: MountRules | undefined): boolean =>
  rules?.hls !== false && rules?.autodj === undefined;

export const mountLimits: MountLimits = {
  // Encoders send several times a second; over a bad line a second may pass.
  stuckMs: 2_000,
  windowMs: 60_000,
  // Two bursts of a browser's media element, so that even 16 kb/s has one.
  windowBytes: 256 * 1024,
  windowSegments: 256,
  reportTtlMs: 15_000,
  reporters: 10_000,
};
