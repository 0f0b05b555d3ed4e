import { admit, admitToMount } from "../access/admit.ts";
import { audit } from "../access/audit.ts";
import { csrfToken, guardUnsafe } from "../access/csrf.ts";
import { overrideFallback } from "../access/fallback-overrides.ts";
import {
  addListenerUser,
  deleteListenerUser,
  listenerRules,
  listenerUsers,
} from "../access/listener-users.ts";
import type { EdgeStation } from "../../shared/edge-station.ts";
import type { MountPath } from "../../shared/units.ts";
import { directoryListing, secretsOf, stationOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { killListener, killSource, listeners, moveListeners, setSourceTitle } from "../roster/roster.ts";
import { rulesOf } from "../station.ts";
import { authenticatorOf, icecastStatistics } from "../statistics.ts";
import { shownStatus } from "../stream-info.ts";
import { type ListedMount, secondsSince } from "./answers.ts";
import type { StationAdmin } from "./station-admin.ts";

/** The station as one request sees it. `origin` is scheme and authority as the visitor typed them. */
export function liveStation(host: Host, origin: () => Promise<string>): StationAdmin {
  const authenticator = async (mount: MountPath) => authenticatorOf(await secretsOf(host), mount);
  return {
    admit: (request, may) => admit(request, may, host),
    admitToMount: (request, wish) => admitToMount(request, wish, host),
    guardUnsafe: (request, visitor) => guardUnsafe(request, visitor, host),
    csrfToken: (visitor) => csrfToken(visitor, host),
    audit: (visitor, action, details) => audit(visitor, action, details, host),
    now: () => Date.now(),
    name: async () => (await stationOf(host)).name,

    statistics: async () => icecastStatistics(host, await origin()),
    mounts: () => listedMounts(host),
    isHidden: async (mount) => rulesOf(await stationOf(host), mount)?.hidden === true,
    authenticatorOf: authenticator,
    playingFor: async (mount) => {
      const [{ mounts }, station] = await Promise.all([directoryListing(host), stationOf(host)]);
      return playingFor(mount, new Set(mounts.map((status) => status.mount)), station);
    },
    origin,

    listeners: (mount) => listeners(mount, host),
    killListener: (mount, id) => killListener(mount, id, host),
    moveListeners: (from, to, listener) => moveListeners(from, to, listener, host),
    killSource: (mount, by) => killSource(mount, host, by),
    setTitle: (mount, title) => setSourceTitle(mount, title, host),
    setFallback: (mount, fallback) => overrideFallback(mount, fallback, host),

    hasOwnAccounts: async (mount) => listenerRules(await secretsOf(host), mount)?.scope === mount,
    listenerUsers: (mount) => listenerUsers(mount, host),
    addListenerUser: (mount, name, password) => addListenerUser(mount, name, password, host),
    deleteListenerUser: (mount, name) => deleteListenerUser(mount, name, host),
  };
}

async function listedMounts(host: Host): Promise<ListedMount[]> {
  const [{ mounts }, station, secrets] = await Promise.all([
    directoryListing(host),
    stationOf(host),
    secretsOf(host),
  ]);
  const now = Date.now();
  return mounts.map((status) => ({
    mount: status.mount,
    fallback: fallbackOf(station, status.mount) ?? "",
    listeners: status.listeners,
    authenticator: authenticatorOf(secrets, status.mount),
    connectedSeconds: secondsSince(status.streamStartMs, now),
    contentType: shownStatus(status, station).source.contentType,
  }));
}

/** The mount it falls back to, where it is one. */
export function fallbackOf(station: EdgeStation, mount: MountPath): MountPath | undefined {
  const fallback = rulesOf(station, mount)?.fallback;
  return fallback?.kind === "mount" ? fallback.mount : undefined;
}

/** As far as Icecast follows fallbacks. */
const maxFallbacks = 10;

function playingFor(asked: MountPath, onAir: ReadonlySet<MountPath>, station: EdgeStation): MountPath | null {
  let mount: MountPath | undefined = asked;
  for (let step = 0; mount !== undefined && step <= maxFallbacks; step++) {
    if (onAir.has(mount)) return mount;
    mount = fallbackOf(station, mount);
  }
  return null;
}
