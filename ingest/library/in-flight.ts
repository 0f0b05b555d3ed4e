/** Promises under way at the same time, so many at most. The first that rejects ends it: whatever is asked next rejects likewise. */
export class InFlight {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly reason: unknown } | null = null;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins `act` once there is room; resolves when it has begun. */
  async add(act: () => Promise<unknown>): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    this.#check();
    const running: Promise<void> = act().then(
      () => void this.#running.delete(running),
      (reason: unknown) => {
        this.#running.delete(running);
        this.#failure ??= { reason };
      },
    );
    this.#running.add(running);
  }

  /** Resolves when all have ended well. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
    this.#check();
  }

  #check(): void {
    if (this.#failure) throw this.#failure.reason;
  }
}
