import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { mp3Rates } from "../../config/station-autodj.ts";
import type { MountPath } from "../../shared/units.ts";
import { type Log, reasonOf } from "../log.ts";
import { stateBytes } from "./limits.ts";
import { writeWhole } from "./whole-file.ts";

/**
 * Where an AutoDJ is, `autodj/<mount>.json` in the data folder:
 *
 *   format     1
 *   programme  `order/programme-state.ts`
 *   playing    what plays and its next frame; null: nothing
 *   ahead      what was picked to come next, in order; it counts as played in `programme`
 *   mp3        the mount's format; null before it was decided
 */
const pick = z.object({ id: z.string(), kind: z.enum(["track", "jingle", "request"]), rotation: z.string() });

const stateSchema = z.object({
  format: z.literal(1),
  programme: z.unknown(),
  playing: pick.extend({ version: z.string(), frame: z.number().int().nonnegative() }).nullable(),
  ahead: z.array(pick).max(16),
  mp3: z
    .object({
      sampleRate: z.number().refine((rate) => mp3Rates.includes(rate)),
      channels: z.union([z.literal(1), z.literal(2)]),
    })
    .nullable(),
});
export type AutoDjState = z.infer<typeof stateSchema>;

export interface StateFileOptions {
  readonly folder: string;
  readonly mount: MountPath;
  readonly log: Log;
}

/** Keeps the newest state of one AutoDJ on disk. Nothing that goes wrong with it stops the music. */
export class StateFile {
  readonly #path: string;
  readonly #log: Log;
  #next: AutoDjState | null = null;
  #writing: Promise<void> | null = null;
  #fails = false;

  constructor({ folder, mount, log }: StateFileOptions) {
    this.#path = join(folder, `${fileName(mount)}.json`);
    this.#log = log;
  }

  /** Null when there is none. One that cannot be read is put aside. */
  async load(): Promise<AutoDjState | null> {
    try {
      const { size } = await stat(this.#path);
      if (size > stateBytes) throw new Error(`it has ${size} bytes`);
      return stateSchema.parse(JSON.parse(await readFile(this.#path, "utf8")));
    } catch (error) {
      if (isMissing(error)) return null;
      const reason = error instanceof z.ZodError ? "it is not a state" : reasonOf(error);
      const aside = `${this.#path}.unreadable`;
      this.#log.warn(
        { file: this.#path, aside, reason },
        "where the AutoDJ was is not known: it begins anew",
      );
      await rename(this.#path, aside).catch(() => undefined);
      return null;
    }
  }

  /** Written as soon as what is being written is; of several the newest. */
  save(state: AutoDjState): void {
    this.#next = state;
    this.#writing ??= this.#write();
  }

  /** Resolves when everything is written, or cannot be. */
  async saved(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    for (let state = this.#next; state; state = this.#next) {
      this.#next = null;
      try {
        await mkdir(dirname(this.#path), { recursive: true });
        await writeWhole(this.#path, JSON.stringify(state));
        this.#fails = false;
      } catch (error) {
        if (!this.#fails)
          this.#log.warn({ file: this.#path, reason: reasonOf(error) }, "where the AutoDJ is cannot be kept");
        this.#fails = true;
      }
    }
    // In the turn in which it was seen that nothing more is to be written.
    this.#writing = null;
  }
}

/** Readable, and another one for every mount. */
function fileName(mount: MountPath): string {
  const words = mount
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+/, "")
    .slice(0, 48);
  return `${words}-${createHash("sha256").update(mount).digest("hex").slice(0, 12)}`;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";
