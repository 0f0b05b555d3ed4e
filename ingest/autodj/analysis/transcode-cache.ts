import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { TrackFile } from "../track.ts";
import { partOf, writeWhole } from "../whole-file.ts";
import { jsonOf } from "./finding-cache.ts";
import { transcodedBytes, transcodeMs } from "./limits.ts";
import { type TargetFormat, type TrackFacts, trackFactsSchema } from "./track-facts.ts";

/** Beside each `<hash>.mp3`, `<hash>.json`: what it is. A file without, or of another size, counts for nothing. */
const recordSchema = z.object({ size: z.number(), facts: trackFactsSchema });

export interface TranscodeKey {
  readonly file: Pick<TrackFile, "id" | "version">;
  readonly format: TargetFormat;
  readonly kbps: number;
}

export interface Transcoded {
  readonly path: string;
  readonly facts: TrackFacts;
}

/** Files that were encoded anew, up to so many bytes; those that were asked for least recently go first. */
export class TranscodeCache {
  readonly #folder: string;
  readonly #maxBytes: number;

  /** `folder` is made when there is something to keep. */
  constructor(folder: string, maxBytes = transcodedBytes) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  async get(key: TranscodeKey): Promise<Transcoded | undefined> {
    const path = this.#pathOf(key);
    try {
      const record = recordSchema.parse(jsonOf(await readFile(recordOf(path), "utf8")));
      if ((await stat(path)).size !== record.size) return undefined;
      await utimes(path, new Date(), new Date());
      return { path, facts: record.facts };
    } catch {
      return undefined;
    }
  }

  /** Where to write the file for `keep`: nobody else writes there. */
  async place(key: TranscodeKey): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    return partOf(this.#pathOf(key));
  }

  /** Takes over what was written at `part`. */
  async keep(key: TranscodeKey, part: string, facts: TrackFacts): Promise<Transcoded> {
    const path = this.#pathOf(key);
    const { size } = await stat(part);
    await rename(part, path);
    await writeWhole(recordOf(path), JSON.stringify({ size, facts }));
    await this.#prune(path);
    return { path, facts };
  }

  async #prune(newest: string): Promise<void> {
    const files: { readonly path: string; readonly size: number; readonly mtimeMs: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const found = await stat(path).catch(() => undefined);
      if (!found) continue;
      // Left by a process that died.
      if (name.endsWith(".part") && Date.now() - found.mtimeMs > transcodeMs) await rm(path, { force: true });
      if (name.endsWith(".mp3") && path !== newest)
        files.push({ path, size: found.size, mtimeMs: found.mtimeMs });
    }
    let left = files.reduce((sum, { size }) => sum + size, (await stat(newest)).size);
    for (const { path, size } of files.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (left <= this.#maxBytes) return;
      await rm(recordOf(path), { force: true });
      await rm(path, { force: true });
      left -= size;
    }
  }

  #pathOf({ file, format, kbps }: TranscodeKey): string {
    const text = JSON.stringify([file.id, file.version, format.sampleRate, format.channels, kbps]);
    return join(this.#folder, `${createHash("sha256").update(text).digest("hex").slice(0, 40)}.mp3`);
  }
}

const recordOf = (path: string): string => path.replace(/\.mp3$/, ".json");
