import { createHash } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { realpath } from "node:fs/promises";
import { guessEncoding } from "../analysis/legacy-text.ts";

/**
 * A path as the system has it: text where its bytes are UTF-8, else the bytes. Linux takes any bytes for a name, and
 * collections from the time before UTF-8 have names in EUC-KR or Shift_JIS.
 */
export type OsPath = string | Buffer;

export const osPath = (bytes: Buffer): OsPath => (isUtf8(bytes) ? bytes.toString() : bytes);

export const bytesOf = (path: OsPath): Buffer => (typeof path === "string" ? Buffer.from(path) : path);

/** The path of an entry of a folder. */
export function joined(folder: OsPath, name: Buffer): OsPath {
  if (typeof folder === "string" && isUtf8(name))
    return folder + (folder.endsWith("/") ? "" : "/") + name.toString();
  const parent = bytesOf(folder);
  return osPath(Buffer.concat(parent.at(-1) === 0x2f ? [parent, name] : [parent, Buffer.from("/"), name]));
}

/** Names of one folder for people; those in another encoding are guessed together, since one program wrote them. */
export function shownNames(names: readonly Buffer[]): string[] {
  const legacy = names.filter((name) => !isUtf8(name));
  if (legacy.length === 0) return names.map(String);
  const sample = Buffer.concat(legacy.slice(0, guessedNames).flatMap((name) => [name, Buffer.from("\n")]));
  const decoder = new TextDecoder(guessEncoding(sample));
  return names.map((name) => (isUtf8(name) ? name.toString() : decoder.decode(name)));
}
/** A guess takes half a millisecond, and more names make it no better. */
const guessedNames = 64;

/** `file:` and the path. One that is not UTF-8 is made another by a hash of its bytes. */
export const fileId = (path: OsPath): string =>
  typeof path === "string" ? `file:${path}` : `file:${path.toString()} #${bytesHash(path)}`;

/** Names a path that text cannot. */
export const bytesHash = (path: Buffer): string =>
  createHash("sha256").update(path).digest("hex").slice(0, 16);

/** With links resolved. */
export const resolved = async (path: OsPath): Promise<OsPath> =>
  osPath(await realpath(path, { encoding: "buffer" }));
