import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { autodjNotes } from "./autodj-of-station.ts";
import { ConfigError } from "./config-error.ts";
import { htpasswdNotes } from "./edge-secrets.ts";
import type { Environment } from "./environment.ts";
import { type IcecastXml, noteLine, readIcecastXml } from "./icecast-xml/read-icecast-xml.ts";
import type { Station } from "./station.ts";
import { parseStation } from "./station-file.ts";

export interface ReadOptions {
  /** What problems and notes call the file. */
  readonly shownAs: string;
  /** Where relative paths in an icecast.xml start; those in a station file start where it lies. */
  readonly startedIn: string;
  readonly env: Environment;
}

export interface ReadStation {
  readonly station: Station;
  /** What an operator should know, a line each: what is not as in Icecast, users that cannot be read. */
  readonly notes: readonly string[];
  /** Of an icecast.xml. */
  readonly xml?: IcecastXml;
}

/** Reads a file of either kind; `file` is absolute. Throws ConfigError. */
export function readStation(file: string, { shownAs, startedIn, env }: ReadOptions): ReadStation {
  const bytes = contentOf(file);
  const absolute = (path: string) => resolve(dirname(file), path);
  if (isXml(file, bytes)) {
    const xml = readIcecastXml(bytes, { file: shownAs, startedIn });
    const { station, notes } = xml;
    return {
      station,
      xml,
      notes: [...notes.map((note) => noteLine(shownAs, note)), ...htpasswdNotes(station, absolute)],
    };
  }
  const station = parseStation(bytes.toString("utf8"), {
    file: shownAs,
    fileProblem: (path) => fileProblem(absolute(path)),
    env,
  });
  return { station, notes: [...htpasswdNotes(station, absolute), ...autodjNotes(station, absolute)] };
}

/** By its content: no station file begins with "<". */
function isXml(file: string, bytes: Buffer): boolean {
  if (extname(file).toLowerCase() === ".xml") return true;
  const start = bytes.subarray(0, 256).toString("latin1");
  return /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*</.test(start);
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new ConfigError([`the station file cannot be read: ${error.message}`]);
  }
}

function fileProblem(path: string): string | undefined {
  try {
    if (!statSync(path).isFile()) return "it is not a file";
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
