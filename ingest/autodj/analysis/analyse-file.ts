import { playRange } from "../../../shared/codec/mp3/play-range.ts";
import { reasonOf } from "../../log.ts";
import { foreignReason, reasonWithoutFrames } from "./foreign-file.ts";
import { type FrameScan, scanFrames } from "./frame-scan.ts";
import { taggedLevel } from "./level.ts";
import { minDecodedShare, minPlayMs } from "./limits.ts";
import { measure, probe } from "./measure.ts";
import { CancelledError, type Pace } from "./pace.ts";
import { TrackBytes } from "./track-bytes.ts";
import { type Finding, refused, type TrackFacts } from "./track-facts.ts";
import { readTags, type TrackTags } from "./track-tags.ts";

/** What a file is. Rejects only with CancelledError. `wantsLevel`: loudness and peak are asked for. */
export async function analyseFile(path: string, wantsLevel: boolean, pace: Pace): Promise<Finding> {
  let file: TrackBytes | undefined;
  try {
    file = new TrackBytes(path);
    const finding = await analyse(file, wantsLevel, pace);
    // Of a copy that keeps the time of what it copies, the half may pass for the whole.
    return file.hasChanged ? wasChanged : finding;
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    return { kind: "refused", reason: `cannot be read: ${reasonOf(error)}`, kept: "no" };
  } finally {
    file?.close();
  }
}

/** What a file that was encoded here is: without tags. */
export async function factsOfEncoded(
  file: TrackBytes,
  scan: FrameScan,
  wantsLevel: boolean,
  pace: Pace,
): Promise<Finding> {
  const fault = faultOf(scan);
  if (fault !== null) return refused(fault);
  const level = await levelOf(file, scan, {}, { wantsLevel, pace });
  if (level === null) return refused(NO_SOUND);
  return { kind: "facts", facts: { ...playOf(scan), ...level } };
}

const wasChanged: Finding = { kind: "refused", reason: "was changed while it was looked at", kept: "no" };
const NO_SOUND = "cannot be decoded: what looks like its frames is no sound";

async function analyse(file: TrackBytes, wantsLevel: boolean, pace: Pace): Promise<Finding> {
  const scan = await scanFrames(file, pace);
  if (scan === null) return refused(reasonWithoutFrames(file));
  if (typeof scan === "string") return refused(foreignReason(file) ?? scan);
  const fault = faultOf(scan);
  if (fault !== null) return refused(fault);
  const tags = await readTags(file);
  const level = await levelOf(file, scan, tags, { wantsLevel, pace });
  if (level === null) return refused(NO_SOUND);
  return { kind: "facts", facts: { ...playOf(scan), ...textOf(tags), ...level } };
}

/** What keeps a file of MPEG frames from being played. */
function faultOf(scan: FrameScan): string | null {
  if (scan.layer === 1) return `is ${scan.format.description}, which players have forgotten`;
  if (scan.format.bitrateKbps === 0) return "is in free format, which most players cannot play";
  const ms = (scan.frames * scan.samplesPerFrame * 1000) / scan.format.sampleRate;
  return ms < minPlayMs ? `lasts for ${Math.round(ms)} ms only` : null;
}

function playOf(scan: FrameScan): Omit<TrackFacts, "title" | "artist" | "album"> {
  const { format, samplesPerFrame, frames, frameBytes, info } = scan;
  const { key, sampleRate, channels } = format;
  const seconds = (frames * samplesPerFrame) / sampleRate;
  return {
    format: { key, sampleRate, channels },
    ...playRange(info, frames),
    samplesPerFrame,
    bitrateKbps: Math.round((frameBytes * 8) / seconds / 100) / 10,
  };
}

const textOf = ({ title, artist, album }: TrackTags): Pick<TrackFacts, "title" | "artist" | "album"> => ({
  ...(title === undefined ? {} : { title }),
  ...(artist === undefined ? {} : { artist }),
  ...(album === undefined ? {} : { album }),
});

/**
 * By tags where they tell, else by listening: also where they tell the loudness but not the peak, since any target may ask
 * for more gain. Null for what no decoder makes sound of.
 */
async function levelOf(
  file: TrackBytes,
  scan: FrameScan,
  tags: TrackTags,
  { wantsLevel, pace }: { readonly wantsLevel: boolean; readonly pace: Pace },
): Promise<Pick<TrackFacts, "loudnessLufs" | "peak"> | null> {
  const tagged = taggedLevel(tags, scan.info?.lame?.trackGainDb);
  const isKnown = tagged.loudnessLufs !== undefined && tagged.peak !== undefined;
  const listen = wantsLevel && !isKnown ? measure : probe;
  const { loudnessLufs, peak, decodedShare } = await listen(file, scan, pace);
  if (decodedShare < minDecodedShare) return null;
  return wantsLevel ? { loudnessLufs, peak, ...tagged } : {};
}
