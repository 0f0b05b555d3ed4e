import type { IngestMount } from "../../config/ingest-settings.ts";
import { settingsOfMount } from "../../shared/mount-pattern.ts";
import type { MountPath } from "../../shared/units.ts";

type Rules = ReadonlyMap<string, IngestMount>;

/** Of one reading of the settings, by which they are known. */
const tables = new WeakMap<Rules, Readonly<Record<string, IngestMount>>>();

/** What the settings say of one mount, its patterns included. */
export function rulesOfMount(rules: Rules, mount: MountPath): IngestMount {
  let table = tables.get(rules);
  if (!table) {
    table = Object.fromEntries(rules);
    tables.set(rules, table);
  }
  return settingsOfMount(table, mount) ?? {};
}
