import { introAgainMs, recentListeners } from "./limits.ts";

/** Listeners who left a moment ago: they have heard the intro. Kept for `introAgainMs`, the latest `recentListeners` of them. */
export class RecentListeners {
  /** When each left, in that order. */
  readonly #left = new Map<string, number>();

  note(name: string, nowMs: number): void {
    this.#left.delete(name);
    this.#left.set(name, nowMs);
    const oldest = this.#left.keys().next();
    if (this.#left.size > recentListeners && !oldest.done) this.#left.delete(oldest.value);
  }

  has(name: string, nowMs: number): boolean {
    const atMs = this.#left.get(name);
    return atMs !== undefined && nowMs - atMs < introAgainMs;
  }
}
