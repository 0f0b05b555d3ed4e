import type { Finding, TargetFormat } from "./track-facts.ts";

/** To the thread. It has one job at a time; the next comes after its report. */
export type Order =
  | { readonly kind: "analyse"; readonly id: number; readonly path: string; readonly wantsLevel: boolean }
  | { readonly kind: "transcode"; readonly id: number; readonly transcode: TranscodeOrder }
  /** Its report is "failed". */
  | { readonly kind: "cancel"; readonly id: number };

export interface TranscodeOrder {
  readonly path: string;
  readonly format: TargetFormat;
  readonly kbps: number;
  /** Where the new file goes; what is there is written over. */
  readonly to: string;
  readonly wantsLevel: boolean;
}

/** From the thread. */
export type Report =
  | { readonly kind: "alive"; readonly id: number }
  /** Of a file encoded anew: what the new one is. */
  | { readonly kind: "found"; readonly id: number; readonly finding: Finding }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };
