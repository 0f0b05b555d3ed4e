import { steadyMs } from "./limits.ts";

interface Look {
  readonly size: number;
  readonly mtimeMs: number;
}

/** Which files are whole: those that nobody has written to for a moment. Two clocks may differ (a network's disk), so time alone does not tell. */
export class SteadyFiles {
  readonly #young = new Map<string, Look & { readonly sinceMs: number }>();

  /** What was seen of a file at `nowMs`. False: look again in `steadyMs`. */
  isSteady(id: string, { size, mtimeMs }: Look, nowMs: number): boolean {
    const ageMs = nowMs - mtimeMs;
    const seen = this.#young.get(id);
    const same = seen?.size === size && seen.mtimeMs === mtimeMs;
    if (ageMs >= steadyMs || (same && nowMs - seen.sinceMs >= steadyMs)) {
      this.#young.delete(id);
      return true;
    }
    if (!same) this.#young.set(id, { size, mtimeMs, sinceMs: nowMs });
    return false;
  }

  /** Forgets files that have gone. */
  keepOnly(isThere: (id: string) => boolean): void {
    for (const id of this.#young.keys()) if (!isThere(id)) this.#young.delete(id);
  }

  get count(): number {
    return this.#young.size;
  }
}
