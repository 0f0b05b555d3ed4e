import { formatName, type Mp3Format } from "../autodj/parts.ts";
import type { TrackPlan } from "../autodj/track.ts";

/** What most of the music has, by playing time; null without any. */
export function commonFormat(
  plans: readonly Pick<TrackPlan, "format" | "frames" | "samplesPerFrame">[],
): Mp3Format | null {
  const playing = new Map<string, { readonly format: Mp3Format; seconds: number }>();
  for (const { format, frames, samplesPerFrame } of plans) {
    const { sampleRate, channels } = format;
    const name = formatName({ sampleRate, channels });
    const known = playing.get(name) ?? { format: { sampleRate, channels }, seconds: 0 };
    known.seconds += (frames * samplesPerFrame) / sampleRate;
    playing.set(name, known);
  }
  let most: { readonly format: Mp3Format; seconds: number } | null = null;
  for (const candidate of playing.values()) if (!most || candidate.seconds > most.seconds) most = candidate;
  return most?.format ?? null;
}

/** Why a track does not fit a library as it is; null when it does. */
export function misfit({ format }: Pick<TrackPlan, "format">, library: Mp3Format): string | null {
  const [own, wanted] = [formatName(format), formatName(library)];
  return own === wanted ? null : `is ${own}, the library is ${wanted}`;
}
