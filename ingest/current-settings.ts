import { isDeepStrictEqual } from "node:util";
import type { IngestSettings } from "../config/ingest-settings.ts";

/** Settings that are bound when the process starts, with what an operator knows them as. */
const fixed = {
  host: "--host",
  port: "ingest.port",
  shoutcastPort: "ingest.port",
  tls: "ingest.tls",
  dataDir: "--data",
  edgeUrl: "SKYWAVE_EDGE_URL",
  ingestToken: "SKYWAVE_INGEST_TOKEN",
  storage: "SKYWAVE_S3_URL and its keys",
  ingestId: "secrets.json",
} as const satisfies Partial<Record<keyof IngestSettings, string>>;
type Fixed = keyof typeof fixed;
const isFixed = (name: string): name is Fixed => Object.hasOwn(fixed, name);

/** The settings in force. Whoever reads one does so when it is used, and keeps none. */
export class CurrentSettings {
  #now: IngestSettings;

  constructor(settings: IngestSettings) {
    this.#now = settings;
  }

  get now(): IngestSettings {
    return this.#now;
  }

  /** Puts new settings in force but for those that only a restart can change; names these. */
  change(next: IngestSettings): string[] {
    const kept = Object.fromEntries(Object.entries(this.#now).filter(([name]) => isFixed(name)));
    const held = Object.keys(fixed)
      .filter(isFixed)
      .filter((name) => !isDeepStrictEqual(this.#now[name], next[name]));
    const { tls: _, ...changeable } = next;
    this.#now = { ...changeable, ...kept };
    return [...new Set(held.map((name) => fixed[name]))];
  }
}
