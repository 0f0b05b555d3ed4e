import { addressGroup } from "../shared/address-group.ts";
import { throttleAddresses, throttleForgetMs, throttleMaxMs, throttleQueueMs } from "./login-limits.ts";

interface Refusals {
  readonly count: number;
  readonly atMs: number;
  /** When the last answer to a wrong password goes out. */
  readonly freeMs: number;
}

/**
 * How long a refusal is held back, by address (`addressGroup`). Clients that are refused come back at once and for ever
 * (darkice after 7 ms, butt after 50 to 200 ms); who shows the right password never comes here and never waits, from
 * the same address either: nobody can lock a station's own source out.
 */
export class LoginThrottle {
  /** In order of the last refusal, oldest first. */
  readonly #refusals = new Map<string, Refusals>();

  /** Notes a refusal for another reason and says after how many ms to send it: 0 the first time, then 20, 40, 80 and so on. */
  refused(address: string, nowMs: number): number {
    const { known, delayMs, group } = this.#look(address, nowMs);
    this.#note(group, { ...known, count: known.count + 1, atMs: nowMs });
    return delayMs;
  }

  /**
   * Notes a wrong password and says after how many ms to send the refusal. Answers to one address go out one after the
   * other, so that many connections at once get no more of them than one. Null when too many wait: it gets none.
   */
  wrongPassword(address: string, nowMs: number): number | null {
    const { known, delayMs, group } = this.#look(address, nowMs);
    const answerMs = Math.max(nowMs, known.freeMs) + delayMs;
    const waits = answerMs - nowMs <= throttleQueueMs;
    const freeMs = waits ? answerMs : known.freeMs;
    this.#note(group, { count: known.count + 1, atMs: nowMs, freeMs });
    return waits ? answerMs - nowMs : null;
  }

  #look(address: string, nowMs: number) {
    const group = addressGroup(address);
    const found = this.#refusals.get(group);
    const recent = found !== undefined && nowMs - found.atMs < throttleForgetMs;
    const known: Refusals = recent ? found : { count: 0, atMs: nowMs, freeMs: nowMs };
    const delayMs = known.count === 0 ? 0 : Math.min(throttleMaxMs, 10 * 2 ** Math.min(known.count, 10));
    return { group, known, delayMs };
  }

  #note(group: string, refusals: Refusals): void {
    this.#refusals.delete(group);
    this.#refusals.set(group, refusals);
    const oldest = this.#refusals.keys().next();
    if (this.#refusals.size > throttleAddresses && !oldest.done) this.#refusals.delete(oldest.value);
  }
}
