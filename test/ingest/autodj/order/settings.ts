import type { JingleSettings, RotationSettings } from "../../../../config/ingest-settings.ts";
import { Programme, type ProgrammeSettings } from "../../../../ingest/autodj/order/programme.ts";
import { millis } from "../../../../shared/units.ts";
import { seeded } from "../../../support/seeded.ts";

type Rotation = Omit<RotationSettings, "places">;
type Jingle = Omit<JingleSettings, "places">;

export const rotation = (name: string, given: Partial<Rotation> = {}): Rotation => ({
  name,
  order: "random",
  memory: 50,
  weight: 1,
  slots: [],
  ...given,
});

export const jingle = (given: Partial<Jingle>): Jingle => ({ order: "sequential", slots: [], ...given });

/** A programme with the files of its rotations and jingles, those of a name that is left out being none. */
export function programmeOf(
  settings: Partial<ProgrammeSettings>,
  files: Readonly<Record<string, readonly string[]>>,
  { seed = 7, state }: { readonly seed?: number; readonly state?: unknown } = {},
): Programme {
  const all = { rotations: [], jingles: [], ...settings };
  const programme = new Programme(all, seeded(seed), state);
  for (const { name } of all.rotations) programme.setFiles(name, files[name] ?? []);
  for (const name of programme.jingleNames) programme.setFiles(name, files[name] ?? []);
  return programme;
}

export const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `file:/${prefix}/${i + 1}.mp3`);

export const minute = 60_000;

/** So many picks, one every three minutes. */
export function picks(programme: Programme, count: number, { fromMs = 0, everyMs = 3 * minute } = {}) {
  return Array.from({ length: count }, (_, i) => programme.next(millis(fromMs + i * everyMs)));
}

export const played = (programme: Programme, count: number) =>
  picks(programme, count).map((pick) => pick?.id ?? null);
