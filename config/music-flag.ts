import { accessSync, constants, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { folderAutoDj } from "./autodj-of-station.ts";
import type { Environment } from "./environment.ts";
import type { Flags } from "./flags.ts";
import type { AutoDjSettings } from "./ingest-settings.ts";
import type { Station } from "./station.ts";

/** Where the music of `--music` plays. */
const mount = "/autodj.mp3";

interface Given {
  /** Where the command was typed. */
  readonly base: string;
  readonly env: Environment;
  readonly station: Station;
}

export interface MusicFlag {
  /** Absolute. */
  readonly path: string;
  readonly autodj: AutoDjSettings;
}

/** The AutoDJ that `--music` asks for, besides those of the station file; problems are added to `problems`. */
export function musicFlag(
  { music }: Pick<Flags, "music">,
  { base, env, station }: Given,
  problems: string[],
): MusicFlag | undefined {
  if (music === undefined) return undefined;
  const path = resolve(base, music);
  // Of a process that the stack brings back nobody typed anything: the folder of a disk that is away is waited for.
  const problem = env["SKYWAVE_PUSH_STATION"] === "1" ? undefined : musicProblem(path);
  if (problem !== undefined) problems.push(`--music ${JSON.stringify(music)} ${problem}`);
  for (const [what, table] of Object.entries({ autodj: station.autodj, relay: station.relay })) {
    if (table.some((each) => each.mount === mount))
      problems.push(`--music plays on ${mount}, where the station file has an [[${what}]]`);
  }
  return { path, autodj: folderAutoDj(mount, path, { timeZone: station.station.time_zone, shown: music }) };
}

/** Why nothing can be played of what somebody typed, after its name. */
function musicProblem(path: string): string | undefined {
  try {
    const found = statSync(path);
    accessSync(path, constants.R_OK);
    if (found.isDirectory()) return undefined;
    const isMusic = [".m3u", ".m3u8", ".pls", ".mp3"].includes(extname(path).toLowerCase());
    return found.isFile() && isMusic ? undefined : "is neither a folder nor a list of music";
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return error.code === "ENOENT" ? "is not there" : `cannot be read: ${error.message}`;
  }
}
