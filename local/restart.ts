import { recoveredAfterMs, restartDelayMs } from "./limits.ts";

/** How often in a row a process has ended soon after its start. */
export interface RestartState {
  readonly failures: number;
}

export const neverFailed: RestartState = { failures: 0 };

/** What to do about a process that ended after `uptimeMs`: start it again after `delayMs`, at once when it had run well. */
export function afterExit(state: RestartState, uptimeMs: number): { state: RestartState; delayMs: number } {
  if (uptimeMs >= recoveredAfterMs) return { state: neverFailed, delayMs: 0 };
  const failures = state.failures + 1;
  const delayMs = Math.min(restartDelayMs.first * 2 ** (failures - 1), restartDelayMs.last);
  return { state: { failures }, delayMs };
}
