import { broadcastName } from "./broadcast-name.ts";
import { ProtocolError } from "./protocol-error.ts";
import { strftime } from "./strftime.ts";
import type { MountPath } from "./units.ts";

export interface DumpPattern {
  /** Fields of strftime, `${mount}` and text. */
  readonly pattern: string;
  /** IANA name. */
  readonly timeZone: string;
}

/** Where a dump is to go: `folders` below `root`, none of which may be a link, or wherever the operator wrote. */
export type DumpPath =
  | {
      readonly kind: "inside";
      readonly root: string;
      readonly folders: readonly string[];
      readonly name: string;
    }
  | { readonly kind: "absolute"; readonly path: string };

/**
 * A relative pattern stays in `root`: each of its parts makes a name that a file may have. Of an absolute one only what the mount
 * brings is looked at. Throws ProtocolError for what makes no such name.
 */
export function dumpPath(
  { pattern, timeZone }: DumpPattern,
  { root, mount, startMs }: { readonly root: string; readonly mount: MountPath; readonly startMs: number },
): DumpPath {
  if (pattern.startsWith("/")) {
    const name = pattern.includes(mountField)
      ? broadcastName({ pattern: mountField, timeZone }, startMs, mount)
      : "";
    const path = pattern
      .split(mountField)
      .map((text) => strftime(text, startMs, timeZone))
      .join(name);
    if (/[\0\n\r]|\/$/.test(path)) throw new ProtocolError(`expected a file's path, got ${shown(path)}`);
    return { kind: "absolute", path };
  }
  const parts = pattern.split("/").map((part) => broadcastName({ pattern: part, timeZone }, startMs, mount));
  return { kind: "inside", root, folders: parts.slice(0, -1), name: parts.at(-1) ?? "" };
}

/** Throws ProtocolError for a pattern that makes no paths at all, or leaves its folder. */
export function checkDumpPattern(pattern: string): void {
  for (const startMs of sampleTimes) {
    dumpPath({ pattern, timeZone: "UTC" }, { root: "/", mount: "/live.mp3" as MountPath, startMs });
  }
}

export const pathOf = (path: DumpPath): string =>
  path.kind === "absolute" ? path.path : [path.root, ...path.folders, path.name].join("/");

/** The path with a number before its ending: `2026-11-21-2.mp3`; the first has none. */
export function numbered(path: DumpPath, number: number): DumpPath {
  if (number === 1) return path;
  return path.kind === "absolute"
    ? { ...path, path: withNumber(path.path, number) }
    : { ...path, name: withNumber(path.name, number) };
}

function withNumber(path: string, number: number): string {
  const [, stem = path, ending = ""] = /^(.*[^/])(\.[^./]*)$/s.exec(path) ?? [];
  return `${stem}-${number}${ending}`;
}

const mountField = "${mount}";
const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
/** Morning and evening, one and two digits, summer and winter. */
const sampleTimes = [1_767_254_400_000, 1_782_950_399_000, 1_798_747_199_000];
