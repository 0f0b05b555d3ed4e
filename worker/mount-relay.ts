import type { MountView } from "../shared/mount-state.ts";
import type { MountPath } from "../shared/units.ts";
import type { Host } from "./mount-feed.ts";
import type { MountQuestion } from "./mount-object.ts";

/** Whom an isolate asks about a mount. */
interface MountDesk {
  /** As `MountObject.view`. */
  view(question: MountQuestion): Promise<MountView>;
}

export const mountOf = ({ env }: Host, mount: MountPath): MountDesk => env.MOUNT.getByName(mount);
