import { randomInt } from "node:crypto";
import type { LibraryEdition } from "../../shared/library.ts";
import { fileIndexKey } from "../../shared/stored-file.ts";
import { cutToBytes, sanitiseTitle } from "../../shared/title.ts";
import type { Mp3Format } from "../autodj/parts.ts";
import type { TrackFile } from "../autodj/track.ts";
import type { UploadOptions } from "./command-line.ts";
import { bytesOf, cutTrack, CutError, type CutTrack, type OpenTrack, samplesOf } from "./cut-track.ts";
import { type EditionTrack, makeEdition, playsTheSame, stillHeard } from "./edition.ts";
import { commonFormat, misfit } from "./format-choice.ts";
import { InFlight } from "./in-flight.ts";
import { knownKey, type KnownTrack, type KnownTracks } from "./known-tracks.ts";
import { publishEdition, readCurrent, readEdition } from "./library-store.ts";
import { libraryTracks, trackSegmentMs, tracksAtOnce } from "./limits.ts";
import type { AnalysedTrack, MusicTools, Refusal } from "./music.ts";
import type { Objects } from "./object-store.ts";
import { printable } from "./printable.ts";
import type { Progress } from "./progress.ts";
import { storeTrack } from "./store-track.ts";
import { weightsOf } from "./weights.ts";
import { rate, size } from "./words.ts";

/** There is nothing to make a library of; the message says what was looked at. */
export class NoMusicError extends Error {
  override readonly name = "NoMusicError";
}

export interface UploadGiven {
  readonly options: UploadOptions;
  /** In the order of their names. */
  readonly music: readonly TrackFile[];
  readonly jingles: readonly TrackFile[];
  readonly tools: MusicTools;
  readonly known: KnownTracks;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Ms since the Unix epoch. */
  readonly now: () => number;
}

export interface UploadSummary {
  readonly tracks: number;
  readonly jingles: number;
  /** Playing time of the music, ms. */
  readonly playMs: number;
  readonly format: Mp3Format;
  readonly refused: readonly Refusal[];
  /** Tracks that storage lacked, the bytes of them that were put, and how long it took. */
  readonly stored: { readonly tracks: number; readonly bytes: number; readonly ms: number };
  /** When the new edition begins to play; absent where the library is as it was, or nothing was to be stored. */
  readonly fromMs?: number;
}

/** What is known of a track once it has been read. */
interface ReadyTrack extends KnownTrack {
  readonly file: TrackFile;
  readonly title: string;
}

/**
 * Makes storage have what the folders have, and plays that from now on. A file that cannot be stored is refused by name.
 * Rejects with NoMusicError, with UsageError, with StorageError when storage failed for too long, or with the signal's
 * reason. What was stored by then stays and is not stored again.
 */
export class Upload {
  readonly #given: UploadGiven;
  readonly #store: Objects;
  readonly #refused: Refusal[] = [];
  /** Tracks that are done with, and the one that was begun last. */
  #done = 0;
  #begun = "";
  #storedTracks = 0;
  #storedBytes = 0;
  #startMs = 0;

  constructor(given: UploadGiven, store: Objects) {
    this.#given = given;
    this.#store = store;
  }

  /** Bytes and tracks that are stored so far. */
  get stored(): UploadSummary["stored"] {
    return { tracks: this.#storedTracks, bytes: this.#storedBytes, ms: performance.now() - this.#startMs };
  }

  async run(): Promise<UploadSummary> {
    const { options, music: musicFiles, jingles: jingleFiles, known } = this.#given;
    if (musicFiles.length === 0) throw new NoMusicError("there is no MP3 in it");
    const weightOf = weightsOf(
      options.weights,
      musicFiles.map(({ name }) => name),
    );
    this.#startMs = performance.now();
    const analysed = await this.#analyse([...musicFiles, ...jingleFiles]);
    const of = (files: readonly TrackFile[]) => files.flatMap((file) => analysed.get(file) ?? []);
    const [music, jingles] = [of(musicFiles), of(jingleFiles)];
    const format = options.format ?? commonFormat(music.map(({ plan }) => plan));
    if (music.length === 0 || !format) throw new NoMusicError("none of its files can be played");
    if (music.length + jingles.length > libraryTracks) {
      throw new NoMusicError(
        `it has ${music.length + jingles.length} tracks, a library at most ${libraryTracks}`,
      );
    }
    this.#startMs = performance.now();
    const ready = await this.#storeAll([...music, ...jingles], format).finally(() => known.save());
    const made = (tracks: readonly AnalysedTrack[], weight: (name: string) => number): EditionTrack[] =>
      this.#withoutDoubles(tracks.flatMap(({ file }) => ready.get(file) ?? [])).map(
        ({ file, id, title, samples }) => ({
          ...{ id, title, samples, ...format },
          weight: weight(file.name),
        }),
      );
    const tracks = made(music, weightOf);
    if (tracks.length === 0) throw new NoMusicError("none of its files can be played");
    const between = made(jingles, () => 1);
    const playMs = tracks.reduce((sum, { samples }) => sum + (samples * 1000) / format.sampleRate, 0);
    const stored = this.stored;
    const fromMs = options.dryRun ? undefined : await this.#publish({ format, tracks, jingles: between });
    return {
      tracks: tracks.length,
      jingles: between.length,
      playMs,
      format,
      refused: this.#refused,
      stored,
      ...(fromMs === undefined ? {} : { fromMs }),
    };
  }

  async #analyse(files: readonly TrackFile[]): Promise<Map<TrackFile, AnalysedTrack>> {
    const { tools, progress, signal } = this.#given;
    const analysed = new Map<TrackFile, AnalysedTrack>();
    progress.begin("analysing", files.length);
    for (const [done, file] of files.entries()) {
      signal.throwIfAborted();
      progress.at(done, file.name);
      const analysis = await tools.analyser.analyse(file, signal);
      signal.throwIfAborted();
      if (analysis.kind === "plays") analysed.set(file, { file, plan: analysis.plan });
      else this.#refuse(file, analysis.reason);
    }
    progress.end();
    return analysed;
  }

  /** Each track that is in storage in the end, or would be. */
  async #storeAll(tracks: readonly AnalysedTrack[], format: Mp3Format): Promise<Map<TrackFile, ReadyTrack>> {
    const { progress, signal } = this.#given;
    const ready = new Map<TrackFile, ReadyTrack>();
    const storing = new Map<string, Promise<void>>();
    const flight = new InFlight(tracksAtOnce);
    progress.begin(this.#given.options.dryRun ? "reading" : "uploading", tracks.length);
    for (const track of tracks) {
      await flight.add(async () => {
        signal.throwIfAborted();
        this.#begun = track.file.name;
        const made = await this.#refusing(track.file, () => this.#ready(track, format));
        if (made) {
          // The same audio under two names is stored once.
          const stored = storing.get(made.ready.id) ?? this.#put(made);
          storing.set(made.ready.id, stored);
          await this.#refusing(track.file, async () => {
            await stored;
            ready.set(track.file, made.ready);
          });
        }
        this.#done++;
        this.#tell();
      });
    }
    await flight.settled();
    progress.end();
    return ready;
  }

  /** Reads the track unless it is known what it becomes. Rejects with CutError. */
  async #ready({ file, plan }: AnalysedTrack, format: Mp3Format): Promise<PreparedTrack> {
    const { tools, options, known, signal } = this.#given;
    const reason = misfit(plan, format);
    if (reason !== null && !options.transcode) throw new CutError(reason);
    const kbps = options.bitrateKbps;
    const encoded = reason === null ? null : [format, kbps];
    const source = async (): Promise<{ path: string; plan: typeof plan }> => {
      if (!encoded) return { path: await file.path(signal), plan };
      return tools.analyser.transcoded(file, plan, format, kbps, signal);
    };
    const open: OpenTrack = async () => {
      const { path, plan: cutPlan } = await source();
      return tools.open(path, cutPlan);
    };
    const { title, ...audio } = plan;
    const key = knownKey([file.id, file.version, audio, encoded, trackSegmentMs]);
    const remembered = known.get(key);
    const cut = remembered ? null : await cutTrack(open);
    const found = remembered ?? {
      id: cut?.id ?? "",
      samples: cut ? samplesOf(cut.index) : 0,
      bytes: cut ? bytesOf(cut.index) : 0,
    };
    known.add(key, found);
    return { open, cut, ready: { ...found, file, title: titleOf(file.listedTitle ?? title) } };
  }

  async #put({ open, cut, ready }: PreparedTrack): Promise<void> {
    const { options, progress } = this.#given;
    const { id, title, bytes } = ready;
    const line = `${printable(title)} (${size(bytes)})`;
    if (options.dryRun) return progress.note(`fits    ${line}`);
    if (await this.#store.has(fileIndexKey(id))) return progress.note(`there   ${line}`);
    const whole = cut ?? (await cutTrack(open));
    if (whole.id !== id) throw new CutError("was changed and could not be recognised: try again");
    await storeTrack(whole, open, {
      store: this.#store,
      stored: (part) => {
        this.#storedBytes += part;
        this.#tell();
      },
    });
    this.#storedTracks++;
    progress.note(`stored  ${line}`);
  }

  /** Resolves to null when the file is at fault. */
  async #refusing<T>(file: TrackFile, act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      const reason = this.#given.signal.aborted ? null : refusalOf(error);
      if (reason === null) throw error;
      this.#refuse(file, reason);
      return null;
    }
  }

  #refuse({ name }: TrackFile, reason: string): void {
    this.#refused.push({ name, reason });
    this.#given.progress.note(`refused ${printable(name)} ${printable(reason)}`);
  }

  /** Two files of the same audio play once. */
  #withoutDoubles(tracks: readonly ReadyTrack[]): ReadyTrack[] {
    const first = new Map<string, ReadyTrack>();
    for (const track of tracks) {
      const same = first.get(track.id);
      if (!same) first.set(track.id, track);
      else {
        const [name, other] = [printable(track.file.name), printable(same.file.name)];
        this.#given.progress.say(`left out ${name}: the same audio as ${other}`);
      }
    }
    return [...first.values()];
  }

  /** When it begins to play; undefined when the newest edition is the same. */
  async #publish(content: {
    readonly format: Mp3Format;
    readonly tracks: readonly EditionTrack[];
    readonly jingles: readonly EditionTrack[];
  }): Promise<number | undefined> {
    const { options, progress, now } = this.#given;
    const store = this.#store;
    const read = await readCurrent(store, options.name);
    const newest = stillHeard(read?.current ?? null, now()).at(-1);
    const before = newest ? await readEdition(store, options.name, newest.id) : null;
    const { order, memory, everyTracks } = options;
    const edition: LibraryEdition = makeEdition({
      ...content,
      // Whoever has the same tracks goes on in the same order.
      seed: before?.seed ?? randomInt(2 ** 32),
      rules: { order, memory, everyTracks },
    });
    if (before && playsTheSame(before, edition)) return undefined;
    const warn = (text: string) => progress.say(`note: ${text}`);
    return publishEdition(edition, { store, name: options.name, now, warn, isUrgent: false });
  }

  #tell(): void {
    const { bytes, ms } = this.stored;
    const figure = bytes === 0 ? "" : `${size(bytes)}, ${rate(bytes, ms)}`;
    this.#given.progress.at(this.#done, this.#begun, figure);
  }
}

/** As an edition may have it: 1,024 UTF-16 units at most, and no text has more of them than bytes. */
const titleOf = (text: string): string => cutToBytes(sanitiseTitle(text), 1024);

interface PreparedTrack {
  readonly open: OpenTrack;
  /** Null when it was not read this time. */
  readonly cut: CutTrack | null;
  readonly ready: ReadyTrack;
}

/** What is wrong with the file; null when something else is. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof CutError || error.name === "TrackError") return error.message;
  // The file has gone, or cannot be read any more.
  return "code" in error && "syscall" in error ? `cannot be read: ${String(error.code)}` : null;
}
