import { accountGroups, accountTries, addressTries, knownTries } from "./limits.ts";
import { LoginThrottle } from "./login-throttle.ts";

/** A login that is tried. */
export interface LoginTry {
  /** Of every kind of user: "user admin", "listener /live.mp3 anna". */
  readonly account: string;
  /** As `clientAddress` has it; null where nobody can say. */
  readonly address: string | null;
  /** Whether the account has logged in from that address before. */
  readonly known: boolean;
}

/**
 * Slows guessing by address and by account. From an address that the account has logged in from before neither counts, but
 * only what is tried for this account from there: nobody elsewhere can keep its owner out.
 */
export class AccountThrottle {
  readonly #addresses = new LoginThrottle(addressTries);
  readonly #accounts = new LoginThrottle(accountTries);
  readonly #known = new LoginThrottle(knownTries);

  /** Counts a try that may be looked at, and returns 0; else how long to wait, ms, and it is not counted. */
  enter(tried: LoginTry, nowMs: number): number {
    const keys = this.#keysOf(tried);
    const waitMs = Math.max(...keys.map(([throttle, key]) => throttle.waitMs(key, nowMs)));
    if (waitMs > 0) return waitMs;
    for (const [throttle, key] of keys) throttle.count(key, nowMs);
    return 0;
  }

  /** A try that entered was right. */
  right(tried: LoginTry, nowMs: number): void {
    for (const [throttle, key] of this.#keysOf(tried)) throttle.right(key, nowMs);
  }

  #keysOf({ account, address, known }: LoginTry): (readonly [LoginThrottle, string])[] {
    if (address !== null && known) return [[this.#known, `${accountGroup(account)} ${address}`]];
    const accounts = [this.#accounts, accountGroup(account)] as const;
    return address === null ? [accounts] : [[this.#addresses, address], accounts];
  }
}

/** FNV-1a: it need only spread. */
export function accountGroup(account: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < account.length; at++)
    hash = Math.imul(hash ^ account.charCodeAt(at), 0x01000193) >>> 0;
  return String(hash % accountGroups);
}
