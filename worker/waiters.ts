/**
 * Those who wait in an object until something happens, or for a time. Nobody leaves a timer behind: the platform lets an
 * object have 10,000 at a time, and a thousand questions a second that each leave one for 5 s are half of that.
 */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  /** Until the next `wake`, `ms` at most. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiting.add(end);
    });
  }

  /** All who wait now. */
  wake(): void {
    for (const end of this.#waiting) end();
  }
}
