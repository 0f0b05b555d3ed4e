import { setTimeout as sleep } from "node:timers/promises";
import type { MountPath } from "../shared/units.ts";
import { deliveriesAtOnce, deliveriesWaiting, deliveryTimeoutMs, deliveryWaitsMs } from "./station-limits.ts";
import { type Log, reasonOf } from "./log.ts";

/** Tells somebody something. Rejects when it was not heard, which is tried again; with FinalError when that is no use. */
export type Delivery = (signal: AbortSignal) => Promise<void>;

/** Nothing is gained by another try. */
export class FinalError extends Error {
  override readonly name = "FinalError";
}

export interface DeliveriesOptions {
  /** What is delivered, for the log. */
  readonly what: string;
  readonly log: Log;
  readonly limits?: {
    readonly waiting?: number;
    readonly timeoutMs?: number;
    /** Before each further try. */
    readonly waitsMs?: readonly number[];
  };
}

/**
 * Delivers in the background what happens to mounts: to one receiver, in order for each mount, each tried a few times.
 * What waits is bounded; beyond that the newest is not taken, so that what is delivered begins where it began.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #queues = new Map<MountPath, Delivery[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  /** Mounts whose next delivery waits for a place. */
  readonly #forPlace: (() => void)[] = [];
  #places = deliveriesAtOnce;
  #waiting = 0;
  #refused = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Nothing waits, and nothing is being delivered. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  add(mount: MountPath, delivery: Delivery): void {
    if (this.#stopped.signal.aborted) return;
    if (this.#waiting >= (this.#options.limits?.waiting ?? deliveriesWaiting)) return this.#refuse(mount);
    this.#refused = 0;
    this.#waiting++;
    const queue = this.#queues.get(mount);
    if (queue) {
      queue.push(delivery);
      return;
    }
    this.#queues.set(mount, [delivery]);
    const running = this.#run(mount).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when everything is delivered or given up, or after `patienceMs`: the rest is given up then. */
  async stop(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stopped.abort(), patienceMs);
    await Promise.all(this.#running);
    clearTimeout(timer);
    this.#stopped.abort();
  }

  async #run(mount: MountPath): Promise<void> {
    const queue = this.#queues.get(mount) ?? [];
    for (let next = queue[0]; next; next = queue[0]) {
      await this.#deliver(mount, next);
      queue.shift();
      this.#waiting--;
    }
    this.#queues.delete(mount);
  }

  async #deliver(mount: MountPath, delivery: Delivery): Promise<void> {
    const { what, log, limits } = this.#options;
    const { signal } = this.#stopped;
    const waits = limits?.waitsMs ?? deliveryWaitsMs;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        return await this.#inPlace(() =>
          delivery(AbortSignal.any([signal, AbortSignal.timeout(limits?.timeoutMs ?? deliveryTimeoutMs)])),
        );
      } catch (error) {
        const waitMs = error instanceof FinalError ? undefined : waits[tries];
        const fields = { mount, what, reason: reasonOf(error) };
        if (waitMs === undefined) return log.warn({ ...fields, tries: tries + 1 }, "not delivered, given up");
        if (tries === 0) log.warn(fields, "not delivered, trying again");
        // Half of it random, so that those who failed together do not come back together.
        const inMs = waitMs * (0.5 + Math.random() / 2);
        await sleep(inMs, undefined, { signal }).catch(() => undefined);
      }
    }
    log.warn({ mount, what }, "not delivered, the ingest is stopping");
  }

  /** Some at a time: a thousand sources that come at once are no thousand connections to a receiver. */
  async #inPlace(work: () => Promise<void>): Promise<void> {
    if (this.#places > 0) this.#places--;
    else await new Promise<void>((resolve) => void this.#forPlace.push(resolve));
    try {
      await work();
    } finally {
      const next = this.#forPlace.shift();
      if (next) next();
      else this.#places++;
    }
  }

  #refuse(mount: MountPath): void {
    const { log, what } = this.#options;
    if (this.#refused++ === 0)
      log.warn({ mount, what }, "too much waits to be delivered, what comes now is not told");
  }
}
