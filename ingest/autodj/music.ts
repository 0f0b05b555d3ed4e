import { setImmediate } from "node:timers/promises";
import type { AutoDjSettings } from "../../config/ingest-settings.ts";
import type { Log } from "../log.ts";
import type { Programme } from "./order/programme.ts";
import type { Parts, Sources } from "./parts.ts";
import type { TrackFile } from "./track.ts";

export interface MusicOptions {
  readonly settings: Pick<AutoDjSettings, "rotations" | "jingles" | "reloadMs">;
  readonly parts: Pick<Parts, "sources">;
  readonly programme: Pick<Programme, "setFiles" | "refuse" | "allow" | "jingleNames">;
  readonly log: Log;
}

interface List {
  readonly name: string;
  readonly sources: Sources;
}

interface Refusal {
  readonly version: string;
  readonly name: string;
  readonly reason: string;
}

/** The files of one AutoDJ, of all its rotations and jingles: keeps its programme up to date with them. */
export class Music {
  readonly #options: MusicOptions;
  readonly #lists: readonly List[];
  #files: ReadonlyMap<string, TrackFile> = new Map();
  readonly #refused = new Map<string, Refusal>();
  readonly #again = new Set<NodeJS.Timeout>();
  readonly #listeners = new Set<() => void>();
  #read = false;
  /** Something has changed since it was taken. */
  #isDue = false;
  #isTaking = false;

  constructor(options: MusicOptions) {
    this.#options = options;
    const { rotations, jingles, reloadMs } = options.settings;
    const { jingleNames } = options.programme;
    const lists = [
      ...rotations,
      ...jingles.map((jingle, index) => ({ ...jingle, name: jingleNames[index] ?? "" })),
    ];
    this.#lists = lists.map(({ name, places }) => ({
      name,
      sources: options.parts.sources(places, reloadMs),
    }));
  }

  /** Resolves when all places have been read once. */
  async start(): Promise<void> {
    for (const { sources } of this.#lists) sources.onChange(() => void this.#take());
    await Promise.all(this.#lists.map(({ sources }) => sources.start()));
    this.#read = true;
    await this.#take();
  }

  get count(): number {
    return this.#files.size;
  }

  get files(): MapIterator<TrackFile> {
    return this.#files.values();
  }

  /** What is not played, and why. */
  get refused(): readonly Refusal[] {
    return [...this.#refused.values()];
  }

  find(id: string): TrackFile | undefined {
    return this.#files.get(id);
  }

  /** Why a file is not played; undefined when it may be. */
  refusalOf(id: string): string | undefined {
    return this.#refused.get(id)?.reason;
  }

  /** Called when files have come, changed or gone, and when one may be tried again. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Leaves a file out until it is another one; with `forMs` no longer than that, where it need not be the file's fault.
   * Told in the log once.
   */
  refuse({ id, version, name }: TrackFile, reason: string, forMs?: number): void {
    const known = this.#refused.get(id);
    this.#options.programme.refuse(id);
    const refusal = { version, name, reason };
    this.#refused.set(id, refusal);
    if (known?.version !== version || known.reason !== reason)
      this.#options.log.warn({ file: name }, `a file is not played: it ${reason}`);
    if (forMs === undefined) return;
    const timer = setTimeout(() => {
      this.#again.delete(timer);
      // It may have become another file, and have been refused for good.
      if (this.#refused.get(id) !== refusal) return;
      this.#allow(id);
      this.#tell();
    }, forMs).unref();
    this.#again.add(timer);
  }

  /**
   * The files that somebody may mean: by id, by path or by file name; else all that have the text in their name or in
   * what `titleOf` says. In a large library that takes some turns.
   */
  async search(
    text: string,
    titleOf: (file: TrackFile) => string | undefined,
  ): Promise<readonly TrackFile[]> {
    const named = this.#files.get(text) ?? this.#files.get(`file:${text}`);
    if (named) return [named];
    const files = [...this.#files.values()];
    for (const isIt of [
      ({ name }: TrackFile) => name === text,
      ({ name }: TrackFile) => baseName(name) === text,
    ]) {
      const found = files.filter(isIt);
      if (found.length > 0) return found;
    }
    const part = folded(text);
    const found: TrackFile[] = [];
    for (const [index, file] of files.entries()) {
      if (index % filesAtOnce === filesAtOnce - 1) await setImmediate();
      if (folded(file.name).includes(part) || folded(titleOf(file) ?? "").includes(part)) found.push(file);
    }
    return found;
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    for (const timer of this.#again) clearTimeout(timer);
    await Promise.all(this.#lists.map(({ sources }) => sources.stop()));
  }

  /** A large library takes some turns; what changes meanwhile is seen. */
  async #take(): Promise<void> {
    this.#isDue = true;
    // A folder that has not been read yet is not an empty one.
    if (!this.#read || this.#isTaking) return;
    this.#isTaking = true;
    while (this.#isDue) {
      this.#isDue = false;
      const lists = this.#lists.map(({ name, sources }) => ({ name, files: sources.files }));
      const all = new Map<string, TrackFile>();
      for (const file of lists.flatMap(({ files }) => files)) {
        all.set(file.id, file);
        if (all.size % filesAtOnce === 0) await setImmediate();
      }
      if (!this.#isDue) this.#change(lists, all);
    }
    this.#isTaking = false;
  }

  #change(
    lists: readonly { readonly name: string; readonly files: readonly TrackFile[] }[],
    all: ReadonlyMap<string, TrackFile>,
  ): void {
    this.#files = all;
    for (const { name, files } of lists) {
      this.#options.programme.setFiles(
        name,
        files.map(({ id }) => id),
      );
    }
    for (const [id, { version }] of this.#refused) {
      const file = this.#files.get(id);
      if (file?.version !== version) this.#allow(id);
    }
    this.#tell();
  }

  #allow(id: string): void {
    this.#refused.delete(id);
    this.#options.programme.allow(id);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Some milliseconds. */
const filesAtOnce = 2_000;

const baseName = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
