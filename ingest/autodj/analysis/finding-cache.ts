import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import type { TrackFile } from "../track.ts";
import { writeWhole } from "../whole-file.ts";
import { cachedRecords, recordBytes } from "./limits.ts";
import { type Finding, trackFactsSchema } from "./track-facts.ts";

/**
 * What files were found to be, one record each: `<folder>/<2 hex>/<38 hex>.json`, by the hash of the file's id. What the
 * settings change is not in it. Another version of the format is another folder.
 */
const recordSchema = z.object({
  id: z.string(),
  version: z.string(),
  finding: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("facts"), facts: trackFactsSchema }),
    z.object({ kind: z.literal("refused"), reason: z.string(), kept: z.literal("disk") }),
  ]),
});
type FileVersion = Pick<TrackFile, "id" | "version">;

/** A record is written again at its first use after so long, so that the oldest are those nobody asks for. */
const refreshMs = 24 * 3600_000;

/** After so many new records it is looked whether there are too many. */
const pruneEvery = 1_000;

export class FindingCache {
  readonly #folder: string;
  readonly #maxRecords: number;
  #written = 0;

  /** `folder` is made when there is something to keep. */
  constructor(folder: string, maxRecords = cachedRecords) {
    this.#folder = folder;
    this.#maxRecords = maxRecords;
  }

  /** What was kept of this version of the file; a record that cannot be read is thrown away. */
  async get(file: FileVersion): Promise<Finding | undefined> {
    const path = this.#pathOf(file.id);
    const record = await this.#read(path);
    if (!record || record.id !== file.id || record.version !== file.version) return undefined;
    return record.finding;
  }

  /** Rejects with what the disk says; what was there before is there still then. */
  async put(file: FileVersion, finding: Finding): Promise<void> {
    const path = this.#pathOf(file.id);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeWhole(path, JSON.stringify({ id: file.id, version: file.version, finding }));
    if (this.#written++ % pruneEvery === 0) await this.#prune();
  }

  async #read(path: string): Promise<z.infer<typeof recordSchema> | undefined> {
    let text: string;
    try {
      const { size, mtimeMs } = await stat(path);
      text = size > recordBytes ? "" : await readFile(path, "utf8");
      if (Date.now() - mtimeMs > refreshMs) await utimes(path, new Date(), new Date());
    } catch {
      return undefined;
    }
    const parsed = recordSchema.safeParse(jsonOf(text));
    if (parsed.success) return parsed.data;
    await rm(path, { force: true }).catch(() => {});
    return undefined;
  }

  async #prune(): Promise<void> {
    const paths: string[] = [];
    for (const folder of await readdir(this.#folder)) {
      const names = await readdir(join(this.#folder, folder)).catch(() => []);
      paths.push(...names.map((name) => join(this.#folder, folder, name)));
    }
    if (paths.length <= this.#maxRecords) return;
    const aged: { readonly path: string; readonly mtimeMs: number }[] = [];
    for (const path of paths) {
      const found = await stat(path).catch(() => undefined);
      if (found) aged.push({ path, mtimeMs: found.mtimeMs });
    }
    aged.sort((a, b) => a.mtimeMs - b.mtimeMs);
    for (const { path } of aged.slice(0, aged.length - this.#maxRecords)) await rm(path, { force: true });
  }

  #pathOf(id: string): string {
    const hash = createHash("sha256").update(id).digest("hex");
    return join(this.#folder, hash.slice(0, 2), `${hash.slice(2, 40)}.json`);
  }
}

/** What JSON says, or undefined. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
