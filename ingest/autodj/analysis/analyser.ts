import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Log, reasonOf } from "../../log.ts";
import type { Analysis, TrackFile, TrackPlan } from "../track.ts";
import { TrackError } from "../track-error.ts";
import { AnalysisThread, JobError } from "./analysis-thread.ts";
import { FindingCache } from "./finding-cache.ts";
import { analysisMs, knownFiles, transcodeMs } from "./limits.ts";
import { SharedJobs } from "./shared-jobs.ts";
import type { Finding, TargetFormat, TrackFacts } from "./track-facts.ts";
import { analysisOf, planOf } from "./track-plan.ts";
import { TranscodeCache, type TranscodeKey } from "./transcode-cache.ts";

interface AnalyserOptions {
  /** Folder of its own; made when there is something to keep. */
  readonly cacheDir: string;
  /** What tracks are brought to; null: their level is left as it is. */
  readonly loudnessLufs: number | null;
  readonly log: Log;
  readonly thread?: AnalysisThread;
  readonly transcodes?: TranscodeCache;
}

/**
 * Looks into files, in a thread beside: what they are, what of them plays and how loud. What it finds is kept on disk by the
 * file's id and version, so that each version of a file is looked at once.
 */
export class Analyser {
  readonly #loudnessLufs: number | null;
  readonly #log: Log;
  readonly #thread: AnalysisThread;
  readonly #findings: FindingCache;
  readonly #transcodes: TranscodeCache;
  readonly #analyses = new SharedJobs<Finding>();
  readonly #encodings = new SharedJobs<TranscodedFile>();
  /** By `keyOf`; the first is the one that was asked for least recently. */
  readonly #known = new Map<string, Finding>();
  #cacheFailed = false;

  constructor({ cacheDir, loudnessLufs, log, thread, transcodes }: AnalyserOptions) {
    this.#loudnessLufs = loudnessLufs;
    this.#log = log;
    this.#thread = thread ?? new AnalysisThread();
    this.#findings = new FindingCache(join(cacheDir, "findings-v1"));
    this.#transcodes = transcodes ?? new TranscodeCache(join(cacheDir, "transcoded-v1"));
  }

  /** What was found since the start; what only the disk knows is told by `analyse`, soon. */
  known(file: TrackFile): Analysis | undefined {
    const finding = this.#known.get(keyOf(file));
    return finding && analysisOf(finding, file, this.#loudnessLufs);
  }

  /** What a file is. Rejects only with the signal's reason. Several may ask for the same file at once. */
  async analyse(file: TrackFile, signal?: AbortSignal): Promise<Analysis> {
    const key = keyOf(file);
    const finding =
      this.#known.get(key) ?? (await this.#analyses.run(key, signal, (shared) => this.#find(file, shared)));
    this.#remember(key, finding);
    return analysisOf(finding, file, this.#loudnessLufs);
  }

  /**
   * The same track as another file, of `format` at `kbps`, and its plan: made once and kept, up to so many bytes. Rejects
   * with TrackError where it cannot be made, and with the signal's reason.
   */
  async transcoded(
    file: TrackFile,
    plan: TrackPlan,
    format: TargetFormat,
    kbps: number,
    signal?: AbortSignal,
  ): Promise<{ path: string; plan: TrackPlan }> {
    const { sampleRate, channels } = format;
    const key = { file, format: { sampleRate, channels }, kbps };
    const work = (shared: AbortSignal): Promise<TranscodedFile> => this.#encode(key, shared);
    const name = JSON.stringify([keyOf(file), sampleRate, channels, kbps]);
    const made = (await this.#transcodes.get(key)) ?? (await this.#encodings.run(name, signal, work));
    const { title, artist, album } = plan;
    const own = planOf(made.facts, file, this.#loudnessLufs);
    const text = {
      title,
      ...(artist === undefined ? {} : { artist }),
      ...(album === undefined ? {} : { album }),
    };
    return { path: made.path, plan: { ...own, ...text } };
  }

  /** Ends the thread; what is under way rejects or is refused. */
  stop(): void {
    this.#thread.stop();
  }

  async #find(file: TrackFile, signal: AbortSignal): Promise<Finding> {
    const wantsLevel = this.#loudnessLufs !== null;
    const kept = await this.#findings.get(file);
    if (kept && (kept.kind === "refused" || !wantsLevel || kept.facts.loudnessLufs !== undefined))
      return kept;
    const finding = await this.#look(file, wantsLevel, signal);
    if (await hasChanged(file))
      return { kind: "refused", reason: "has changed since it was listed", kept: "no" };
    if (finding.kind === "facts" || finding.kept === "disk") {
      await this.#findings.put(file, finding).catch((error: unknown) => this.#cacheFailure(error));
    }
    return finding;
  }

  async #look(file: TrackFile, wantsLevel: boolean, signal: AbortSignal): Promise<Finding> {
    try {
      const path = await file.path(signal);
      return await this.#thread.run({ kind: "analyse", path, wantsLevel }, { limitMs: analysisMs, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof JobError ? error.message : `cannot be had: ${reasonOf(error)}`;
      return { kind: "refused", reason, kept: "no" };
    }
  }

  async #encode(key: TranscodeKey & { file: TrackFile }, signal: AbortSignal): Promise<TranscodedFile> {
    const { file, format, kbps } = key;
    let to: string | undefined;
    try {
      const path = await file.path(signal);
      to = await this.#transcodes.place(key);
      const transcode = { path, to, format, kbps, wantsLevel: this.#loudnessLufs !== null };
      const job = { kind: "transcode", transcode } as const;
      const finding = await this.#thread.run(job, { limitMs: transcodeMs, signal });
      if (finding.kind === "refused") throw new JobError(finding.reason);
      if (await hasChanged(file)) throw new JobError("it has changed since it was listed");
      return await this.#transcodes.keep(key, to, finding.facts);
    } catch (error) {
      // A thread that died has left it.
      if (to !== undefined) await rm(to, { force: true }).catch(() => {});
      if (signal.aborted) throw error;
      throw new TrackError(`cannot be encoded anew: ${reasonOf(error)}`, { cause: error });
    }
  }

  #remember(key: string, finding: Finding): void {
    this.#known.delete(key);
    if (finding.kind === "refused" && finding.kept === "no") return;
    this.#known.set(key, finding);
    const [oldest] = this.#known.keys();
    if (this.#known.size > knownFiles && oldest !== undefined) this.#known.delete(oldest);
  }

  #cacheFailure(error: unknown): void {
    if (this.#cacheFailed) return;
    this.#cacheFailed = true;
    this.#log.warn({ reason: reasonOf(error) }, "what files are found to be cannot be kept on disk");
  }
}

interface TranscodedFile {
  readonly path: string;
  readonly facts: TrackFacts;
}

/** Nothing is kept of a file that is another one than it is taken for. */
const hasChanged = async (file: TrackFile): Promise<boolean> => (await file.isCurrent?.()) === false;

const keyOf = ({ id, version }: Pick<TrackFile, "id" | "version">): string => JSON.stringify([id, version]);
