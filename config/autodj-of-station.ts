import { existsSync } from "node:fs";
import { parseSlot } from "./dj-slot.ts";
import type {
  AutoDjSettings,
  JingleSettings,
  MusicPlace,
  PlayOrder,
  RotationSettings,
} from "./ingest-settings.ts";
import type { Station } from "./station.ts";
import { type AutoDjTable, autodjTable, parseFormat } from "./station-autodj.ts";
import { defined, toMs } from "./values.ts";

/** An absolute path from one in the station file. */
type Resolve = (path: string) => string;

/** The AutoDJs of an ingest host. */
export const autodjSettings = (
  { station, autodj }: Pick<Station, "station" | "autodj">,
  resolve: Resolve,
): AutoDjSettings[] =>
  autodj
    .filter(({ kind }) => kind === "ingest")
    .map((table) => settingsOf(table, { resolve, timeZone: table.time_zone ?? station.time_zone }));

/** One that plays a folder, or a list, as it is set when nothing else is said. `path` is absolute. */
export const folderAutoDj = (
  mount: string,
  path: string,
  { timeZone, shown }: { readonly timeZone: string; readonly shown: string },
): AutoDjSettings => {
  const settings = settingsOf(autodjTable.parse({ mount, music: ["."] }), { resolve: () => path, timeZone });
  return {
    ...settings,
    rotations: settings.rotations.map((each) => ({ ...each, places: [{ kind: "path", path, shown }] })),
  };
};

interface Given {
  readonly resolve: Resolve;
  readonly timeZone: string;
}

function settingsOf(table: AutoDjTable, given: Given): AutoDjSettings {
  const { name, description, genre, url, public: isPublic, music, loudness_lufs, format } = table;
  const only = { name: "music", weight: 1, times: [], order: table.order, memory: table.memory };
  const rotations = music === undefined ? table.rotation : [{ ...only, music }];
  return {
    mount: table.mount,
    info: defined({ name, description, genre, url, public: isPublic }),
    rotations: rotations.map(
      (each, index): RotationSettings => ({
        name: each.name ?? `rotation ${index + 1}`,
        memory: each.memory,
        weight: each.weight,
        ...played(each, given),
      }),
    ),
    jingles: table.jingle.map(
      (jingle): JingleSettings => ({
        ...played(jingle, given),
        ...defined({
          everyTracks: jingle.every_tracks,
          everyMs: jingle.every_minutes === undefined ? undefined : toMs(jingle.every_minutes * 60),
        }),
      }),
    ),
    reloadMs: toMs(table.reload_seconds),
    loudnessLufs: loudness_lufs === false ? null : loudness_lufs,
    transcode: table.transcode,
    format: (format === undefined ? undefined : parseFormat(format)) ?? null,
    bitrateKbps: table.bitrate_kbps,
    timeZone: given.timeZone,
  };
}

interface Played {
  readonly music: readonly string[];
  readonly order: PlayOrder;
  readonly times: readonly string[];
}

const played = ({ music, order, times }: Played, { resolve, timeZone }: Given) => ({
  places: music.map((place) => musicPlace(place, resolve)),
  order,
  slots: times.map((slot) => parseSlot(slot, timeZone)),
});

const storage = "storage:";

function musicPlace(shown: string, resolve: Resolve): MusicPlace {
  if (shown.startsWith(storage)) return { kind: "storage", prefix: shown.slice(storage.length), shown };
  return { kind: "path", path: resolve(shown), shown };
}

/** Places that are not there, a line each: they are waited for, but may be misspelt. */
export function autodjNotes({ station, autodj }: Station, resolve: Resolve): string[] {
  return autodjSettings({ station, autodj }, resolve).flatMap(({ mount, rotations, jingles }) =>
    [...rotations, ...jingles]
      .flatMap(({ places }) => places)
      .flatMap((place) =>
        place.kind === "path" && !existsSync(place.path)
          ? [`the AutoDJ of ${mount} waits for ${place.shown}, which is not there`]
          : [],
      ),
  );
}
