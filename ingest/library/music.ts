import type { Parts, TrackAnalyser } from "../autodj/parts.ts";
import type { TrackFile, TrackPlan } from "../autodj/track.ts";
import type { OpenTrack } from "./cut-track.ts";

/** A file that is not in the library, and why: "is empty". */
export interface Refusal {
  readonly name: string;
  readonly reason: string;
}

export interface AnalysedTrack {
  readonly file: TrackFile;
  readonly plan: TrackPlan;
}

/** What knows files, encodes anew and reads: the AutoDJ's own parts. */
export interface MusicTools {
  readonly analyser: Pick<TrackAnalyser, "analyse" | "transcoded">;
  open(...track: Parameters<Parts["openTrack"]>): ReturnType<OpenTrack>;
}
