import { join } from "node:path";
import type { StackSettings } from "../../config/settings.ts";
import { pino } from "pino";
import { defined } from "../../config/values.ts";
import { Analyser } from "../autodj/analysis/analyser.ts";
import { openTrack } from "../autodj/track-reader.ts";
import type { UploadOptions } from "./command-line.ts";
import { KnownTracks } from "./known-tracks.ts";
import { openMusicFolder } from "./music-folder.ts";
import type { ObjectStore } from "./object-store.ts";
import { printable } from "./printable.ts";
import type { Progress } from "./progress.ts";
import { uploadReport } from "./summary.ts";
import { NoMusicError, Upload } from "./upload.ts";

interface Given {
  readonly options: UploadOptions;
  readonly settings: StackSettings;
  readonly store: ObjectStore;
  readonly edgeUrl: string | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Ms since the Unix epoch. */
  readonly now: () => number;
}

/** Runs an upload with the real parts; resolves to what is to be told of it. Rejects as `Upload.run` does. */
export async function runUpload(given: Given): Promise<string> {
  const { options, settings, store, edgeUrl, progress, signal, now } = given;
  const cacheDir = join(settings.dataDir, "autodj");
  const opening = { cacheDir, progress, signal };
  const folder = await openMusicFolder(options.folder, opening);
  const between = options.jingles === undefined ? null : await openMusicFolder(options.jingles, opening);
  const analyser = new Analyser({
    cacheDir,
    loudnessLufs: options.loudnessLufs,
    log: pino({ level: "silent" }),
  });
  try {
    const known = new KnownTracks(join(cacheDir, "library-tracks.json"));
    const tools = { analyser, open: openTrack };
    const jingles = between?.files ?? [];
    // Of a folder of jingles within that of the music.
    const isJingle = new Set(jingles.map(({ id }) => id));
    const files = { music: folder.files.filter(({ id }) => !isJingle.has(id)), jingles };
    const upload = new Upload({ options, ...files, tools, known, progress, signal, now }, store);
    const summary = await upload.run().catch((error: unknown) => {
      if (!(error instanceof NoMusicError)) throw error;
      throw new NoMusicError(`${printable(options.folder)} makes no library: ${error.message}`);
    });
    const { name, dryRun } = options;
    const { operations } = store;
    return uploadReport({ name, summary, dryRun, operations, settings, now: now(), ...defined({ edgeUrl }) });
  } finally {
    analyser.stop();
    folder.close();
    between?.close();
  }
}
