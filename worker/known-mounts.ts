import type { MountPath } from "../shared/units.ts";

/** Mounts remembered: all of them travel in each listing, and whoever has a source password can name new ones for ever. */
export const maxKnownMounts = 1_000;

/** Mounts that had a source; of too many, those that have been off the air the longest are forgotten. */
export class KnownMounts {
  /** The one heard of last comes last. */
  readonly #mounts: Set<MountPath>;

  /** `heard`: with the time of each, in any order. */
  constructor(heard: Iterable<readonly [MountPath, number]>) {
    this.#mounts = new Set([...heard].toSorted(([, a], [, b]) => a - b).map(([mount]) => mount));
  }

  get list(): readonly MountPath[] {
    return [...this.#mounts];
  }

  has(mount: MountPath): boolean {
    return this.#mounts.has(mount);
  }

  /** The mount has a source now. Returns those that are forgotten for it, never one on air. */
  hear(mount: MountPath, isOnAir: (mount: MountPath) => boolean): readonly MountPath[] {
    this.#mounts.delete(mount);
    this.#mounts.add(mount);
    const forgotten: MountPath[] = [];
    for (const oldest of this.#mounts) {
      if (this.#mounts.size <= maxKnownMounts) break;
      if (oldest === mount || isOnAir(oldest)) continue;
      this.#mounts.delete(oldest);
      forgotten.push(oldest);
    }
    return forgotten;
  }
}
