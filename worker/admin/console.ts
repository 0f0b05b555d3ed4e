import { auditLog } from "../access/audit.ts";
import type { Visitor } from "../access/admit.ts";
import { csrfToken } from "../access/csrf.ts";
import { listenerUsers } from "../access/listener-users.ts";
import { formatWarnings } from "../../shared/format-warnings.ts";
import { isPattern } from "../../shared/mount-pattern.ts";
import type { MountPath } from "../../shared/units.ts";
import { directoryListing, secretsOf, stationOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { listeners, stationCounters } from "../roster/roster.ts";
import { rulesOf } from "../station.ts";
import { audienceOf, authenticatorOf } from "../statistics.ts";
import { shownStatus } from "../stream-info.ts";
import { fallbackOf } from "./live-station.ts";

/*
 * What the console for people asks for: JSON of ours, for its own page alone. Programs use `/api/v1`, or Icecast's
 * commands.
 */

/** Everything about the station but its listeners. */
export async function consoleOverview(visitor: Visitor, host: Host) {
  const [{ startedMs, mounts }, station, secrets, csrf, counters] = await Promise.all([
    directoryListing(host),
    stationOf(host),
    secretsOf(host),
    csrfToken(visitor, host),
    stationCounters(host).catch(() => null),
  ]);
  const onAir = new Set<string>(mounts.map(({ mount }) => mount));
  const shown = mounts.map((status) => shownStatus(status, station));
  return {
    now: Date.now(),
    visitor: { name: visitor.name, role: visitor.role },
    csrf,
    station: {
      name: station.name,
      description: station.description,
      hostname: station.hostname,
      location: station.location,
      admin: station.admin,
      serverId: station.serverId,
      ingestHost: station.ingestHost ?? "",
      startedMs,
    },
    // Told in batches: those who listen now have come for sure.
    counters: counters && {
      ...counters,
      listenerConnections: Math.max(
        counters.listenerConnections,
        mounts.reduce((sum, status) => sum + status.listeners, 0),
      ),
    },
    warnings: formatWarnings(shown, station.mounts),
    mounts: await Promise.all(
      shown.map(async ({ source, ...status }) => ({
        ...status,
        name: source.name ?? "",
        genre: source.genre ?? "",
        contentType: source.contentType,
        source: { ip: source.ip, userAgent: source.userAgent ?? "", protocol: source.protocol },
        maxListeners: rulesOf(station, status.mount)?.maxListeners ?? station.maxListeners ?? null,
        hidden: rulesOf(station, status.mount)?.hidden === true,
        fallback: fallbackOf(station, status.mount) ?? "",
        authenticator: authenticatorOf(secrets, status.mount) ?? "",
        audience: (await audienceOf(status.mount, host).catch(() => undefined)) ?? null,
      })),
    ),
    /** In the settings, and without a source now. */
    offAir: Object.keys(station.mounts)
      .filter((name) => !isPattern(name) && !onAir.has(name))
      .map((name) => ({
        mount: name,
        fallback: fallbackOf(station, name as MountPath) ?? "",
        authenticator: authenticatorOf(secrets, name as MountPath) ?? "",
      })),
  };
}

/** One mount's listeners, and who may be one where it keeps accounts. */
export async function consoleMount(mount: MountPath, host: Host) {
  const [sessions, secrets] = await Promise.all([listeners(mount, host), secretsOf(host)]);
  const hasAccounts = authenticatorOf(secrets, mount) === "htpasswd";
  const users = hasAccounts ? await listenerUsers(mount, host) : [];
  return {
    now: Date.now(),
    total: sessions.length,
    listeners: sessions
      .toSorted((a, b) => a.startedMs - b.startedMs)
      .slice(0, shownListeners)
      .map(({ id, address, userAgent, country, user, startedMs, referer }) => ({
        id,
        address,
        userAgent,
        country,
        user,
        startedMs,
        referer,
      })),
    accounts: hasAccounts ? users.slice(0, shownAccounts).map(({ name }) => name) : null,
  };
}

/** Who may do what, and who did what. Administrators only. */
export async function consoleLog(host: Host) {
  const [entries, { users }] = await Promise.all([auditLog(host, shownEntries), secretsOf(host)]);
  return {
    users: users.map(({ name, role }) => ({ name, role })),
    entries: entries.map(({ sequence, atMs, user, role, address, action, details }) => ({
      sequence,
      atMs,
      user,
      role,
      address,
      action,
      details,
    })),
  };
}

/** What a page can show and a person can look through. */
const shownListeners = 500;
const shownAccounts = 1_000;
const shownEntries = 200;
