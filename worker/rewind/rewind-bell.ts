import { Bell, type Sleeper } from "../sleepers.ts";

/** Rung for its own news, and once what was rewound is live for the live mount's. Until then that wakes nobody for nothing. */
export class RewindBell extends Bell {
  #live: Bell | null = null;

  /** Those who wait already are to be woken once by the caller. */
  follow(live: Bell): void {
    this.#live = live;
  }

  override add(sleeper: Sleeper): void {
    super.add(sleeper);
    this.#live?.add(sleeper);
  }

  override remove(sleeper: Sleeper): void {
    super.remove(sleeper);
    this.#live?.remove(sleeper);
  }
}
