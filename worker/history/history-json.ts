import { artistAndTitle, onAirMs } from "../../shared/plays.ts";
import type { CountedPlay } from "./song-history.ts";

export interface PlayJson {
  readonly start: string;
  /** Null: it is on air. */
  readonly end: string | null;
  readonly durationMs: number;
  readonly artist: string;
  readonly title: string;
  readonly text: string;
  readonly url?: string;
  readonly listeners?: number;
  readonly listenerPeak?: number;
  readonly listenerMinutes?: number;
}

export function playJson(play: CountedPlay, counts: boolean, nowMs: number): PlayJson {
  const { startMs, endMs, text, url, audience } = play;
  return {
    start: isoTime(startMs),
    end: endMs === null ? null : isoTime(endMs),
    durationMs: Math.round(onAirMs(play, nowMs)),
    ...artistAndTitle(text),
    text,
    ...(url !== undefined && { url }),
    ...(counts && {
      listeners: audience.atStart,
      listenerPeak: audience.peak,
      listenerMinutes: Math.round(audience.minutes * 100) / 100,
    }),
  };
}

const isoTime = (ms: number): string => new Date(Math.round(ms)).toISOString();
