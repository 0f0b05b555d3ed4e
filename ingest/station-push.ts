import { fileTitle, type MountFile, withStoredFiles } from "../config/edge-settings.ts";
import type { Codec } from "../shared/codec/codec.ts";
import type { StationCall } from "../shared/edge-api.ts";
import type { EdgeSecrets } from "../shared/edge-secrets.ts";
import type { EdgeStation, StoredFile } from "../shared/edge-station.ts";
import { filesPatienceMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import { persist } from "./persist.ts";
import { type FileStore, StoredFileError, storedFileId, storeFile } from "./stored-files.ts";

/** What the edge is told of the station. */
export interface StationToTell {
  readonly edge: EdgeStation;
  /** Absent: the edge keeps what it knows of users. */
  readonly secrets?: EdgeSecrets;
  readonly files: readonly MountFile[];
}

/** Who takes the station's settings. */
interface StationTaker {
  /** `refused`: why the edge cannot take them, sending them again is no use. Rejects when it gave no usable answer. */
  station(call: StationCall, signal: AbortSignal): Promise<"ok" | { readonly refused: string }>;
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

/** Of files by their path: the id of one that is in storage, null for one that cannot be played. */
type FileIds = ReadonlyMap<string, string | null>;

/**
 * Tells the edge of the station, in the background and until it is heard: the settings, and the files once they are in
 * storage. The newest word alone counts. No word takes a file away that the edge may be playing and that is to be
 * played on.
 */
export class StationPush {
  readonly #options: StationPushOptions;
  #running = new AbortController();
  /** The files that the edge knows; null while this process has not told it of any, and another one may have. */
  #told: readonly Stored[] | null = null;

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

  async #tell({ edge, secrets, files }: StationToTell, signal: AbortSignal): Promise<void> {
    const ids = new Map<string, string | null>();
    const storing = this.#storeAll(files, ids, signal);
    // A large file, or storage that is down, keeps nobody from the new settings; those that are there come with them.
    const patienceMs = this.#options.limits?.filesPatienceMs ?? filesPatienceMs;
    const inTime = await Promise.race([storing.then(() => true), unlessSettled(patienceMs, storing)]);
    if (!inTime) {
      const meanwhile = this.#filesMeanwhile(files, ids);
      if (meanwhile) await this.#push({ edge, secrets }, meanwhile, signal);
      else
        this.#options.log.warn(
          "the edge keeps the settings that it has until the station's files are stored",
        );
    }
    await storing;
    await this.#push({ edge, secrets }, filesIn(files, ids), signal);
  }

  /** Several mounts may play one file; it is read once. What storage has already is not kept waiting by what it has not. */
  async #storeAll(
    files: readonly MountFile[],
    ids: Map<string, string | null>,
    signal: AbortSignal,
  ): Promise<void> {
    const missing: string[] = [];
    for (const path of new Set(files.map((file) => file.path))) {
      const id = await this.#unlessUnplayable(path, storedFileId, signal);
      if (id === null) missing.push(path);
      else ids.set(path, id === unplayable ? null : id);
    }
    for (const path of missing) {
      const id = await this.#unlessUnplayable(path, storeFile, signal);
      ids.set(path, id === unplayable ? null : id);
    }
  }

  /** Tries until storage answers. */
  async #unlessUnplayable<T>(
    path: string,
    attempt: (path: string, options: Parameters<typeof storeFile>[1]) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | typeof unplayable> {
    const { codec, store, log } = this.#options;
    try {
      return await persist(() => attempt(path, { codec, store, signal }), {
        signal,
        isFinal: (error) => error instanceof StoredFileError,
        onFailure: (error) =>
          log.warn({ file: path, reason: reasonOf(error) }, "a file could not be stored, trying on"),
      });
    } catch (error) {
      if (!(error instanceof StoredFileError)) throw error;
      log.error({ file: path, reason: error.message }, "a file of the station cannot be played");
      return unplayable;
    }
  }

  /**
   * What plays until everything is stored: in the place of a file that is not, what the edge was told for that use of
   * that mount, or of that path. Null when it is not known what the edge would lose.
   */
  #filesMeanwhile(files: readonly MountFile[], ids: FileIds): readonly Stored[] | null {
    const told = this.#told;
    const waiting = files.filter(({ path }) => !ids.has(path));
    if (waiting.length > 0 && told === null) return null;
    const before = waiting.flatMap((file) => {
      const known =
        told?.find((each) => each.file.mount === file.mount && each.file.use === file.use) ??
        told?.find((each) => each.file.path === file.path);
      return known ? [{ file, as: known.as }] : [];
    });
    return [...filesIn(files, ids), ...before];
  }

  async #push(
    settings: { readonly edge: EdgeStation; readonly secrets: EdgeSecrets | undefined },
    files: readonly Stored[],
    signal: AbortSignal,
  ): Promise<void> {
    const { edge, log } = this.#options;
    const station = withStoredFiles(settings.edge, files);
    const call: StationCall = { station, ...(settings.secrets && { secrets: settings.secrets }) };
    const result = await persist(() => edge.station(call, signal), {
      signal,
      isFinal: () => false,
      onFailure: (error) =>
        log.warn({ reason: reasonOf(error) }, "the edge could not be told of the station, trying on"),
    });
    if (result !== "ok") {
      return log.error(
        { reason: result.refused },
        "the edge refuses the station's settings and keeps those it has",
      );
    }
    this.#told = files;
    log.info("the edge knows the station's settings");
  }
}

const unplayable = Symbol("unplayable");

const filesIn = (files: readonly MountFile[], ids: FileIds): Stored[] =>
  files.flatMap((file) => {
    const id = ids.get(file.path) ?? null;
    return id === null ? [] : [{ file, as: { id, title: fileTitle(file.path) } }];
  });

/** Resolves to false after `ms` unless `work` has settled by then; its timer keeps no process alive. */
function unlessSettled(ms: number, work: Promise<unknown>): Promise<false> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms).unref();
    const clear = () => clearTimeout(timer);
    work.then(clear, clear);
  });
}
