import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { MusicPlace } from "../../../../config/ingest-settings.ts";
import { MusicSources, type SourcesOptions } from "../../../../ingest/autodj/sources/music-sources.ts";
import { waitFor } from "../../../support/wait.ts";

/** A folder of files for tests, and sources that read it. */
export class Collection {
  readonly folder = mkdtempSync(join(tmpdir(), "skywave music "));
  /** Reasons and places that were warned of. */
  readonly warnings: string[] = [];
  readonly #open: MusicSources[] = [];

  path(name: string): string {
    return join(this.folder, "music", name);
  }

  /** A file that nobody has written to for an hour, unless `ageMs` says otherwise. */
  write(name: string, content = name, ageMs = 3_600_000): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    const part = `${path}.part`;
    writeFileSync(part, content);
    const time = new Date(Date.now() - ageMs);
    utimesSync(part, time, time);
    renameSync(part, path);
    return path;
  }

  place(name = ""): MusicPlace {
    return { kind: "path", path: this.path(name), shown: name || "music" };
  }

  async open(places: readonly MusicPlace[] = [this.place()], options: Partial<SourcesOptions> = {}) {
    const warn = (fields: { readonly folder?: string; readonly place?: string; readonly reason?: string }) =>
      void this.warnings.push(JSON.stringify(fields));
    const sources = new MusicSources({
      places,
      reloadMs: 3_600_000,
      cacheDir: join(this.folder, "cache"),
      log: { warn, info: () => undefined },
      ...options,
    });
    this.#open.push(sources);
    await sources.start();
    return sources;
  }

  close(): void {
    for (const sources of this.#open) sources.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const namesOf = (sources: MusicSources): string[] => sources.files.map(({ name }) => name);

/** Waits until the sources have just these, in this order. */
export const untilNames = (sources: MusicSources, ...names: readonly string[]) =>
  waitFor(
    `${names.join()}, there is ${namesOf(sources).join()}`,
    () => JSON.stringify(namesOf(sources)) === JSON.stringify(names),
    10_000,
  );
