import { setTimeout as sleep } from "node:timers/promises";
import { aliveMs } from "./limits.ts";

/** Between two pieces of work: lets messages in, and others have the processor. Rejects when the work is not wanted any more. */
export type Pace = () => Promise<void>;

/** What a `Pace` rejects with. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
}

interface PaceOptions {
  readonly signal: AbortSignal;
  /** Rests for as long as it worked: for threads that have no priority of their own. */
  readonly rests: boolean;
  readonly onAlive: () => void;
}

export function paceOf({ signal, rests, onAlive }: PaceOptions): Pace {
  let sinceMs = performance.now();
  let toldMs = sinceMs;
  return async () => {
    const now = performance.now();
    if (now - toldMs >= aliveMs) {
      toldMs = now;
      onAlive();
    }
    // A timer, not an immediate: those run before a message that has come.
    await sleep(rests ? now - sinceMs : 0);
    if (signal.aborted) throw new CancelledError();
    sinceMs = performance.now();
  };
}
