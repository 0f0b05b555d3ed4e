import type { EpochFacts } from "../../shared/broadcast.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import type { MountPath } from "../../shared/units.ts";

/** What is said of an epoch; what only the claim told may be forgotten by then, and counts as it was told before. */
export type EpochWord = Omit<EpochFacts, "process" | "continues"> & Partial<EpochFacts>;

/** What a mount's object tells its archive. Told twice it changes nothing. */
export interface ArchiveWord {
  readonly mount: MountPath;
  /** In order; later words of an epoch count. */
  readonly epochs: readonly EpochWord[];
  /** Announced, that is: in storage. */
  readonly segments: readonly SegmentRef[];
  /** Listeners of the mount now. */
  readonly listeners: number;
}
