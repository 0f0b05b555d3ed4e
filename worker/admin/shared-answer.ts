import { mountCallTimeoutMs } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";

/**
 * An answer that this isolate works out once for all who ask within its age. The work belongs to the request that found
 * none standing; the others wait for it only in a race with a timer, for it may end with that request.
 */
export class SharedAnswer<Answer> {
  readonly #maxAgeMs: number;
  readonly #ask: (host: Host) => Promise<Answer>;
  #known: { readonly answer: Answer; readonly atMs: number } | undefined;
  #question: { readonly done: Promise<unknown>; readonly sinceMs: number } | undefined;

  constructor(maxAgeMs: number, ask: (host: Host) => Promise<Answer>) {
    this.#maxAgeMs = maxAgeMs;
    this.#ask = ask;
  }

  /** Rejects as the work does. */
  async get(host: Host): Promise<Answer> {
    const standing = this.#fresh ? undefined : this.#question;
    if (standing)
      await settledWithin(standing.done, Math.max(0, mountCallTimeoutMs - msSince(standing.sinceMs)));
    if (this.#known && this.#fresh) return this.#known.answer;
    const sinceMs = Date.now();
    // Kept and cleared by the work itself: this request may end before it comes back here.
    const done = this.#ask(host)
      .then((answer) => {
        this.#known = { answer, atMs: Date.now() };
        return answer;
      })
      .finally(() => {
        if (this.#question?.done === done) this.#question = undefined;
      });
    this.#question = { done, sinceMs };
    host.keepAlive(done.catch(() => undefined));
    return done;
  }

  get #fresh(): boolean {
    return this.#known !== undefined && msSince(this.#known.atMs) < this.#maxAgeMs;
  }
}
