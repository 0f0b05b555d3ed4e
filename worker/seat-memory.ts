/**
 * An object's seats live in memory, for the runtimes tell them again within moments. What is stored is only whether
 * there were any: an object that was started anew over its listeners' heads lets them speak first, and gives no seat
 * away before.
 */
export class SeatMemory {
  readonly #storage: DurableObjectStorage;
  readonly #recallUntilMs: number;
  #kept: boolean;

  /** `recallMs`: within this all who have seats have said so. */
  constructor(storage: DurableObjectStorage, recallMs: number) {
    this.#storage = storage;
    this.#kept = storage.kv.get(key) === true;
    this.#recallUntilMs = this.#kept ? Date.now() + recallMs : 0;
  }

  /** Resolves when those who have seats can have said so. */
  async recalled(): Promise<void> {
    const leftMs = this.#recallUntilMs - Date.now();
    if (leftMs > 0) await scheduler.wait(leftMs);
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
