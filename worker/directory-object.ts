import { DurableObject } from "cloudflare:workers";
import type { MountStatus } from "../shared/mount-status.ts";
import type { MountPath } from "../shared/units.ts";
import type { Env } from "./env.ts";

/**
 * The station's mounts that are on air. It holds nothing that its mounts do not tell it again within seconds, so it
 * stores nothing; an entry that is not repeated expires.
 */
export class DirectoryObject extends DurableObject<Env> {
  readonly #startedMs = Date.now();
  readonly #mounts = new Map<MountPath, { readonly status: MountStatus; readonly untilMs: number }>();

  /** `status` null takes the mount off the list. `validMs` from now. */
  update(mount: MountPath, status: MountStatus | null, validMs: number): void {
    if (status) this.#mounts.set(mount, { status, untilMs: Date.now() + validMs });
    else this.#mounts.delete(mount);
  }

  /** Mounts on air, by path; the time since when this directory has been up, ms since the Unix epoch. */
  list(): { readonly startedMs: number; readonly mounts: readonly MountStatus[] } {
    const now = Date.now();
    for (const [mount, { untilMs }] of this.#mounts) {
      if (untilMs < now) this.#mounts.delete(mount);
    }
    const mounts = [...this.#mounts.values()].map(({ status }) => status);
    return {
      startedMs: this.#startedMs,
      mounts: mounts.toSorted((a, b) => (a.mount < b.mount ? -1 : 1)),
    };
  }
}
