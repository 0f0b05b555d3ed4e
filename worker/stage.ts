import type { Title } from "../shared/mount-state.ts";
import type { StageView } from "../shared/playout.ts";
import type { SegmentRef } from "../shared/segment.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import type { MountPath } from "../shared/units.ts";
import type { Host } from "./mount-feed.ts";
import type { LoadedSegment } from "./segment-cache.ts";
import type { Bell } from "./sleepers.ts";

/** A place to listen to, as the listeners of this isolate share it: a mount, a library, or a file in a loop. */
export interface Stage extends StageView {
  /** Whether what it offers is its own word, and not what is left when it could not be asked. */
  readonly isCertain: boolean;
  /** For logs and warnings. */
  readonly name: string;
  /** Title in force at the window's first sample. */
  readonly titleBefore: Title | null;
  /** Brings it up to date. */
  refresh(host: Host): Promise<void>;
  /** Rung when there may be news; sometimes for nothing. */
  readonly bell: Bell;
  /** Sees to it that the bell will be rung. Returns in how many ms there is news in any case. */
  attend(host: Host): number;
  /** A segment's bytes, shared; null when storage does not have them. */
  segment(ref: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null>;
}

/** A mount: what listeners ask for. */
export interface Home extends Stage {
  readonly mount: MountPath;
  /** Of what plays there; null while nothing does. */
  readonly source: SourceInfo | null;
}
