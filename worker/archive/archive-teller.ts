import type { SegmentRef } from "../../shared/segment.ts";
import type { Epoch, MountPath } from "../../shared/units.ts";
import type { Env } from "../env.ts";
import type { ArchiveWord, EpochWord } from "./archive-word.ts";
import { archiveCallTimeoutMs, archiveTries, tellEveryMs, untoldSegments } from "./limits.ts";

/** What the mount knows when its archive is told: asked for then, not at each announcement. */
export type ArchiveSubject = () => { readonly epoch: EpochWord | null; readonly listeners: number };

/**
 * Tells a mount's archive what goes on there: epochs at once, announced segments every `tellEveryMs`, again when a call failed.
 * What is in memory here may be lost with it: the archive finds it in the bucket.
 */
export class ArchiveTeller {
  readonly #env: Pick<Env, "ARCHIVE">;
  readonly #keepAlive: (work: Promise<unknown>) => void;
  readonly #now: ArchiveSubject;
  #segments: SegmentRef[] = [];
  readonly #ended = new Map<Epoch, EpochWord>();
  /** What only the claim said, of the epoch that it began. */
  #claimed: Pick<EpochWord, "epoch" | "process" | "continues"> | null = null;
  #isDue = false;
  #isTelling = false;
  #failures = 0;

  constructor(env: Pick<Env, "ARCHIVE">, keepAlive: (work: Promise<unknown>) => void, now: ArchiveSubject) {
    this.#env = env;
    this.#keepAlive = keepAlive;
    this.#now = now;
  }

  claimed(mount: MountPath, claimed: Pick<EpochWord, "epoch" | "process" | "continues">): void {
    this.#claimed = claimed;
    this.#tellSoon(mount, 0);
  }

  announced(mount: MountPath, segment: SegmentRef): void {
    this.#segments.push(segment);
    if (!this.#isDue) this.#tellSoon(mount, tellEveryMs);
  }

  /** The source has gone: said of the epoch as it is now. */
  released(mount: MountPath): void {
    const epoch = this.#epoch();
    if (epoch) this.#ended.set(epoch.epoch, { ...epoch, end: "released" });
    this.#tellSoon(mount, 0);
  }

  #tellSoon(mount: MountPath, waitMs: number): void {
    this.#isDue = true;
    this.#keepAlive(this.#tell(mount, waitMs));
  }

  async #tell(mount: MountPath, waitMs: number): Promise<void> {
    if (waitMs > 0) await scheduler.wait(waitMs);
    // One call at a time, and what came meanwhile after it.
    if (this.#isTelling || !this.#isDue) return;
    this.#isTelling = true;
    this.#isDue = false;
    const word = this.#word(mount);
    const isTold = await this.#call(word);
    this.#isTelling = false;
    this.#failures = isTold ? 0 : this.#failures + 1;
    if (isTold) {
      const told = new Set(word.segments);
      this.#segments = this.#segments.filter((segment) => !told.has(segment));
      for (const epoch of word.epochs) {
        if (this.#ended.get(epoch.epoch) === epoch) this.#ended.delete(epoch.epoch);
      }
    } else this.#segments = this.#segments.slice(-untoldSegments);
    // After that the next word tries again.
    if (this.#failures > archiveTries) return;
    if (this.#isDue || !isTold) this.#tellSoon(mount, isTold ? 0 : tellEveryMs);
  }

  #word(mount: MountPath): ArchiveWord {
    const epoch = this.#epoch();
    const current = epoch && !this.#ended.has(epoch.epoch) ? [epoch] : [];
    return {
      mount,
      epochs: [...this.#ended.values(), ...current],
      segments: [...this.#segments],
      listeners: this.#now().listeners,
    };
  }

  #epoch(): EpochWord | null {
    const { epoch } = this.#now();
    return epoch && { ...epoch, ...(this.#claimed?.epoch === epoch.epoch && this.#claimed) };
  }

  async #call(word: ArchiveWord): Promise<boolean> {
    try {
      const told = this.#env.ARCHIVE.getByName(word.mount)
        .tell(word)
        .then(() => true);
      const isTold = await Promise.race([told, scheduler.wait(archiveCallTimeoutMs).then(() => false)]);
      if (isTold) return true;
      throw new Error("no answer");
    } catch (error) {
      console.warn("archive call failed", word.mount, String(error));
      return false;
    }
  }
}
