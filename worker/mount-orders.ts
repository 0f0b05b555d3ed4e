import { keepOrders, type TimedOrder } from "../shared/order-book.ts";
import type { ListenerOrder, SourceOrder } from "../shared/orders.ts";
import type { MountPath, Millis } from "../shared/units.ts";

/** What is needed of an object's storage. */
interface OrderStorage {
  readonly kv: { get(key: string): unknown; put(key: string, value: number): void };
}

/** What an administrator wants of listeners. */
export type ListenerWant =
  | { readonly kind: "kill"; readonly listener: number }
  | { readonly kind: "move"; readonly listener: number | null; readonly to: MountPath };

/**
 * What a mount's listeners and source are ordered. Kept in memory: whoever listens or sends asks within seconds, and an
 * object that is started anew must repeat nothing. Their number is stored, so that those of another life count as newer.
 */
export class MountOrders {
  readonly #storage: OrderStorage;
  #listeners: readonly TimedOrder[] = [];
  /** Only the newest title is worth setting. */
  #title: (SourceOrder & { readonly epoch: number }) | null = null;

  constructor(storage: OrderStorage) {
    this.#storage = storage;
  }

  /** For listeners, in order. */
  forListeners(now: Millis): readonly TimedOrder[] {
    if (this.#listeners.length > 0) this.#listeners = keepOrders(this.#listeners, [], now);
    return this.#listeners;
  }

  order(want: ListenerWant, now: Millis): void {
    const sequence = this.#next();
    const order: ListenerOrder = { sequence, ...want };
    this.#listeners = keepOrders(this.#listeners, [{ order, atMs: now }], now);
  }

  /** For the source of that epoch and no later one. */
  setTitle(title: SourceOrder["title"], epoch: number): void {
    this.#title = { sequence: this.#next(), kind: "title", title, epoch };
  }

  /** What the source of an epoch has to do, having carried out all orders up to `done`. */
  forSource(epoch: number, done: number | undefined): readonly SourceOrder[] {
    if (this.#title && (this.#title.epoch !== epoch || this.#title.sequence <= (done ?? 0)))
      this.#title = null;
    if (!this.#title) return [];
    const { sequence, kind, title } = this.#title;
    return [{ sequence, kind, title }];
  }

  #next(): number {
    const sequence = Number(this.#storage.kv.get(key) ?? 0) + 1;
    this.#storage.kv.put(key, sequence);
    return sequence;
  }
}

const key = "orders";
