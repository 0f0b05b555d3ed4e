import { Bell, type Sleeper } from "../sleepers.ts";

/**
 * Rung for its own news, and whenever another bell is: the live mount's. That also wakes those whose watch (`sleepers.ts`) has ended
 * with the requests that kept it.
 */
export class RewindBell extends Bell {
  readonly #other: Bell;

  constructor(other: Bell) {
    super();
    this.#other = other;
  }

  override add(sleeper: Sleeper): void {
    super.add(sleeper);
    this.#other.add(sleeper);
  }

  override remove(sleeper: Sleeper): void {
    super.remove(sleeper);
    this.#other.remove(sleeper);
  }
}
