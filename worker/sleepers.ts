import { clock } from "./isolate-clock.ts";
import { sleepersPerRound, watchmen, watchMs, watchRounds } from "./limits.ts";
import type { Host } from "./mount-feed.ts";

/** One listener that waits. Called by any request; what it resolves goes on in the listener's own. */
interface Sleeper {
  readonly atMs: number;
  readonly bell: Bell | null;
  readonly wake: () => void;
}

/** News that listeners wait for. */
export class Bell {
  readonly #sleepers = new Set<Sleeper>();

  add(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper);
  }

  remove(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
  }

  /**
   * Wakes those who wait now, some at a time: each fills a buffer, which is free again when the runtime has taken it, and
   * nobody's socket waits for all the others' buffers.
   */
  async ring(): Promise<void> {
    const all = [...this.#sleepers];
    for (const [index, { wake }] of all.entries()) {
      wake();
      if (index % sleepersPerRound === sleepersPerRound - 1) await scheduler.wait(0);
    }
  }
}

/**
 * Where listeners wait without a timer each: a timer costs the runtime more than all else that is done for a listener at
 * a segment (bench/RESULTS.md). A few requests of those who wait keep watch for all with one timer each, and wake those
 * whose time has come; rung bells wake the others.
 *
 * Requests end at any moment, and watchmen with them: whoever lies down next takes the place of one that is missing. A
 * request whose sleeper is all it has must have a timer of its own besides, or the runtime takes it for dead.
 */
export class Sleepers {
  readonly #byHost = new Map<Host, Set<Sleeper>>();
  readonly #watches = new Map<Host, { readonly sinceMs: number; lookedMs: number }>();
  /** Nobody's time comes before. */
  #nextMs = Number.POSITIVE_INFINITY;

  /** Resolves when the bell is rung, or `ms` from now, a little later at most. */
  sleep(host: Host, ms: number, bell: Bell | null = null): Promise<void> {
    return new Promise((resolve) => {
      const atMs = clock.now() + ms;
      const sleeper: Sleeper = {
        atMs,
        bell,
        wake: () => {
          this.#remove(host, sleeper);
          resolve();
        },
      };
      const own = this.#byHost.get(host);
      if (own) own.add(sleeper);
      else this.#byHost.set(host, new Set([sleeper]));
      bell?.add(sleeper);
      this.#nextMs = Math.min(this.#nextMs, atMs);
      this.#keepWatch(host);
    });
  }

  /** The listener goes: whatever it waits for is over. To be called by its own request while that works. */
  leave(host: Host): void {
    for (const { wake } of this.#byHost.get(host) ?? []) wake();
    this.#watches.delete(host);
  }

  #remove(host: Host, sleeper: Sleeper): void {
    sleeper.bell?.remove(sleeper);
    const own = this.#byHost.get(host);
    if (own?.delete(sleeper) && own.size === 0) this.#byHost.delete(host);
  }

  #keepWatch(host: Host): void {
    const now = clock.now();
    for (const [other, watch] of this.#watches) {
      if (now - watch.lookedMs > watchMs * watchRounds) this.#watches.delete(other);
    }
    if (this.#watches.size >= watchmen || this.#watches.has(host)) return;
    host.keepAlive(this.#watch(host));
  }

  async #watch(host: Host): Promise<void> {
    const watch = { sinceMs: clock.now(), lookedMs: clock.now() };
    this.#watches.set(host, watch);
    while (this.#watches.get(host) === watch && this.#byHost.size > 0) {
      await scheduler.wait(watchMs);
      watch.lookedMs = clock.now();
      this.#wakeDue(watch.lookedMs);
    }
    if (this.#watches.get(host) === watch) this.#watches.delete(host);
  }

  #wakeDue(now: number): void {
    if (now < this.#nextMs) return;
    let next = Number.POSITIVE_INFINITY;
    for (const own of this.#byHost.values()) {
      for (const { atMs, wake } of own) {
        if (atMs <= now) wake();
        else next = Math.min(next, atMs);
      }
    }
    this.#nextMs = next;
  }
}

/** This isolate's. */
export const sleepers = new Sleepers();
