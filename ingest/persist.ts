import { setTimeout as sleep } from "node:timers/promises";
import { Backoff } from "./backoff.ts";
import { retryFirstMs, retryMaxMs } from "./limits.ts";

interface Persistence {
  /** Ends the waiting; the promise then rejects. */
  readonly signal: AbortSignal;
  /** Errors that no other try would change. */
  readonly isFinal: (error: unknown) => boolean;
  /** Told of the first failure only: of the others there may be thousands. */
  readonly onFailure: (error: unknown) => void;
}

/** Tries until it succeeds, waiting longer each time up to `retryMaxMs`. */
export async function persist<T>(
  attempt: () => Promise<T>,
  { signal, isFinal, onFailure }: Persistence,
): Promise<T> {
  const backoff = new Backoff({ retryFirstMs, retryMaxMs });
  for (;;) {
    try {
      signal.throwIfAborted();
      return await attempt();
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
      if (backoff.failures === 0) onFailure(error);
      const now = performance.now();
      backoff.fail(now);
      await sleep(backoff.retryAtMs - now, undefined, { signal, ref: false });
    }
  }
}
