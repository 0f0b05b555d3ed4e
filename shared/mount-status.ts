import type { SourceInfo } from "./source/source-info.ts";
import type { Millis, MountPath } from "./units.ts";

/** What the station's directory tells of one mount: the status pages, playlists and statistics are made of it. */
export interface MountStatus {
  readonly mount: MountPath;
  readonly source: SourceInfo;
  /** When the source took the mount, ms since the Unix epoch. */
  readonly streamStartMs: Millis;
  /** The title in force; absent until the source has set one. */
  readonly title?: string;
  readonly listeners: number;
  /** The most listeners at any one time since the source took the mount. */
  readonly listenerPeak: number;
  readonly onAir: boolean;
  /** For people: "MPEG-1 Layer III, 44100 Hz, joint stereo". */
  readonly format?: string;
  readonly sampleRate?: number;
  readonly channels?: 1 | 2;
  /** Its format changed within the last minute, for people: "44100 Hz stereo to 48000 Hz mono". */
  readonly formatChange?: string;
  /** Bytes that its source has sent since it connected and that are neither audio nor tags. */
  readonly garbageBytes?: number;
  /** Kilobits per second as measured, whatever the source declared. */
  readonly bitrateKbps?: number;
}
