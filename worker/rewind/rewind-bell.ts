import { Bell, type Sleeper } from "../sleepers.ts";

/** Rung for its own news, and by another bell too for those who lie down while it is linked. */
export class RewindBell extends Bell {
  readonly #other: Bell;
  isLinked = false;

  constructor(other: Bell) {
    super();
    this.#other = other;
  }

  override add(sleeper: Sleeper): void {
    super.add(sleeper);
    if (this.isLinked) this.#other.add(sleeper);
  }

  override remove(sleeper: Sleeper): void {
    super.remove(sleeper);
    this.#other.remove(sleeper);
  }
}
