import { join } from "node:path";
import type { EdgeStation } from "../shared/edge-station.ts";
import { folderAutoDj } from "./autodj-of-station.ts";
import type { AutoDjSettings } from "./ingest-settings.ts";

/** Where the programme that comes with Skywave plays. */
const mount = "/demo.mp3";
const folder = join(import.meta.dirname, "..", "examples", "demo");

/** With the demo on the air. Nobody needs an archive of it: left on it would be 0.7 GB a day. */
export const withDemo = (station: EdgeStation): EdgeStation => ({
  ...station,
  mounts: { ...station.mounts, [mount]: { archive: false } },
});

/** What is on the air of a station that has nothing of its own. */
export function demoAutoDj(timeZone: string): AutoDjSettings {
  const settings = folderAutoDj(mount, folder, { timeZone, shown: "examples/demo" });
  return {
    ...settings,
    info: {
      name: "Skywave demo",
      description: "Three pieces that come with Skywave, until something else is on the air",
      genre: "Ambient",
      public: false,
    },
    rotations: settings.rotations.map((rotation) => ({ ...rotation, order: "sequential" })),
  };
}
