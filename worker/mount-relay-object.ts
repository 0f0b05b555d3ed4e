import { DurableObject } from "cloudflare:workers";
import type { MountView } from "../shared/mount-state.ts";
import { newestOrder } from "../shared/order-book.ts";
import { hasNews, learn, type MountFacts, viewOf } from "../shared/mount-view.ts";
import type { SeatReport } from "../shared/seats.ts";
import { type MountPath, millis } from "../shared/units.ts";
import { BeatingClock } from "./beating-clock.ts";
import type { Env } from "./env.ts";
import { relayHoldMs, relayIdleMs, relayRetryMs, relaySlackMs } from "./limits.ts";
import type { MountQuestion } from "./mount-object.ts";
import { Waiters } from "./waiters.ts";

/**
 * Asks a mount for hundreds of isolates: one question stands at the mount as long as any of theirs stands here, and what
 * it brings answers theirs. Nothing is stored.
 *
 * What isolates say of their listeners goes along with the next question, each word as it is: they are numbered and tell
 * whole numbers, so the mount counts the same whichever way they come, and how often.
 */
export class RelayObject extends DurableObject<Env> {
  /** Ages are told with it: they must not grow or shrink because the machine's clock was set. */
  readonly #clock = new BeatingClock((work) => this.ctx.waitUntil(work));
  #facts: MountFacts | null = null;
  /** When the mount spoke last, or was asked for the first time. */
  #heardMs = 0;
  /** When somebody last asked. */
  #wantedMs = 0;
  #isAsking = false;
  /** The newest word of each isolate that the mount has not confirmed. */
  readonly #reports = new Map<string, SeatReport>();
  readonly #waiting = new Waiters();

  /** As `MountObject.view`, but holds no longer than `relayHoldMs`. Rejects when the mount has not spoken for longer. */
  async view(question: MountQuestion): Promise<MountView> {
    const { mount, seats } = question;
    this.#clock.beat();
    this.#wantedMs = this.#clock.now();
    const known = this.#reports.get(seats.runtime);
    if (!known || known.order < seats.order) this.#reports.set(seats.runtime, seats);
    if (!this.#isAsking) this.ctx.waitUntil(this.#askOn(mount));
    const deadline = this.#wantedMs + Math.min(question.waitMs, relayHoldMs);
    for (;;) {
      const now = this.#clock.now();
      const trustedMs = this.#heardMs + relayHoldMs + relaySlackMs - now;
      if (trustedMs <= 0) throw new Error("the mount does not answer its relay");
      const leftMs = deadline - now;
      const facts = this.#facts;
      if (facts && (leftMs <= 0 || hasNews(facts, question))) {
        return viewOf(mount, facts, question, millis(now));
      }
      await this.#waiting.wait(facts ? Math.min(leftMs, trustedMs) : trustedMs);
    }
  }

  /** Until nobody wants to know any more. What was known before is of no use: nobody kept it up to date. */
  async #askOn(mount: MountPath): Promise<void> {
    this.#isAsking = true;
    this.#facts = null;
    this.#heardMs = this.#clock.now();
    while (this.#clock.now() - this.#wantedMs < relayIdleMs) await this.#ask(mount);
    this.#isAsking = false;
  }

  async #ask(mount: MountPath): Promise<void> {
    const facts = this.#facts;
    const newest = facts?.window.at(-1);
    const reports = [...this.#reports.values()];
    const answer = this.env.MOUNT.getByName(mount).viewThroughRelay({
      mount,
      reports,
      after: newest ? { epoch: newest.epoch, sequence: newest.sequence } : null,
      phase: facts?.phase ?? "off",
      orders: newestOrder(facts?.orders ?? []),
      waitMs: facts ? relayHoldMs : 0,
    });
    try {
      const view = await Promise.race([answer, scheduler.wait(relayHoldMs + relaySlackMs)]);
      if (!view) throw new Error("no answer");
      this.#heardMs = this.#clock.now();
      this.#facts = learn(facts, view, millis(this.#heardMs));
    } catch (error) {
      console.warn("mount call of a relay failed", mount, String(error));
      await scheduler.wait(relayRetryMs);
      return;
    }
    for (const report of reports) {
      if (this.#reports.get(report.runtime) === report) this.#reports.delete(report.runtime);
    }
    this.#waiting.wake();
  }
}
