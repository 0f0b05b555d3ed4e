import { clock } from "./isolate-clock.ts";
import {
  calledForWatch,
  longestWatchMs,
  secondWatchMs,
  sleepersPerRound,
  watchLostMs,
  watchmen,
  watchMs,
} from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { pause } from "./pause.ts";

/** News that listeners wait for. */
export class Bell {
  readonly #sleepers = new Set<Sleeper>();

  add(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper);
  }

  remove(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
  }

  /** Wakes those who wait now. */
  ring(): Promise<void> {
    return wakeInRounds(this.#sleepers);
  }
}

/**
 * Wakes those whose time is not after `untilMs`, some at a time: each fills a buffer, which is free again when the runtime
 * has taken it, and nobody's socket waits for all the others' buffers.
 */
async function wakeInRounds(
  sleepers: ReadonlySet<Sleeper>,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  let woken = 0;
  for (const sleeper of [...sleepers]) {
    // Woken meanwhile by something else, or gone.
    if (!sleepers.has(sleeper) || sleeper.atMs > untilMs) continue;
    sleeper.wake();
    if (++woken % sleepersPerRound === 0) await pause(0);
  }
}

/** One listener, who can wait for one thing at a time. Any request may wake it; it goes on in its own. */
export class Sleeper {
  readonly host: Host;
  readonly #all: Sleepers;
  #bells: readonly Bell[] = [];
  #wake: (() => void) | null = null;
  atMs = 0;

  constructor(host: Host, all: Sleepers = sleepers) {
    this.host = host;
    this.#all = all;
  }

  /** Resolves when one of the bells is rung, or `ms` from now, `watchMs` and the rounds of others later at most, or sooner by `wake`. */
  sleep(ms: number, bells: readonly Bell[] = []): Promise<void> {
    this.wake();
    const now = clock.now();
    this.atMs = now + ms;
    this.#bells = bells;
    for (const bell of bells) bell.add(this);
    this.#all.add(this, now);
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    const wake = this.#wake;
    if (!wake) return;
    this.#wake = null;
    this.#all.remove(this);
    for (const bell of this.#bells) bell.remove(this);
    wake();
  }

  /** The listener goes: whatever it waits for is over. To be called by its own request while that works. */
  leave(): void {
    this.wake();
    this.#all.dismiss(this.host);
  }
}

/**
 * Where listeners wait without a timer each: a timer costs the runtime more than all else that is done for a listener at
 * a segment (bench/RESULTS.md). A few requests of those who wait keep watch for all with one timer each, and wake those
 * whose time has come; bells wake the others. Watchmen look when somebody's time comes, and not much more often: a look
 * wakes the whole process.
 *
 * Requests end at any moment, and watchmen with them: whoever lies down next takes the place of one that is missing. A
 * request whose sleep is all it has must have a timer of its own besides, or the runtime takes it for dead.
 */
export class Sleepers {
  readonly #sleeping = new Set<Sleeper>();
  readonly #watches = new Map<Host, Watch>();
  /** Nobody's time comes before. */
  #nextMs = Number.POSITIVE_INFINITY;

  add(sleeper: Sleeper, now: number): void {
    this.#sleeping.add(sleeper);
    this.#nextMs = Math.min(this.#nextMs, sleeper.atMs);
    this.#keepWatch(sleeper, now);
  }

  remove(sleeper: Sleeper): void {
    this.#sleeping.delete(sleeper);
  }

  /** The request ends, and so does its watch. */
  dismiss(host: Host): void {
    const now = clock.now();
    this.#watches.delete(host);
    this.#forgetLost(now);
    if (this.#watches.size < watchmen || !this.#isCovered(lookMs(this.#nextMs, now))) this.#callWatchmen();
  }

  /**
   * Some of those who sleep are woken and take over when they lie down again. Requests often end together: of those who are
   * called some may be about to go, whose own `dismiss` calls others, or have gone already.
   */
  #callWatchmen(): void {
    let woken = 0;
    for (const sleeper of this.#sleeping) {
      if (woken++ === calledForWatch) break;
      sleeper.wake();
    }
  }

  #forgetLost(now: number): void {
    for (const [other, watch] of this.#watches) {
      if (now - watch.atMs > watchLostMs) this.#watches.delete(other);
    }
  }

  /** Also where there are watchmen enough, but none who looks in time. */
  #keepWatch({ host, atMs }: Sleeper, now: number): void {
    this.#forgetLost(now);
    if (this.#watches.has(host)) return;
    if (this.#watches.size < watchmen || !this.#isCovered(lookMs(atMs, now)))
      host.keepAlive(this.#watch(host));
  }

  async #watch(host: Host): Promise<void> {
    const watch: Watch = { atMs: 0 };
    this.#watches.set(host, watch);
    do {
      const fromMs = clock.now();
      watch.atMs = this.#nextLook(watch, fromMs);
      const waitMs = Math.ceil(watch.atMs - fromMs);
      await pause(waitMs);
      clock.passed(fromMs, waitMs);
      await this.#wakeDue(clock.now());
    } while (this.#goesOn(host, watch));
    if (this.#watches.get(host) === watch) this.#watches.delete(host);
  }

  /** When somebody's time comes; for a watchman's end soon afterwards, where another looks by then. */
  #nextLook(watch: Watch, now: number): number {
    const atMs = lookMs(this.#nextMs, now);
    return this.#isCovered(atMs, watch) ? atMs + secondWatchMs : atMs;
  }

  #goesOn(host: Host, watch: Watch): boolean {
    if (this.#watches.get(host) !== watch || this.#sleeping.size === 0) return false;
    const first = [...this.#watches.values()].slice(0, watchmen);
    return first.includes(watch) || !this.#isCovered(lookMs(this.#nextMs, clock.now()), watch);
  }

  /** Whether somebody, other than `but`, looks until then. */
  #isCovered(ms: number, but?: Watch): boolean {
    for (const watch of this.#watches.values()) {
      if (watch !== but && watch.atMs <= ms) return true;
    }
    return false;
  }

  /** Those who wait for a source that is away are due together. */
  async #wakeDue(now: number): Promise<void> {
    if (now < this.#nextMs) return;
    await wakeInRounds(this.#sleeping, now);
    // Not before: should this request end meanwhile, the others are due when the next watchman looks.
    let next = Number.POSITIVE_INFINITY;
    for (const { atMs } of this.#sleeping) next = Math.min(next, atMs);
    this.#nextMs = next;
  }
}

interface Watch {
  /** When it looks next. */
  atMs: number;
}

/** When to look for somebody whose time comes at `atMs`: those who are due at nearly the same time are woken together. */
const lookMs = (atMs: number, now: number): number =>
  Math.min(Math.max(atMs, now + watchMs), now + longestWatchMs);

/** This isolate's. */
const sleepers = new Sleepers();
