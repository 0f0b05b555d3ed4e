import { constants } from "node:fs";
import { open, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { reasonOf } from "../../log.ts";
import { fileVersion, type FoundFile } from "./found.ts";
import { listBytes, listDepth, listEntries } from "./limits.ts";
import { type ListEntry, listKind, parseMusicList } from "./music-list.ts";
import { bytesOf, fileId, joined, type OsPath, osPath, resolved } from "./os-path.ts";

/** What a list leads to. */
export interface ReadList {
  readonly found: readonly FoundFile[];
  /** Entries that are not played, by what they name. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
  /** The list and those in it, with links resolved. */
  readonly lists: readonly string[];
}

/** Reads a list with the lists it names, each once; loops end so. Rejects when the list itself cannot be read. */
export async function readMusicList(path: string): Promise<ReadList> {
  const reading: Reading = { found: new Map(), leftOut: [], lists: new Set(), entries: 0 };
  await readInto(path, reading, 0);
  return { found: [...reading.found.values()], leftOut: reading.leftOut, lists: [...reading.lists] };
}

interface Reading {
  readonly found: Map<string, FoundFile>;
  readonly leftOut: { readonly name: string; readonly reason: string }[];
  readonly lists: Set<string>;
  entries: number;
}

async function readInto(path: string, reading: Reading, depth: number): Promise<void> {
  const real = await realpath(path);
  if (reading.lists.has(real)) return;
  reading.lists.add(real);
  const entries = parseMusicList(await listContent(real), listKind(path) ?? "m3u", listEntries);
  // Where the list lies, and not where a link to it does.
  for (const entry of entries) {
    if (++reading.entries > listEntries) {
      reading.leftOut.push({
        name: path,
        reason: `has more than ${listEntries} entries with the lists in it`,
      });
      return;
    }
    await readEntry(entry, { folder: dirname(real), depth }, reading);
  }
}

/** Of a pipe, that would be waited for, nothing is read, nor more of a file that grows than a list may have. */
async function listContent(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const seen = await file.stat();
    if (!seen.isFile()) throw new Error("is not a file");
    if (seen.size > listBytes) throw new Error(`has more than ${listBytes} bytes`);
    const content = Buffer.alloc(seen.size);
    let length = 0;
    for (let read = 1; read > 0 && length < content.length; length += read)
      read = (await file.read(content, length, content.length - length, length)).bytesRead;
    return content.subarray(0, length);
  } finally {
    await file.close();
  }
}

async function readEntry(
  entry: ListEntry,
  { folder, depth }: { readonly folder: string; readonly depth: number },
  reading: Reading,
): Promise<void> {
  const leaveOut = (reason: string) => void reading.leftOut.push({ name: entry.location, reason });
  const [, scheme] = /^([a-z][a-z0-9+.-]+):\/\//i.exec(entry.location) ?? [];
  if (scheme !== undefined && scheme.toLowerCase() !== "file") return leaveOut("is a URL");
  const there = await firstThere(candidates(entry, folder));
  if (there === null) return leaveOut("is not there");
  if ("reason" in there) return leaveOut(there.reason);
  if (there.isDirectory) return leaveOut("is a folder");
  if (!there.isFile) return leaveOut("is not a file");
  if (listKind(entry.location) !== null) {
    if (typeof there.path !== "string") return leaveOut("is a list whose name is not UTF-8");
    if (depth + 1 >= listDepth) return leaveOut(`is a list ${listDepth} lists deep`);
    return readInto(there.path, reading, depth + 1).catch((error: unknown) => leaveOut(reasonOf(error)));
  }
  const { path, version } = there;
  const id = fileId(path);
  if (reading.found.has(id)) return;
  const { location: name, title } = entry;
  reading.found.set(id, { kind: "file", id, version, name, path, ...(title && { listedTitle: title }) });
}

/**
 * What an entry may name, the likeliest first: the very bytes, the text in UTF-8, in the other form of its accents (lists
 * made on a Mac), with the slashes of Windows.
 */
function candidates({ location, bytes }: ListEntry, folder: string): OsPath[] {
  if (/^file:/i.test(location)) {
    try {
      return [fileURLToPath(location)];
    } catch {
      return [];
    }
  }
  const texts = [location, location.normalize("NFC"), location.normalize("NFD")];
  const all = [...texts, ...texts.map((text) => text.replaceAll("\\", "/"))];
  const paths = [...new Set(all)].map((text): OsPath => resolve(folder, text));
  if (bytes === null || bytes.equals(Buffer.from(location))) return paths;
  return [isAbsolute(location) ? osPath(bytes) : joined(folder, bytes), ...paths];
}

interface There {
  readonly path: OsPath;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly version: string;
}

async function firstThere(paths: readonly OsPath[]): Promise<There | { readonly reason: string } | null> {
  let reason: string | undefined;
  for (const path of paths) {
    if (bytesOf(path).includes(0)) continue;
    try {
      const real = await resolved(path);
      const seen = await stat(real);
      return {
        path: real,
        isFile: seen.isFile(),
        isDirectory: seen.isDirectory(),
        version: fileVersion(seen),
      };
    } catch (error) {
      const isMissing =
        error instanceof Error && "code" in error && /^(?:ENOENT|ENOTDIR)$/.test(String(error.code));
      if (!isMissing) reason ??= reasonOf(error);
    }
  }
  return reason === undefined ? null : { reason };
}
