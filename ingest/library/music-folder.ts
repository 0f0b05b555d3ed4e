import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.ts";
import { MusicSources } from "../autodj/sources/music-sources.ts";
import { openPlace } from "../autodj/sources/places.ts";
import type { TrackFile } from "../autodj/track.ts";
import { UsageError } from "./command-line.ts";
import { settleTries } from "./limits.ts";
import { printable } from "./printable.ts";
import type { Progress } from "./progress.ts";

export interface MusicFolder {
  /** In the order of their names, or as a list has them. */
  readonly files: readonly TrackFile[];
  close(): void;
}

interface Given {
  readonly cacheDir: string;
  readonly progress: Pick<Progress, "say">;
  readonly signal: AbortSignal;
}

/**
 * The music of a folder or a list, read once. npm runs scripts in the project's folder: a path starts where it was typed.
 * Rejects with UsageError when nothing is there.
 */
export async function openMusicFolder(
  shown: string,
  { cacheDir, progress, signal }: Given,
): Promise<MusicFolder> {
  const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), shown);
  if (!existsSync(path)) throw new UsageError([`there is no folder ${JSON.stringify(printable(shown))}`]);
  const log: Pick<Log, "info" | "warn"> = {
    info: () => undefined,
    warn: (...line: readonly unknown[]) => progress.say(`note: ${told(line)}`),
  };
  const place = { kind: "path", path, shown: basename(path) } as const;
  await settled(place, signal);
  const sources = new MusicSources({ places: [place], reloadMs: wholeRunMs, cacheDir, log });
  await sources.start();
  return { files: sources.files, close: () => sources.stop() };
}

/** Files that are being written are no tracks yet, and one that was copied here a moment ago is to be in the library. */
async function settled(place: Parameters<typeof openPlace>[0], signal: AbortSignal): Promise<void> {
  const silent = { info: () => undefined, warn: () => undefined };
  const opened = openPlace(place, { log: silent, onSign: () => undefined, bucket: undefined, signal });
  try {
    for (let tries = 0; tries < settleTries; tries++) {
      await opened.read(true);
      if (opened.againMs === null) return;
      await sleep(opened.againMs, undefined, { signal });
    }
  } finally {
    opened.close();
  }
}

/** Nothing is read a second time. */
const wholeRunMs = 2 ** 31 - 1;

/** What a log line says, in words. */
function told([fields, text]: readonly unknown[]): string {
  const said =
    typeof fields === "object" && fields !== null ? Object.values(fields).map(String).join(", ") : "";
  return printable(`${String(text ?? fields)}${text === undefined || said === "" ? "" : ` (${said})`}`);
}
