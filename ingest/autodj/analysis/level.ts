import { GAIN_STEP_DB } from "../../../shared/codec/mp3/gain.ts";
import { maxGainDb, minGainDb } from "./limits.ts";

interface Level {
  readonly loudnessLufs?: number | null | undefined;
  readonly peak?: number | undefined;
}

/**
 * Steps of `global_gain` that bring a track to `targetLufs` as near as steps can: never so many that its largest sample
 * is beyond full scale, or more than `maxGainDb`. Softer it is made whatever its peak. Null: is left as it is.
 */
export function gainStepsFor({ loudnessLufs, peak }: Level, targetLufs: number | null): number {
  if (targetLufs === null || loudnessLufs === undefined || loudnessLufs === null) return 0;
  const wantedDb = targetLufs - loudnessLufs;
  if (wantedDb < minGainDb) return 0;
  const wanted = Math.round(wantedDb / GAIN_STEP_DB);
  if (wanted <= 0) return wanted === 0 ? 0 : wanted;
  const headroomDb = peak === undefined || peak <= 0 ? maxGainDb : -20 * Math.log10(peak);
  return Math.max(0, Math.min(wanted, Math.floor(Math.min(maxGainDb, headroomDb) / GAIN_STEP_DB)));
}

/** What ReplayGain tags say of a track, and what an encoder wrote of it. */
export interface GainTags {
  /** dB to -18 LUFS (89 dB SPL). */
  readonly trackGainDb?: number;
  /** R128_TRACK_GAIN: 1/256 dB to -23 LUFS (RFC 7845, 5.2.1). */
  readonly r128TrackGain?: number;
  readonly trackPeak?: number;
}

const REPLAY_GAIN_LUFS = -18;
const R128_LUFS = -23;

/** What is known of a track's level without listening. A tag that says what no sound has is not believed. */
export function taggedLevel(
  tags: GainTags,
  lameGainDb: number | undefined,
): { loudnessLufs?: number; peak?: number } {
  const { trackGainDb, r128TrackGain, trackPeak } = tags;
  const candidates = [
    trackGainDb === undefined ? undefined : REPLAY_GAIN_LUFS - trackGainDb,
    r128TrackGain === undefined ? undefined : R128_LUFS - r128TrackGain / 256,
    lameGainDb === undefined ? undefined : REPLAY_GAIN_LUFS - lameGainDb,
  ];
  const loudnessLufs = candidates.find((lufs) => lufs !== undefined && lufs >= -70 && lufs <= 10);
  const peak = trackPeak !== undefined && trackPeak > 0 && trackPeak < 10 ? trackPeak : undefined;
  return {
    ...(loudnessLufs === undefined ? {} : { loudnessLufs }),
    ...(peak === undefined ? {} : { peak }),
  };
}
