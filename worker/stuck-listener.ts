import { stuckListenerMs, stuckTogetherMs } from "./limits.ts";

/**
 * Notices a listener whose socket asks for nothing: no sooner than `stuckListenerMs` after the last buffer was handed
 * over, no later than twice that. Counts the ticks of one timer, not the time of day, which may jump by an hour. Listeners
 * who came at nearly the same time tick together, so that the process is woken once for all of them.
 *
 * What can be done about it is to end the stream and let go of the seat. The runtime has no way to close a socket that it
 * is writing to: the last buffer stays with it until the client reads on and sees the end, or until TCP gives up.
 */
export class StuckWatch {
  #timer: ReturnType<typeof setInterval>;
  #isUntaken = false;
  #isFresh = false;

  /** Runs in the listener's request, and ends with it. `onStuck` is called once, unless `stop` was. */
  constructor(onStuck: () => void) {
    const look = (): void => {
      if (this.#isUntaken && !this.#isFresh) {
        this.stop();
        onStuck();
      }
      this.#isFresh = false;
    };
    this.#timer = setTimeout(
      () => {
        this.#timer = setInterval(look, stuckListenerMs);
        look();
      },
      stuckListenerMs - (Date.now() % stuckTogetherMs),
    );
  }

  /** The socket asks: from now on it waits, however long it takes. */
  asked(): void {
    this.#isUntaken = false;
  }

  /** A buffer was handed over. */
  given(): void {
    this.#isUntaken = true;
    this.#isFresh = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
