import { join } from "node:path";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import type { Log } from "../log.ts";
import { Analyser } from "./analysis/analyser.ts";
import type { Parts } from "./parts.ts";
import { MusicSources } from "./sources/music-sources.ts";
import { openTrack } from "./track-reader.ts";

export function realParts(settings: () => Pick<IngestSettings, "dataDir" | "storage">, log: Log): Parts {
  const cacheDir = () => join(settings().dataDir, "autodj");
  return {
    sources: (places, reloadMs) =>
      new MusicSources({ places, reloadMs, storage: settings().storage, cacheDir: cacheDir(), log }),
    analyser: (loudnessLufs) => new Analyser({ cacheDir: cacheDir(), loudnessLufs, log }),
    openTrack,
  };
}
