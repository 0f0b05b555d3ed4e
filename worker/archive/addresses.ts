import { encodeMountPath, MountPathError, mountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";

/**
 * Addresses of the archive. A recording's name is one component, whatever is in it; all before it is its mount:
 *
 * `/archive/<mount>/<name>.mp3`   the file; `.cue` and `.json` in place of `.mp3`: its titles
 * `/archive/<mount>/feed.xml`     the podcast
 * `/archive/<mount>?from=…&to=…`  a cut
 */
export type ArchiveAddress =
  | {
      readonly kind: "file" | "cue" | "json";
      readonly mount: MountPath;
      /** What the recording may be called, the likeliest first. */
      readonly names: readonly string[];
    }
  | { readonly kind: "feed"; readonly mount: MountPath }
  | { readonly kind: "cut"; readonly mount: MountPath };

export const feedName = "feed.xml";

/** `pathname` begins with "/archive/". Null for one that names nothing. */
export function parseArchivePath(pathname: string, query: URLSearchParams): ArchiveAddress | null {
  const parts = pathname.slice("/archive".length).split("/").map(decoded);
  if (parts.includes(null)) return null;
  if (query.has("from") || query.has("to")) {
    const mount = mountOf(parts);
    return mount && { kind: "cut", mount };
  }
  const mount = mountOf(parts.slice(0, -1));
  const name = parts.at(-1);
  if (!mount || !name) return null;
  if (name === feedName) return { kind: "feed", mount };
  const [, stem, ending] = /^(.+)\.(mp3|cue|json)$/s.exec(name) ?? [];
  if (stem === undefined) return null;
  const kind = ending === "mp3" ? "file" : (ending as "cue" | "json");
  return { kind, mount, names: [`${stem}.mp3`, stem] };
}

/** The path of a recording's file, or of its titles. */
export const archivePath = (mount: MountPath, name: string, ending: "mp3" | "cue" | "json" = "mp3"): string =>
  `${mountArchivePath(mount)}/${encodeURIComponent(stemOf(name))}.${ending}`;

export const mountArchivePath = (mount: MountPath): string => `/archive${encodeMountPath(mount)}`;

/** A recording's name without the ending that its pattern may give it. */
export const stemOf = (name: string): string => name.replace(/\.mp3$/i, "");

/** Its name as a file's. */
export const fileNameOf = (name: string): string => `${stemOf(name)}.mp3`;

function mountOf(parts: readonly (string | null)[]): MountPath | null {
  // A slash within a component is another's.
  if (parts.some((part) => part?.includes("/"))) return null;
  try {
    return mountPath(parts.join("/"));
  } catch (error) {
    if (error instanceof MountPathError) return null;
    throw error;
  }
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
