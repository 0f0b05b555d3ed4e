import { setTimeout as sleep } from "node:timers/promises";
import type { AutoDjSettings } from "../../config/ingest-settings.ts";
import { reasonOf } from "../log.ts";
import { failurePauseMs } from "./limits.ts";
import type { Music } from "./music.ts";
import type { ProgrammePick } from "./order/programme.ts";
import { formatName, type Mp3Format, type Parts, type TrackAnalyser } from "./parts.ts";
import type { TrackFile, TrackPlan } from "./track.ts";
import { type ReadyTrack, retryMs } from "./upcoming.ts";

export interface PreparationOptions {
  readonly settings: Pick<AutoDjSettings, "transcode" | "bitrateKbps">;
  readonly music: Pick<Music, "refuse">;
  readonly analyser: TrackAnalyser;
  readonly parts: Pick<Parts, "openTrack">;
  /** The mount's, and its `FrameFormat.key`. */
  readonly format: Mp3Format & { readonly key: string };
}

/** From a file to a track that can be played. What cannot be is refused, with its reason. */
export class Preparation {
  readonly #options: PreparationOptions;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /** Null for a file that was refused. Rejects when aborted. */
  async prepare(
    {
      pick,
      file,
      frame = 0,
    }: { readonly pick: ProgrammePick; readonly file: TrackFile; readonly frame?: number },
    signal: AbortSignal,
  ): Promise<ReadyTrack | null> {
    const { music, analyser, parts } = this.#options;
    const analysis = await analyser.analyse(file, signal);
    if (analysis.kind === "refused") {
      // What the analyser does not keep need not be the file's fault.
      if (!analyser.known(file)) return this.#putOff(file, analysis.reason, signal);
      music.refuse(file, analysis.reason);
      return null;
    }
    try {
      const fitting = await this.#fit(file, analysis.plan, signal);
      if (!fitting) return null;
      const { path, plan } = fitting;
      const reader = await parts.openTrack(path, plan, Math.min(frame, plan.frames));
      return { pick, file, path, plan, reader };
    } catch (error) {
      if (signal.aborted) throw error;
      return this.#putOff(file, reasonOf(error), signal);
    }
  }

  /** When a disk or storage is away, no thousand files are tried and told of within a second. */
  async #putOff(file: TrackFile, reason: string, signal: AbortSignal): Promise<null> {
    this.#options.music.refuse(file, reason, retryMs);
    await sleep(failurePauseMs, undefined, { signal, ref: false });
    return null;
  }

  /** In the mount's format; null where that is not to be had. */
  async #fit(file: TrackFile, plan: TrackPlan, signal: AbortSignal) {
    const { settings, music, analyser, format } = this.#options;
    if (plan.format.key === format.key) return { path: await file.path(signal), plan };
    if (settings.transcode) return analyser.transcoded(file, plan, format, settings.bitrateKbps, signal);
    const reason = `is ${formatName(plan.format)} (${plan.format.key}), not ${formatName(format)} as the mount is, and is not to be encoded anew (transcode)`;
    music.refuse(file, reason);
    return null;
  }
}
