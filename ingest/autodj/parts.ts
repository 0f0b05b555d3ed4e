import type { MusicPlace } from "../../config/ingest-settings.ts";
import type { Analysis, TrackFile, TrackPlan } from "./track.ts";

/** What an AutoDJ is made of besides itself. */
export interface Parts {
  sources(places: readonly MusicPlace[], reloadMs: number): Sources;
  analyser(loudnessLufs: number | null): TrackAnalyser;
  openTrack(path: string, plan: TrackPlan, atFrame?: number): Promise<Reader>;
}

/** Where music is, as it changes. */
export interface Sources {
  /** Resolves when all places have been read once. */
  start(): Promise<void>;
  readonly files: readonly TrackFile[];
  onChange(listener: () => void): unknown;
  stop(): unknown;
}

/** Finds out what of a file plays, and makes files of another format fit. One of them serves several AutoDJs. */
export interface TrackAnalyser {
  /** Rejects only when aborted. */
  analyse(file: TrackFile, signal?: AbortSignal): Promise<Analysis>;
  /** What was found out before. */
  known(file: TrackFile): Analysis | undefined;
  transcoded(
    file: TrackFile,
    plan: TrackPlan,
    format: Mp3Format,
    bitrateKbps: number,
    signal?: AbortSignal,
  ): Promise<{ readonly path: string; readonly plan: TrackPlan }>;
  stop(): unknown;
}

export interface Mp3Format {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
}

/** "44100 stereo": as in settings. */
export const formatName = ({ sampleRate, channels }: Mp3Format): string =>
  `${sampleRate} ${channels === 1 ? "mono" : "stereo"}`;

export interface Reader {
  /** The next whole frames, about a second of them; null at the end. Rejects when the file is not as it was. */
  read(): Promise<{ readonly bytes: Uint8Array } | null>;
  /** Index of the next frame. */
  readonly frame: number;
  close(): unknown;
}
