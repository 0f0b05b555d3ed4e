import type { MountPath } from "../shared/units.ts";
import { isKnownMount, stationOf } from "./directory.ts";
import type { Host } from "./mount-feed.ts";
import { libraryOf, rulesOf } from "./station.ts";

/**
 * A mount's source begins to be heard. Where it has `fallback_override = "all"` by a pattern alone, those who chose its
 * fallback are moved to it, as Icecast does. Listeners of the fallback follow mounts that the settings name by
 * themselves (`programme.ts`); of others they cannot know beforehand. Never rejects.
 */
export async function takeOver(mount: MountPath, host: Host): Promise<void> {
  try {
    const station = await stationOf(host);
    if (Object.hasOwn(station.mounts, mount)) return;
    const { fallback, fallbackOverride } = rulesOf(station, mount) ?? {};
    if (fallbackOverride !== "all" || fallback?.kind !== "mount" || fallback.mount === mount) return;
    if (!(await isKnownMount(fallback.mount, host))) return;
    const order = { kind: "move", listener: null, to: mount } as const;
    const isPlayed = libraryOf(station, fallback.mount) !== undefined;
    const keeper = isPlayed ? host.env.ROSTER : host.env.MOUNT;
    await keeper.getByName(fallback.mount).orderListeners(order);
  } catch (error) {
    console.warn("listeners of its fallback were not moved", mount, String(error));
  }
}
