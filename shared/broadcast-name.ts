import { ProtocolError } from "./protocol-error.ts";
import { checkTimeZone, strftime } from "./strftime.ts";
import type { MountPath } from "./units.ts";

/**
 * A broadcast's name is one component of a URL and of a file's path: strftime fields of its start, `${mount}` (the mount
 * without its leading slash, other slashes as `-`), and other text.
 */
export interface NamePattern {
  readonly pattern: string;
  /** IANA name. */
  readonly timeZone: string;
}

/** Bytes: file systems allow 255, and names are made unique. */
const maxNameBytes = 200;

/**
 * Throws ProtocolError for a pattern that makes names no file may have, or of which some may be empty: control characters,
 * `/ \ < > " | ? *`, a dot in front, a dot or space at the end, a time zone or field nobody knows.
 */
export function checkNamePattern(name: NamePattern): void {
  checkTimeZone(name.timeZone);
  for (const ms of sampleTimes) broadcastName(name, ms, "/live.mp3" as MountPath);
}

/** Throws ProtocolError as `checkNamePattern` does; and for a mount whose own name is not safe. */
export function broadcastName({ pattern, timeZone }: NamePattern, startMs: number, mount: MountPath): string {
  const mountName = mount.slice(1).replaceAll("/", "-");
  // The mount may have `%` in its name: it is no field.
  const name = pattern
    .split("${mount}")
    .map((text) => strftime(text, startMs, timeZone))
    .join(mountName);
  const shown = JSON.stringify(name.slice(0, 80));
  // oxlint-disable-next-line no-control-regex -- they are what is refused
  if (/[\u0000-\u001F\u007F/\\<>"|?*]/.test(name))
    throw new ProtocolError(`expected a file's name, got ${shown}`);
  if (name === "" || name.startsWith(".") || /[. ]$/.test(name)) {
    throw new ProtocolError(`expected a name without dots or spaces at its ends, got ${shown}`);
  }
  if (new TextEncoder().encode(name).length > maxNameBytes) {
    throw new ProtocolError(`expected a name of at most ${maxNameBytes} bytes, got ${shown}…`);
  }
  return name;
}

/** The name, or with the lowest number from 2 on that makes it another than all those taken: `2026-11-21-2.mp3`. */
export function uniqueName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let number = 2; ; number++) {
    const unique = `${stem}-${number}${extension}`;
    if (!isTaken(unique)) return unique;
  }
}

/** Morning and evening, one and two digits, summer and winter. */
const sampleTimes = [1_767_254_400_000, 1_782_950_399_000, 1_798_747_199_000];
