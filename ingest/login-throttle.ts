import { throttleAddresses, throttleForgetMs, throttleMaxMs } from "./limits.ts";

/**
 * How long a refusal is held back, by address. Clients that are refused come back at once and for ever (darkice after
 * 7 ms, butt after 50 to 200 ms); who shows the right password never waits.
 */
export class LoginThrottle {
  /** In order of the last refusal, oldest first. */
  readonly #refusals = new Map<string, { readonly count: number; readonly atMs: number }>();

  /** Notes a refusal and says after how many ms to send it: 0 the first time, then 20, 40, 80 and so on. */
  refused(address: string, nowMs: number): number {
    const known = this.#refusals.get(address);
    const recent = known !== undefined && nowMs - known.atMs < throttleForgetMs ? known.count : 0;
    this.#refusals.delete(address);
    this.#refusals.set(address, { count: recent + 1, atMs: nowMs });
    const oldest = this.#refusals.keys().next();
    if (this.#refusals.size > throttleAddresses && !oldest.done) this.#refusals.delete(oldest.value);
    return recent === 0 ? 0 : Math.min(throttleMaxMs, 10 * 2 ** Math.min(recent, 10));
  }
}
