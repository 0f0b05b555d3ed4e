import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

/**
 * What files became the last time they were cut, format version 1: a JSON file beside the analyses, so that an upload that
 * has nothing to do reads no music. It is a memory only: one that is lost or damaged is made again, and storage decides
 * what is there.
 */
const trackSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  samples: z.number().int().min(1),
  bytes: z.number().int().min(1),
});
const fileSchema = z.object({ version: z.literal(1), tracks: z.record(z.string(), trackSchema) });
export type KnownTrack = z.infer<typeof trackSchema>;

export class KnownTracks {
  readonly #file: string;
  readonly #tracks: Map<string, KnownTrack>;
  /** Those asked for or added by this run: the others are of files that are gone. */
  readonly #used = new Set<string>();
  #changed = false;

  constructor(file: string) {
    this.#file = file;
    this.#tracks = new Map(Object.entries(read(file)));
  }

  get(key: string): KnownTrack | undefined {
    const known = this.#tracks.get(key);
    if (known) this.#used.add(key);
    return known;
  }

  add(key: string, { id, samples, bytes }: KnownTrack): void {
    this.#tracks.set(key, { id, samples, bytes });
    this.#used.add(key);
    this.#changed = true;
  }

  /** Whole or not at all. A disk that does not take it costs reading the music again. */
  save(): void {
    if (!this.#changed) return;
    const kept = [...this.#tracks].toSorted(
      ([a], [b]) => Number(this.#used.has(a)) - Number(this.#used.has(b)),
    );
    const tracks = Object.fromEntries(kept.slice(-maxTracks));
    const draft = `${this.#file}.${process.pid}`;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      writeFileSync(draft, JSON.stringify({ version: 1, tracks }));
      renameSync(draft, this.#file);
      this.#changed = false;
    } catch {
      rmSync(draft, { force: true });
    }
  }
}

/** 200 bytes each; those of other libraries of this host are kept as well. */
const maxTracks = 50_000;

/** Names what a file becomes: all that decides it. */
export const knownKey = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 32);

function read(file: string): Record<string, KnownTrack> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, "utf8"))).tracks;
  } catch {
    return {};
  }
}
