import type { FrameFormat } from "../../shared/codec/codec.ts";

/** A file that an AutoDJ may play, as its sources name it. Nothing is known of what is in it. */
export interface TrackFile {
  /** Names it for good, on this host: `file:` and an absolute path, or `storage:` and a key. */
  readonly id: string;
  /** Another one is another content: size and time of change, or an object's ETag. */
  readonly version: string;
  /** For people: the path within its folder or list. */
  readonly name: string;
  /** Title that its list gives it. */
  readonly listedTitle?: string;
  /** Where its bytes can be read now; of an object, after it was fetched. Rejects when it cannot be had. */
  path(signal?: AbortSignal): Promise<string>;
  /** Whether what is there is still of `version`. Absent: what `path` leads to never is anything else. */
  isCurrent?(): Promise<boolean>;
}

/** What of a file plays, and how. */
export interface TrackPlan {
  /** "Artist - Title" as far as they are known, else the file's name without its extension. */
  readonly title: string;
  readonly artist?: string;
  readonly album?: string;
  readonly format: Pick<FrameFormat, "key" | "sampleRate" | "channels">;
  /** Frames before the first that plays: those that hold nothing but the encoder's delay. Info frames count as none. */
  readonly firstFrame: number;
  /** Frames that play. */
  readonly frames: number;
  readonly samplesPerFrame: number;
  /** Of `global_gain`, 1.5 dB each. */
  readonly gainSteps: number;
  /** kb/s on average. */
  readonly bitrateKbps: number;
  /** Integrated loudness before the gain, LUFS; absent where it is not known. */
  readonly loudnessLufs?: number;
}

export type Analysis =
  | { readonly kind: "plays"; readonly plan: TrackPlan }
  /** `reason` follows the file's name in a sentence: "is empty", "has no MPEG audio". */
  | { readonly kind: "refused"; readonly reason: string };

/** How long it plays, ms. */
export const playMs = ({ frames, samplesPerFrame, format }: TrackPlan): number =>
  (frames * samplesPerFrame * 1000) / format.sampleRate;
