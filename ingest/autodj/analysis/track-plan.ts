import { parse } from "node:path";
import type { Analysis, TrackFile, TrackPlan } from "../track.ts";
import { gainStepsFor } from "./level.ts";
import { textLength } from "./limits.ts";
import type { Finding, TrackFacts } from "./track-facts.ts";

/** What a finding means for a file under a station's settings. */
export const analysisOf = (
  finding: Finding,
  file: Pick<TrackFile, "name" | "listedTitle">,
  targetLufs: number | null,
): Analysis =>
  finding.kind === "facts"
    ? { kind: "plays", plan: planOf(finding.facts, file, targetLufs) }
    : { kind: "refused", reason: finding.reason };

export function planOf(
  facts: TrackFacts,
  file: Pick<TrackFile, "name" | "listedTitle">,
  targetLufs: number | null,
): TrackPlan {
  const { format, firstFrame, frames, samplesPerFrame, bitrateKbps, artist, album, loudnessLufs } = facts;
  return {
    title: titleOf(facts, file),
    ...(artist === undefined ? {} : { artist }),
    ...(album === undefined ? {} : { album }),
    format,
    firstFrame,
    frames,
    samplesPerFrame,
    // Layer II has no `global_gain`.
    gainSteps: format.key.split("/")[1] === "3" ? gainStepsFor(facts, targetLufs) : 0,
    bitrateKbps,
    ...(loudnessLufs === undefined || loudnessLufs === null ? {} : { loudnessLufs }),
  };
}

/** The list's title stands in for the tag's, the file's name for both. */
function titleOf(
  { artist, title }: TrackFacts,
  { name, listedTitle }: Pick<TrackFile, "name" | "listedTitle">,
): string {
  if (title !== undefined) return artist === undefined ? title : `${artist} - ${title}`;
  const listed = listedTitle?.trim().slice(0, textLength);
  return listed ? listed : parse(name).name.slice(0, textLength);
}
