import * as z from "zod";
import type { TrackPlan } from "../track.ts";

/** What a file is found to be, whatever the settings: a plan is made of it (`track-plan.ts`). */
export const trackFactsSchema = z.object({
  format: z.object({
    key: z.string().min(1),
    sampleRate: z.number().int().positive(),
    channels: z.union([z.literal(1), z.literal(2)]),
  }),
  firstFrame: z.number().int().nonnegative(),
  frames: z.number().int().positive(),
  samplesPerFrame: z.number().int().positive(),
  bitrateKbps: z.number().positive(),
  title: z.string().optional(),
  artist: z.string().optional(),
  album: z.string().optional(),
  /** LUFS; null: has none, since it is silent. Absent: was not asked for. */
  loudnessLufs: z.number().nullable().optional(),
  /** The largest sample, 1 is full scale; absent: not known, nor needed. */
  peak: z.number().nonnegative().optional(),
});
export type TrackFacts = z.infer<typeof trackFactsSchema>;

/**
 * `kept`: for how long to believe it. "disk": the file's own fault, found again by whoever looks; "memory": this process
 * had better not try again; "no": may be otherwise the next time.
 */
export type Finding =
  | { readonly kind: "facts"; readonly facts: TrackFacts }
  | { readonly kind: "refused"; readonly reason: string; readonly kept: "disk" | "memory" | "no" };

export const refused = (reason: string): Finding => ({ kind: "refused", reason, kept: "disk" });

/** The format asked of a file encoded anew. */
export interface TargetFormat {
  readonly sampleRate: number;
  readonly channels: TrackPlan["format"]["channels"];
}
