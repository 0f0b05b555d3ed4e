import { type Dirent, type FSWatcher, watch } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { reasonOf, type Log } from "../../log.ts";
import { fileVersion, type FoundFile, isHidden, isMp3Name } from "./found.ts";
import { sortedInTurns } from "./in-turns.ts";
import { filesAtOnce, folderDepth, placeFiles, placeFolders, watchedFolders } from "./limits.ts";
import { compareNatural, naturalKey } from "./natural-key.ts";
import { fileId, joined, type OsPath, resolved, shownNames } from "./os-path.ts";
import { SteadyFiles } from "./steady-files.ts";
import { watchLimit } from "./watch-limit.ts";

interface Entry {
  readonly key: string;
  readonly name: string;
  /** With links resolved: the same file by another way is the same track. */
  readonly id: string;
  readonly path: OsPath;
  /** Null: a folder. Empty: a file that is not whole yet. */
  readonly version: string | null;
}

interface Folder {
  entries: readonly Entry[];
  /** To be read again. */
  dirty: boolean;
  watcher: FSWatcher | null;
}

interface Options {
  readonly log: Pick<Log, "warn">;
  /** Told when something has changed, or may have: `read` will see it. */
  readonly onSign: () => void;
}

/**
 * The MP3 files of a folder and all folders in it, in natural order of their paths. Links are followed; a folder or file
 * that two ways lead to counts once, so loops end. A folder is read again only after the system told of a change in it,
 * or after `forget`.
 *
 * One watch per folder, set while it is read, and one call to the disk at a time: a watching library reads 50,000 files in
 * one go of its own, half a second in which no source is served, and a disk that hangs takes one thread of the four
 * that storage needs as well.
 */
export class FolderTree {
  readonly #root: OsPath;
  readonly #options: Options;
  readonly #steady = new SteadyFiles();
  readonly #warned = new Set<string>();
  /** By id of their paths. */
  #folders = new Map<string, Folder>();
  #found: readonly FoundFile[] = [];
  #isDirty = true;
  #closed = false;

  constructor(root: OsPath, options: Options) {
    this.#root = root;
    this.#options = options;
  }

  /** Whether files wait to be whole: look again in `steadyMs`. */
  get hasYoung(): boolean {
    return this.#steady.count > 0;
  }

  /** All folders are read again. */
  forget(): void {
    this.#isDirty = true;
    for (const folder of this.#folders.values()) folder.dirty = true;
  }

  /** The same array as long as nothing has changed. Rejects when the folder itself cannot be read. */
  async read(): Promise<readonly FoundFile[]> {
    if (!this.#isDirty && !this.hasYoung) return this.#found;
    this.#isDirty = false;
    const root = await resolved(this.#root);
    const visit: Visit = { seen: 0, found: [], files: new Set(), folders: new Map() };
    await this.#visit({ id: fileId(root), path: root, shown: "", depth: 0 }, visit);
    for (const [id, { watcher }] of this.#folders) if (!visit.folders.has(id)) watcher?.close();
    this.#folders = visit.folders;
    this.#steady.keepOnly((id) => visit.files.has(id));
    if (this.#closed) this.close();
    this.#found = visit.found;
    return visit.found;
  }

  close(): void {
    this.#closed = true;
    for (const folder of this.#folders.values()) {
      folder.watcher?.close();
      folder.watcher = null;
    }
  }

  async #visit({ id, path, shown, depth }: Place, visit: Visit): Promise<void> {
    if (visit.folders.has(id) || this.#closed) return;
    if (depth > folderDepth) return this.#warnOnce(shown, `more than ${folderDepth} folders deep: left out`);
    if (visit.folders.size >= placeFolders) {
      return this.#warnOnce("", `more than ${placeFolders} folders: the rest is left out`);
    }
    const folder = this.#folders.get(id) ?? { entries: [], dirty: true, watcher: null };
    visit.folders.set(id, folder);
    if (folder.dirty) await this.#readFolder(folder, { id, path, shown, depth }, visit.folders.size);
    for (const entry of folder.entries) {
      if (++visit.seen % filesAtOnce === 0) await setImmediate();
      const name = shown === "" ? entry.name : `${shown}/${entry.name}`;
      if (entry.version === null) {
        await this.#visit({ id: entry.id, path: entry.path, shown: name, depth: depth + 1 }, visit);
      } else if (!visit.files.has(entry.id)) {
        visit.files.add(entry.id);
        if (visit.found.length >= placeFiles)
          this.#warnOnce("", `more than ${placeFiles} files: the rest is left out`);
        else if (entry.version !== "")
          visit.found.push({ kind: "file", id: entry.id, version: entry.version, name, path: entry.path });
      }
    }
  }

  /** `visited`: folders so far, this one counted. */
  async #readFolder(folder: Folder, { path, shown, depth }: Place, visited: number): Promise<void> {
    // What changes from here on is told. Anew each time: of a folder that was replaced the old watch tells nothing.
    const isWatched = visited <= watchedFolders;
    if (!isWatched) this.#warnOnce("", `more than ${watchedFolders} folders: ${seenLater}`);
    const watcher = isWatched ? this.#watch(path, folder) : null;
    folder.watcher?.close();
    folder.watcher = watcher;
    folder.dirty = false;
    const before = new Map(folder.entries.map((entry) => [entry.id, entry]));
    const entries: Entry[] = [];
    try {
      const dirents = await entriesOf(path);
      const names = shownNames(dirents.map((dirent) => dirent.name));
      for (const [index, dirent] of dirents.entries()) {
        if (this.#closed) return;
        const name = names[index] ?? "";
        if (isHidden(name) || dirent.isSocket() || dirent.isFIFO()) continue;
        const inner = joined(path, dirent.name);
        if (dirent.isDirectory()) {
          entries.push({ key: naturalKey(name), name, id: fileId(inner), path: inner, version: null });
          continue;
        }
        const isLink = dirent.isSymbolicLink();
        if (!isLink && !isMp3Name(name)) continue;
        const seen = await this.#look({ name, path: inner, isLink }, before);
        if (seen === null) continue;
        if (seen.isYoung) folder.dirty = true;
        entries.push(seen.entry);
      }
    } catch (error) {
      folder.watcher?.close();
      folder.watcher = null;
      folder.dirty = true;
      folder.entries = [];
      if (depth === 0) throw error;
      this.#warnOnce(shown, reasonOf(error));
      return;
    }
    folder.entries = await sortedInTurns(entries, compareNatural);
  }

  /** Null: nothing that plays, or gone already. */
  async #look(
    { name, path, isLink }: { readonly name: string; readonly path: OsPath; readonly isLink: boolean },
    before: ReadonlyMap<string, Entry>,
  ): Promise<{ readonly entry: Entry; readonly isYoung: boolean } | null> {
    try {
      const real = isLink ? await resolved(path) : path;
      const seen = await stat(real);
      const id = fileId(real);
      const entry = { key: naturalKey(name), name, id, path: real };
      if (seen.isDirectory()) return { entry: { ...entry, version: null }, isYoung: false };
      if (!seen.isFile() || !isMp3Name(name)) return null;
      const version = fileVersion(seen);
      const known = before.get(id)?.version ?? "";
      if (known === version || this.#steady.isSteady(id, seen, Date.now()))
        return { entry: { ...entry, version }, isYoung: false };
      // Until it is whole it is what it was, or nothing.
      return { entry: { ...entry, version: known }, isYoung: true };
    } catch {
      return null;
    }
  }

  #watch(path: OsPath, folder: Folder): FSWatcher | null {
    const sign = () => {
      folder.dirty = true;
      this.#isDirty = true;
      this.#options.onSign();
    };
    try {
      const watcher = watch(path, { persistent: false }, sign);
      watcher.on("error", () => {
        watcher.close();
        folder.watcher = null;
        sign();
      });
      return watcher;
    } catch (error) {
      // What else is wrong with a folder shows when it is read.
      const limit = watchLimit(error);
      if (limit !== null) this.#warnOnce("", limit);
      return null;
    }
  }

  #warnOnce(folder: string, reason: string): void {
    const line = `${folder} ${reason}`;
    if (this.#warned.has(line) || this.#warned.size >= maxWarned) return;
    this.#warned.add(line);
    this.#options.log.warn({ folder, reason }, "a folder of music cannot be read as it should");
  }
}

const seenLater = "changes are seen only when all is read again";

/** In pieces: a folder of 100,000 files would keep every source waiting. */
async function entriesOf(path: OsPath): Promise<Dirent<Buffer>[]> {
  // Its type knows names of text only.
  const encoding = "buffer" as BufferEncoding;
  const entries: Dirent<Buffer>[] = [];
  for await (const entry of await opendir(path, { encoding, bufferSize: filesAtOnce })) {
    entries.push(entry as unknown as Dirent<Buffer>);
  }
  return entries;
}

/** Folders that are warned of; more say nothing new. */
const maxWarned = 100;

interface Place {
  readonly id: string;
  readonly path: OsPath;
  /** Below the root; empty: the root. */
  readonly shown: string;
  readonly depth: number;
}

interface Visit {
  seen: number;
  readonly found: FoundFile[];
  readonly files: Set<string>;
  readonly folders: Map<string, Folder>;
}
