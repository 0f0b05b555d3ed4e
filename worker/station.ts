import { type EdgeStation, edgeStationSchema } from "../shared/edge-station.ts";
import type { MountLimits } from "../shared/mount-state.ts";
import type { Env } from "./env.ts";

let parsed: { readonly text: string | undefined; readonly station: EdgeStation } | undefined;

/** The station's settings; throws when STATION is set and wrong, which is a deployment's fault and must be loud. */
export function stationOf(env: Pick<Env, "STATION">): EdgeStation {
  if (!parsed || parsed.text !== env.STATION) {
    const value: unknown = env.STATION === undefined ? {} : JSON.parse(env.STATION);
    parsed = { text: env.STATION, station: edgeStationSchema.parse(value) };
  }
  return parsed.station;
}

export function mountLimits(station: Pick<EdgeStation, "segmentMs" | "graceMs">): MountLimits {
  return {
    // Three segments without a word, at most 10 s: an ingest that is alive says something every 2 s.
    leaseMs: Math.min(10_000, Math.max(5_000, 3 * station.segmentMs)),
    graceMs: station.graceMs,
    windowMs: 60_000,
    // Two bursts of a browser's media element, so that even 16 kb/s has one.
    windowBytes: 256 * 1024,
    windowSegments: 256,
    reportTtlMs: 15_000,
    reporters: 10_000,
  };
}
