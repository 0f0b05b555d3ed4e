import type { Hold, HoldReply, Renewal } from "../shared/edge-api.ts";
import type { SourceOrder } from "../shared/orders.ts";
import type { HoldResult } from "./edge-client.ts";
import { renewMs } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";

/** How a mount is kept and given up. Both reject when the edge gave no usable answer. */
export interface MountHolder {
  renew(renewal: Renewal): Promise<HoldResult>;
  /** Safe to repeat; a mount that has a newer epoch answers "fenced". */
  release(hold: Hold): Promise<HoldResult>;
}

export interface MountHoldOptions {
  readonly hold: Hold;
  readonly holder: MountHolder;
  /** The longest time between two words to the edge, ms. */
  readonly everyMs: number;
  /** What the source has sent so far that is no audio. */
  readonly garbageBytes: () => number;
  /** Somebody has ordered a title. */
  readonly onTitle: (title: SourceOrder["title"]) => void;
  /** A newer epoch has the mount. */
  readonly onFenced: (reason: string) => void;
  readonly log: Log;
}

/** What a source on air and its mount's object tell each other beside segments: that it is there, who listens, what is ordered. */
export class MountHold {
  readonly #options: MountHoldOptions;
  readonly #timer: NodeJS.Timeout;
  /** Last word that the edge has heard. */
  #heardMs = performance.now();
  /** Of what is no audio, what the edge has heard of, and when it was told last. */
  readonly #garbage = { toldBytes: 0, toldMs: Number.NEGATIVE_INFINITY };
  #listeners = 0;
  #ordersDone: number | undefined;
  #stopped = false;

  constructor(options: MountHoldOptions) {
    this.#options = options;
    const { everyMs } = options;
    // A quarter more, so that segments announced in time are signs enough.
    this.#timer = setInterval(() => void this.#renew(1.25 * everyMs), everyMs / 4).unref();
  }

  /** Listeners of the mount when the edge last said how many; 0 until it has. */
  get listeners(): number {
    return this.#listeners;
  }

  /** The newest of the mount's orders that was carried out. */
  get ordersDone(): number | undefined {
    return this.#ordersDone;
  }

  /** The edge has heard of the source, with a segment. */
  heard(reply: HoldReply): void {
    this.#heardMs = performance.now();
    this.#take(reply);
  }

  /** Nothing is told or carried out any more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopped = true;
  }

  /** Gives the mount up. Never rejects. */
  async release(): Promise<void> {
    const { holder, hold, log } = this.#options;
    try {
      await holder.release(hold);
    } catch (error) {
      // The mount's lease runs out by itself.
      log.warn({ reason: reasonOf(error) }, "the mount could not be told that its source has gone");
    }
  }

  async #renew(silentMs: number): Promise<void> {
    const { holder, hold, log, onFenced } = this.#options;
    const now = performance.now();
    const garbageBytes = this.#options.garbageBytes();
    const hasMore = garbageBytes > this.#garbage.toldBytes && now - this.#garbage.toldMs >= renewMs;
    if (now - this.#heardMs < silentMs && !hasMore) return;
    this.#heardMs = now;
    this.#garbage.toldMs = now;
    try {
      const ordersDone = this.#ordersDone;
      const result = await holder.renew({
        ...hold,
        garbageBytes,
        ...(ordersDone !== undefined && { ordersDone }),
      });
      if (result.kind === "fenced") onFenced(result.reason);
      if (result.kind !== "ok") return;
      this.#garbage.toldBytes = garbageBytes;
      this.#take(result.reply);
    } catch (error) {
      log.debug({ reason: reasonOf(error) }, "the mount could not be told that its source is there");
    }
  }

  /** Orders come until they are known to be done, so most of them more than once. */
  #take({ orders, listeners }: HoldReply): void {
    if (this.#stopped) return;
    this.#listeners = listeners ?? this.#listeners;
    for (const { sequence, title } of orders.toSorted((a, b) => a.sequence - b.sequence)) {
      if (sequence <= (this.#ordersDone ?? -1)) continue;
      this.#ordersDone = sequence;
      this.#options.onTitle(title);
    }
  }
}
