import { ProtocolError } from "./protocol-error.ts";
import { percentDecode } from "./source/percent.ts";
import { decodeUtf8 } from "./source/text.ts";
import type { MountPath } from "./units.ts";

/** A name that cannot be a mount; the message says why, for the person who typed it. */
export class MountPathError extends ProtocolError {}

/** Bounds object keys (1,024 bytes in R2, percent-encoding trebles a name) and Durable Object names. */
const maxPathBytes = 200;

const reservedPaths = [
  "/health",
  "/metrics",
  "/page.css",
  "/page.js",
  "/page-parts.js",
  "/page-player.js",
  "/favicon.ico",
  "/robots.txt",
  "/archive",
  "/archive.json",
  "/archive.css",
];
const reservedPrefixes = ["/admin/", "/admin.cgi", "/api/", "/cdn-cgi/", "/archive/"];
const reservedEndings = [".xsl", ".m3u", ".m3u8", ".pls", ".xspf", ".vclt"];

const encoder = new TextEncoder();

/**
 * The mount that a request target names: path or absolute form, percent-encoded or raw, its query ignored.
 * Throws MountPathError.
 */
export function parseMountPath(target: string): MountPath {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "");
  const query = path.indexOf("?");
  const raw = encodeUtf8(query < 0 ? path : path.slice(0, query));
  const bytes = percentDecode(raw, (offset) => {
    throw new MountPathError(`mount name has "%" without two hexadecimal digits at byte ${offset}`);
  });
  if (countSlashes(bytes) !== countSlashes(raw)) throw new MountPathError("mount name has an encoded slash");
  const text = decodeUtf8(bytes);
  if (text === null) throw new MountPathError("mount name is not UTF-8");
  return mountPath(text);
}

/** Checks a name that is decoded already (a form field, a configuration value). Throws MountPathError. */
export function mountPath(path: string): MountPath {
  if (!path.startsWith("/")) throw new MountPathError('mount name must begin with "/"');
  const bytes = encodeUtf8(path).length;
  if (bytes > maxPathBytes) {
    throw new MountPathError(`mount name has ${bytes} bytes, at most ${maxPathBytes} are possible`);
  }
  if (/[\p{Cc}\u2028\u2029]/u.test(path)) {
    throw new MountPathError("mount name has a control character");
  }
  if (path.includes("\\")) throw new MountPathError("mount name has a backslash");
  for (const segment of path.slice(1).split("/")) {
    if (segment === "") throw new MountPathError('mount name has nothing before or after a "/"');
    if (segment === "." || segment === "..")
      throw new MountPathError(`mount name has "${segment}" as a folder`);
  }
  if (isReservedPath(path)) throw new MountPathError(`${path} is a name the server itself answers`);
  return path as MountPath;
}

/** Whether the server itself answers this path (decoded), so that no source can have it. */
export function isReservedPath(path: string): boolean {
  const lower = path.toLowerCase();
  return (
    reservedPaths.includes(lower) ||
    reservedPrefixes.some((prefix) => lower.startsWith(prefix)) ||
    reservedEndings.some((ending) => lower.endsWith(ending))
  );
}

/** Null for what cannot be the name of a mount. */
export function mountOrNull(text: string): MountPath | null {
  try {
    return mountPath(text);
  } catch (error) {
    if (error instanceof MountPathError) return null;
    throw error;
  }
}

/** The path of the mount in a URL, percent-encoded. */
export function encodeMountPath(mount: MountPath): string {
  return mount.split("/").map(encodeURIComponent).join("/");
}

/** TextEncoder turns half a surrogate pair into U+FFFD, which would make two names one. */
function encodeUtf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new MountPathError("mount name is not valid Unicode");
  return encoder.encode(text);
}

function countSlashes(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === 0x2f) count++;
  return count;
}
