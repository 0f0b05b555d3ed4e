import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * `storage-url` in the data folder: where the storage of the stack that runs on it takes objects, a line with the
 * bucket's URL. Its port is another at each start, and other commands on this machine find it here. A stack that was
 * killed leaves it behind: then nobody answers there.
 */
const fileIn = (dataDir: string): string => join(dataDir, "storage-url");

/** Throws when the folder cannot be written. */
export const tellStorageUrl = (dataDir: string, bucketUrl: string): void =>
  writeFileSync(fileIn(dataDir), `${bucketUrl}\n`, { mode: 0o600 });

export function forgetStorageUrl(dataDir: string): void {
  try {
    rmSync(fileIn(dataDir), { force: true });
  } catch {
    // It is the same as after a kill.
  }
}

/** Undefined while no stack runs on the folder. */
export function toldStorageUrl(dataDir: string): string | undefined {
  try {
    const url = readFileSync(fileIn(dataDir), "utf8").trim();
    return URL.parse(url)?.hostname === "127.0.0.1" ? url : undefined;
  } catch {
    return undefined;
  }
}
