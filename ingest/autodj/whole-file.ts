import { rename, rm, writeFile } from "node:fs/promises";

let parts = 0;

/** A name beside `path` that nobody else writes to: others of this process and other processes may share the folder. */
export const partOf = (path: string): string => `${path}.${process.pid}-${++parts}.part`;

/** Under another name first, so that no reader meets half of it. Rejects with what the disk says; what was there is there still then. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const part = partOf(path);
  try {
    await writeFile(part, text, { mode: 0o600 });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
}
