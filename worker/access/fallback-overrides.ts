import type { MountPath } from "../../shared/units.ts";
import { forgetStation } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { accountsOf } from "./accounts.ts";
import { maxFallbackOverrides } from "./limits.ts";

/**
 * What a mount falls back to from now on, before what the station's settings say; null: what they say. Kept until it is taken back,
 * over restarts and new settings too. Rejects when it cannot be stored, or too many are.
 */
export async function overrideFallback(
  mount: MountPath,
  fallback: MountPath | null,
  host: Host,
): Promise<void> {
  const kept = await accountsOf(host).overrideFallback(mount, fallback);
  if (!kept) throw new Error(`${maxFallbackOverrides} fallbacks are set already`);
  forgetStation();
}
