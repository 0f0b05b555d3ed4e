interface SharedJob<T> {
  readonly promise: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

/** Work that several may wait for at once: it is done once, and given up when nobody waits any more. */
export class SharedJobs<T> {
  readonly #jobs = new Map<string, SharedJob<T>>();

  /** Rejects with the signal's reason as soon as that is aborted, whatever the work does. */
  async run(
    key: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const job = this.#jobs.get(key) ?? this.#begin(key, work);
    job.waiting++;
    let leave: (() => void) | undefined;
    try {
      const left = new Promise<never>((_, reject) => {
        leave = () => reject(signal?.reason);
        signal?.addEventListener("abort", leave, { once: true });
      });
      return await Promise.race([job.promise, left]);
    } finally {
      if (leave) signal?.removeEventListener("abort", leave);
      job.waiting--;
      if (job.waiting === 0 && this.#jobs.get(key) === job) {
        this.#jobs.delete(key);
        job.abort.abort();
      }
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): SharedJob<T> {
    const abort = new AbortController();
    const promise = work(abort.signal);
    const job = { promise, abort, waiting: 0 };
    this.#jobs.set(key, job);
    const end = (): void => {
      if (this.#jobs.get(key) === job) this.#jobs.delete(key);
    };
    promise.then(end, end);
    return job;
  }
}
