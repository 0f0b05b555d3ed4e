import { setTimeout as sleep } from "node:timers/promises";
import { retryFirstMs, retryMaxMs } from "./limits.ts";

interface Persistence {
  /** Ends the waiting; the promise then rejects. */
  readonly signal: AbortSignal;
  /** Errors that no other try would change. */
  readonly isFinal: (error: unknown) => boolean;
  /** Told of the first failure only: of the others there may be thousands. */
  readonly onFailure: (error: unknown) => void;
}

/** Tries until it succeeds, waiting longer each time up to `retryMaxMs`, half of it random. */
export async function persist<T>(
  attempt: () => Promise<T>,
  { signal, isFinal, onFailure }: Persistence,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      signal.throwIfAborted();
      return await attempt();
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
      if (failures === 0) onFailure(error);
      const wait = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(failures, 20));
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal, ref: false });
    }
  }
}
