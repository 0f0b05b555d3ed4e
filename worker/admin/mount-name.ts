import { MountPathError, mountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";

/** Null for what cannot be the name of a mount. */
export function mountOrNull(text: string): MountPath | null {
  try {
    return mountPath(text);
  } catch (error) {
    if (error instanceof MountPathError) return null;
    throw error;
  }
}
