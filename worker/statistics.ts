import type { AudienceCounters, StationCounters } from "../shared/listener-session.ts";
import { mostParticular } from "../shared/mount-pattern.ts";
import type { EdgeSecrets } from "../shared/edge-secrets.ts";
import type { MountPath } from "../shared/units.ts";
import { SharedAnswer } from "./admin/shared-answer.ts";
import {
  type IcecastStatistics,
  standInMounts,
  type StatisticsInput,
  statisticsOf,
} from "./admin/statistics-fields.ts";
import { directoryListing, secretsOf, stationOf } from "./directory.ts";
import { statisticsAgeMs } from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { audiences, stationCounters } from "./roster/roster.ts";

export type { IcecastStatistics } from "./admin/statistics-fields.ts";

/**
 * Every field of Icecast's `/admin/stats`, hidden mounts included, at most `statisticsAgeMs` old. `origin` is scheme and
 * authority as the asker typed them, for `listenurl`; without it they are the station's. Rejects when the directory
 * cannot be asked and never could.
 */
export async function icecastStatistics(host: Host, origin?: string): Promise<IcecastStatistics> {
  const input = await gathered.get(host);
  const { ingestHost, hostname } = input.station;
  return statisticsOf({ ...input, origin: origin ?? `http://${ingestHost ?? hostname}` });
}

/** "htpasswd" or "url" where listeners of the mount log in. */
export const authenticatorOf = ({ listeners }: EdgeSecrets, mount: MountPath): string | undefined =>
  mostParticular(listeners, mount)?.auth?.kind;

/** What is known of the listeners of a mount on air, as old as the statistics. */
export async function audienceOf(mount: MountPath, host: Host): Promise<AudienceCounters | undefined> {
  return (await gathered.get(host)).audiences.get(mount);
}

const gathered = new SharedAnswer(statisticsAgeMs, gather);

async function gather(host: Host): Promise<Omit<StatisticsInput, "origin">> {
  const [{ startedMs, mounts }, station, secrets, counters] = await Promise.all([
    directoryListing(host),
    stationOf(host),
    secretsOf(host),
    // Tools that poll want what there is.
    stationCounters(host).catch(() => noCounters),
  ]);
  // Where nobody has listened since the source came there is nothing to ask for.
  const heard = mounts.filter(({ listenerPeak }) => listenerPeak > 0).map(({ mount }) => mount);
  return {
    station,
    serverStartMs: startedMs,
    now: Date.now(),
    mounts,
    counters,
    audiences: await audiences([...heard, ...standInMounts({ station, mounts })], host),
    authenticatorOf: (mount) => authenticatorOf(secrets, mount),
  };
}

const noCounters: StationCounters = {
  listenerConnections: 0,
  sourceConnections: 0,
  bytesSent: 0,
  slowListeners: 0,
};
