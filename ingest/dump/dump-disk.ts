import { constants } from "node:fs";
import { lstat, mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DumpPath, pathOf } from "../../shared/dump-path.ts";

/** What dumps ask of a file system. A promise may never settle: nobody ends a call to a disk that hangs. */
export interface DumpDisk {
  /** What is there; null when nothing is. */
  look(path: DumpPath): Promise<DumpFound | null>;
  /** For appending; makes its folders. `fresh`: rejects with EEXIST when something is there. */
  open(path: DumpPath, fresh: boolean): Promise<DumpFile>;
}

interface DumpFound {
  readonly bytes: number;
  /** When it was written last. */
  readonly writtenMs: number;
}

export interface DumpFile {
  /** What it had when it was opened; null for what is no file: a pipe, a device. */
  readonly bytes: number | null;
  /** At its end. Of a rejected one part may be there. */
  write(bytes: Uint8Array): Promise<void>;
  /** Takes away what is after the first `bytes`. */
  cut(bytes: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeDumpDisk: DumpDisk = {
  look: async (path) => {
    try {
      const { size, mtimeMs } = await (path.kind === "inside" ? lstat : stat)(pathOf(path));
      return { bytes: size, writtenMs: mtimeMs };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw error;
    }
  },

  open: async (path, fresh) => {
    await makeFolders(path);
    const handle = await open(pathOf(path), flagsFor(path, fresh), 0o640);
    try {
      const found = await handle.stat();
      if (path.kind === "inside" && !found.isFile()) throw new Error(`${pathOf(path)} is no file`);
      return {
        bytes: found.isFile() ? found.size : null,
        write: async (bytes) => handle.appendFile(bytes),
        cut: async (bytes) => handle.truncate(bytes),
        sync: async () => (found.isFile() ? handle.datasync() : undefined),
        close: async () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
};

/** Inside its folder no link is followed, whoever laid it there; a pipe without a reader is refused at once instead of waited for. */
function flagsFor({ kind }: DumpPath, fresh: boolean): number {
  const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const always = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
  return always | (fresh ? O_EXCL : 0) | (kind === "inside" ? O_NOFOLLOW : 0);
}

async function makeFolders(path: DumpPath): Promise<void> {
  if (path.kind === "absolute") {
    await mkdir(dirname(path.path), { recursive: true, mode: 0o750 });
    return;
  }
  // It may be a link itself: the operator's, to where there is room.
  await mkdir(path.root, { recursive: true, mode: 0o750 });
  let folder = path.root;
  for (const name of path.folders) {
    folder = join(folder, name);
    await mkdir(folder, { mode: 0o750 }).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
    if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is no folder`);
  }
}

export const codeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
