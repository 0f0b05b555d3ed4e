import { fileTitle, type MountFile, withStoredFiles } from "../config/edge-settings.ts";
import type { Codec } from "../shared/codec/codec.ts";
import type { EdgeStation, StoredFile } from "../shared/edge-station.ts";
import { filesPatienceMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import { persist } from "./persist.ts";
import { type FileStore, StoredFileError, storeFile } from "./stored-files.ts";

/** What the edge is told of the station. */
export interface StationToTell {
  readonly edge: EdgeStation;
  readonly files: readonly MountFile[];
}

/** Who takes the station's settings. */
interface StationTaker {
  /** "refused": the edge cannot read them, sending them again is no use. Rejects when it gave no usable answer. */
  station(station: EdgeStation, signal: AbortSignal): Promise<"ok" | "refused">;
}

export interface StationPushOptions {
  readonly edge: StationTaker;
  readonly store: FileStore;
  readonly codec: Codec;
  readonly log: Log;
  readonly limits?: { readonly filesPatienceMs: number };
}

interface Stored {
  readonly file: MountFile;
  readonly as: StoredFile;
}

/**
 * Tells the edge of the station, in the background and until it is heard: the settings, and the files once they are in
 * storage. The newest word alone counts.
 */
export class StationPush {
  readonly #options: StationPushOptions;
  #running = new AbortController();

  constructor(options: StationPushOptions) {
    this.#options = options;
  }

  /** Returns at once. Ends what was being told before. */
  tell(station: StationToTell): void {
    this.stop();
    const running = new AbortController();
    this.#running = running;
    void this.#tell(station, running.signal).catch((error: unknown) => {
      if (!running.signal.aborted)
        this.#options.log.error({ err: error }, "the edge was not told of the station");
    });
  }

  stop(): void {
    this.#running.abort();
  }

  async #tell({ edge, files }: StationToTell, signal: AbortSignal): Promise<void> {
    const stored: Stored[] = [];
    const storing = this.#storeAll(files, stored, signal);
    // A large file, or storage that is down, keeps nobody from the new settings; those that are there come with them.
    const patienceMs = this.#options.limits?.filesPatienceMs ?? filesPatienceMs;
    const inTime = await Promise.race([storing.then(() => true), unlessSettled(patienceMs, storing)]);
    if (!inTime) await this.#push(withStoredFiles(edge, stored), signal);
    await storing;
    await this.#push(withStoredFiles(edge, stored), signal);
  }

  /** Several mounts may play one file; it is read once. */
  async #storeAll(files: readonly MountFile[], stored: Stored[], signal: AbortSignal): Promise<void> {
    const ids = new Map<string, string | null>();
    for (const file of files) {
      const known = ids.get(file.path);
      const id = known === undefined ? await this.#store(file, signal) : known;
      ids.set(file.path, id);
      if (id !== null) stored.push({ file, as: { id, title: fileTitle(file.path) } });
    }
  }

  /** Null when the file cannot be played: the station runs on without it. */
  async #store({ path }: MountFile, signal: AbortSignal): Promise<string | null> {
    const { codec, store, log } = this.#options;
    try {
      return await persist(() => storeFile(path, { codec, store, signal }), {
        signal,
        isFinal: (error) => error instanceof StoredFileError,
        onFailure: (error) =>
          log.warn({ file: path, reason: reasonOf(error) }, "a file could not be stored, trying on"),
      });
    } catch (error) {
      if (!(error instanceof StoredFileError)) throw error;
      log.error({ file: path, reason: error.message }, "a file of the station cannot be played");
      return null;
    }
  }

  async #push(station: EdgeStation, signal: AbortSignal): Promise<void> {
    const { edge, log } = this.#options;
    const result = await persist(() => edge.station(station, signal), {
      signal,
      isFinal: () => false,
      onFailure: (error) =>
        log.warn({ reason: reasonOf(error) }, "the edge could not be told of the station, trying on"),
    });
    if (result === "ok") log.info("the edge knows the station's settings");
    else log.error("the edge refuses the station's settings");
  }
}

/** Resolves to false after `ms` unless `work` has settled by then; its timer keeps no process alive. */
function unlessSettled(ms: number, work: Promise<unknown>): Promise<false> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms).unref();
    const clear = () => clearTimeout(timer);
    work.then(clear, clear);
  });
}
