/** What is needed of an object's storage. */
interface SeatStorage {
  readonly kv: {
    get(key: string): unknown;
    put(key: string, value: boolean): void;
    delete(key: string): unknown;
  };
}

/**
 * An object's seats live in memory, for the runtimes tell them again within moments. What is stored is only whether
 * there were any: an object that was started anew over its listeners' heads lets them speak first, and gives no seat
 * away before.
 */
export class SeatMemory {
  readonly #storage: SeatStorage;
  readonly #recalled: Promise<void>;
  #kept: boolean;

  /** `recallMs`: within this all who have seats have said so. */
  constructor(storage: SeatStorage, recallMs: number) {
    this.#storage = storage;
    this.#kept = storage.kv.get(key) === true;
    this.#recalled = this.#kept ? scheduler.wait(recallMs) : Promise.resolve();
  }

  /** Resolves when those who have seats can have said so. */
  recalled(): Promise<void> {
    return this.#recalled;
  }

  /** Whether seats are taken; of seats without a limit nothing need be kept. */
  keep(taken: boolean): void {
    if (taken === this.#kept) return;
    this.#kept = taken;
    if (taken) this.#storage.kv.put(key, true);
    else this.#storage.kv.delete(key);
  }
}

const key = "seats";
