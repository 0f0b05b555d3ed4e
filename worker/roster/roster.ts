import type { AudienceCounters, ListenerSession, StationCounters } from "../../shared/listener-session.ts";
import type { SourceOrder } from "../../shared/orders.ts";
import { isThere } from "../../shared/playout.ts";
import type { MountPath } from "../../shared/units.ts";
import { isKnownMount, stationOf } from "../directory.ts";
import { metricsCallsAtOnce } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import type { ListenerWant } from "../mount-orders.ts";
import { programmeOf } from "../programme.ts";
import { libraryOf } from "../station.ts";
import { ledgerName } from "./ledger-object.ts";

/*
 * What an administrator asks and orders of listeners and sources. Only mounts that ever had a source have objects: of
 * others nothing is known and nothing is made. All reject when an object cannot be asked.
 */

/** Sessions that last, oldest first: as isolates have told them, within some seconds; 20,000 of a mount at most. */
export async function listeners(mount: MountPath, host: Host): Promise<ListenerSession[]> {
  if (!(await isKnownMount(mount, host))) return [];
  const sessions = await host.env.ROSTER.getByName(mount).list();
  return sessions.toSorted((a, b) => a.startedMs - b.startedMs || a.id - b.id);
}

/** Numbers of a user's sessions that last. */
export async function sessionsOf(user: string, mount: MountPath, host: Host): Promise<number[]> {
  if (!(await isKnownMount(mount, host))) return [];
  return host.env.ROSTER.getByName(mount).sessionsOf(user);
}

/** What is counted of the mount's listeners since its source took it. */
export async function audience(mount: MountPath, host: Host): Promise<AudienceCounters> {
  if (!(await isKnownMount(mount, host))) return noAudience;
  return host.env.ROSTER.getByName(mount).audience();
}

/** The same of many mounts, `metricsCallsAtOnce` at a time; one whose roster cannot be asked is not there. Never rejects. */
export async function audiences(
  mounts: readonly MountPath[],
  host: Host,
): Promise<Map<MountPath, AudienceCounters>> {
  const found = new Map<MountPath, AudienceCounters>();
  const left = [...mounts];
  const ask = async (): Promise<void> => {
    for (let mount = left.pop(); mount !== undefined; mount = left.pop()) {
      const counted = await audience(mount, host).catch(() => undefined);
      if (counted) found.set(mount, counted);
    }
  };
  await Promise.all(Array.from({ length: metricsCallsAtOnce }, ask));
  return found;
}

/** Ends a listener's connection, wherever it is, within one segment; false when there is no such listener. */
export async function killListener(mount: MountPath, id: number, host: Host): Promise<boolean> {
  if (!(await isKnownMount(mount, host))) return false;
  if (!(await host.env.ROSTER.getByName(mount).mayHave(id))) return false;
  await order(mount, { kind: "kill", listener: id }, host);
  return true;
}

/**
 * One listener, or with null all that `from` has now, hear `to` within one segment on the connection they have. Nothing
 * happens when there is nothing to hear on `to`: nobody is moved into an end.
 */
export async function moveListeners(
  from: MountPath,
  to: MountPath,
  listener: number | null,
  host: Host,
): Promise<void> {
  if (from === to || !(await isKnownMount(from, host)) || !(await isKnownMount(to, host))) return;
  const { stages, first } = programmeOf(to, await stationOf(host));
  const reachable = stages.slice(first);
  await Promise.all(reachable.map((stage) => stage.refresh(host)));
  if (!reachable.some(isThere)) return;
  await order(from, { kind: "move", listener, to }, host);
}

/** To whom the isolates of a mount's listeners speak: its object, or its roster where a library plays. */
async function order(mount: MountPath, want: ListenerWant, host: Host): Promise<void> {
  const isPlayed = libraryOf(await stationOf(host), mount) !== undefined;
  const keeper = isPlayed ? host.env.ROSTER.getByName(mount) : host.env.MOUNT.getByName(mount);
  await keeper.orderListeners(want);
}

/** Ends the source's connection; it is fenced and may connect again, and its ingest host logs by whom. False when there is none. */
export async function killSource(mount: MountPath, host: Host, by: string): Promise<boolean> {
  if (!(await isKnownMount(mount, host))) return false;
  return host.env.MOUNT.getByName(mount).killSource(mount, JSON.stringify(by));
}

/** Sets the title as if the source had, with its ingest host's next word: within a segment. False without a source. */
export async function setSourceTitle(
  mount: MountPath,
  title: SourceOrder["title"],
  host: Host,
): Promise<boolean> {
  if (!(await isKnownMount(mount, host))) return false;
  return host.env.MOUNT.getByName(mount).setSourceTitle(title);
}

/** What the station has counted since it was set up, some ten seconds late. */
export const stationCounters = (host: Host): Promise<StationCounters> =>
  host.env.LEDGER.getByName(ledgerName).counters();

const noAudience: AudienceCounters = {
  sessions: 0,
  uniqueToday: 0,
  byCountry: {},
  bytesSent: 0,
  slowListeners: 0,
};
