import { introAgainMs, recentListeners } from "./limits.ts";

/** Listeners who were here a moment ago: they have heard the intro. Kept for `introAgainMs`, the latest `recentListeners` of them. */
export class RecentListeners {
  /** When each was seen last, in that order. */
  readonly #seen = new Map<string, number>();

  note(name: string, nowMs: number): void {
    this.#seen.delete(name);
    this.#seen.set(name, nowMs);
    const oldest = this.#seen.keys().next();
    if (this.#seen.size > recentListeners && !oldest.done) this.#seen.delete(oldest.value);
  }

  has(name: string, nowMs: number): boolean {
    const atMs = this.#seen.get(name);
    return atMs !== undefined && nowMs - atMs < introAgainMs;
  }
}
