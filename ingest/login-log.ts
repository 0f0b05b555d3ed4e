import { addressGroup } from "../shared/address-group.ts";
import { loginLogLines, loginLogMs, throttleAddresses, throttleForgetMs } from "./login-limits.ts";
import type { Log } from "./log.ts";

/**
 * Log lines about logins that open nothing. Whoever sends them decides how many there are, so the first of an address for a
 * mount is told, the others are counted: one line for them every `loginLogMs`.
 */
export class LoginLog {
  readonly #log: Pick<Log, "warn">;
  /** When an address last tried a mount, oldest first. */
  readonly #triedMs = new Map<string, number>();
  readonly #countedAddresses = new Set<string>();
  #told = 0;
  #counted = 0;
  /** Until the next line with a count. */
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Pick<Log, "warn">) {
    this.#log = log;
  }

  /** `mount` is absent when none was named. `tell` logs this one. */
  refused(address: string, mount: string | undefined, tell: () => void): void {
    const group = addressGroup(address);
    const isKnown = this.#note(`${group} ${mount ?? ""}`, performance.now());
    if (!this.#timer) this.#timer = setTimeout(() => this.#tellCount(), loginLogMs).unref();
    if (!isKnown && this.#told < loginLogLines) {
      this.#told++;
      return tell();
    }
    this.#counted++;
    this.#countedAddresses.add(group);
  }

  /** Whether it was there lately. */
  #note(key: string, nowMs: number): boolean {
    const beforeMs = this.#triedMs.get(key);
    this.#triedMs.delete(key);
    this.#triedMs.set(key, nowMs);
    const oldest = this.#triedMs.keys().next();
    if (this.#triedMs.size > throttleAddresses && !oldest.done) this.#triedMs.delete(oldest.value);
    return beforeMs !== undefined && nowMs - beforeMs < throttleForgetMs;
  }

  #tellCount(): void {
    this.#timer = undefined;
    this.#told = 0;
    if (this.#counted === 0) return;
    const fields = { refused: this.#counted, addresses: this.#countedAddresses.size };
    this.#counted = 0;
    this.#countedAddresses.clear();
    this.#log.warn(fields, "more logins refused");
  }
}
