import { createHmac, randomBytes } from "node:crypto";
import { addressGroup } from "../../shared/address-group.ts";
import { hashesOfAddress, hashesWaiting, passwordsKept, passwordsKeptMs } from "../login-limits.ts";

/** Whether a password is that of a hash. Costs some 30 ms of a processor, beside the event loop. */
export type VerifyPassword = (password: string, hash: string) => Promise<boolean>;

interface Known {
  readonly isRight: boolean;
  readonly untilMs: number;
}

/**
 * Passwords against hashes, one at a time, so that guessing takes one processor and one thread of the pool that files and
 * names need as well. What was found is remembered for a while, under a key that is of no use outside this process:
 * encoders that come back every second cost nothing.
 */
export class PasswordCheck {
  readonly #verify: VerifyPassword;
  readonly #key = randomBytes(32);
  /** In order of the time when it was found. */
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #ofAddress = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(verify: VerifyPassword) {
    this.#verify = verify;
  }

  /** "busy": too many are being looked at, of all or of this address; it is not known. Never rejects. */
  async matches(password: string, hash: string, address: string): Promise<boolean | "busy"> {
    const key = createHmac("sha256", this.#key).update(`${hash}\0${password}`).digest("base64");
    const known = this.#known.get(key);
    if (known && known.untilMs > performance.now()) return known.isRight;
    const running = this.#running.get(key);
    if (running) return running;
    const group = addressGroup(address);
    const held = this.#ofAddress.get(group) ?? 0;
    if (this.#running.size >= hashesWaiting || held >= hashesOfAddress) return "busy";
    this.#ofAddress.set(group, held + 1);
    const found = this.#inTurn(password, hash);
    this.#running.set(key, found);
    const isRight = await found;
    this.#running.delete(key);
    const left = (this.#ofAddress.get(group) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(group, left);
    else this.#ofAddress.delete(group);
    this.#remember(key, isRight);
    return isRight;
  }

  #inTurn(password: string, hash: string): Promise<boolean> {
    const found = this.#last.then(() => this.#verify(password, hash)).catch(() => false);
    this.#last = found;
    return found;
  }

  #remember(key: string, isRight: boolean): void {
    this.#known.delete(key);
    this.#known.set(key, { isRight, untilMs: performance.now() + passwordsKeptMs });
    const oldest = this.#known.keys().next();
    if (this.#known.size > passwordsKept && !oldest.done) this.#known.delete(oldest.value);
  }
}
