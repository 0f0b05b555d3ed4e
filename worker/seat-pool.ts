import type { SeatHolder } from "../shared/seat-holder.ts";
import type { Granted, SeatReport, SeatRequest } from "../shared/seats.ts";
import { isolateAsked } from "./isolate-counts.ts";
import { seatBatchMs, seatCallTimeoutMs, seatClaimMs, seatWaitMs } from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";

/** Where seats are given: a mount's object, or the directory. */
export interface SeatObject {
  /** How many of the seats asked for are granted. A rejection says nothing: there may have been a grant. */
  requestSeats(request: SeatRequest): Promise<Granted>;
  /** May be lost; another follows. */
  reportSeats(report: SeatReport): Promise<void>;
}

/** full: there is no seat. unknown: nobody can say now. */
export type SeatOutcome = "seat" | "full" | "unknown";

/** One listener that waits. */
interface Ticket {
  outcome: SeatOutcome | null;
  keptMs: number;
}

/**
 * The seats that this isolate holds of one object's. Whoever comes while a call is under way goes along in the next,
 * together with all others, and calls keep a distance: thousands of joins are a handful of calls.
 *
 * A call belongs to the request of a listener and may end with it. The others wait for it only in a race with a timer,
 * and call themselves when it is overdue.
 */
export class SeatPool {
  readonly #holder: SeatHolder;
  readonly #objectOf: (host: Host) => SeatObject;
  readonly #waiting = new Set<Ticket>();
  /** Granted to listeners that have not come for them yet, which may be because they are gone. */
  readonly #kept = new Set<Ticket>();
  /** As the last listener found it in the settings. */
  #max: number | undefined;
  #call: { readonly done: Promise<void>; readonly sinceMs: number } | null = null;
  #calledMs = 0;
  #tellingSinceMs: number | null = null;
  #toldMs = 0;

  constructor(holder: SeatHolder, objectOf: (host: Host) => SeatObject) {
    this.#holder = holder;
    this.#objectOf = objectOf;
  }

  /** Listeners that have a seat. */
  get seated(): number {
    return this.#holder.held - this.#kept.size;
  }

  /** Nobody sits here or wants to. */
  get isIdle(): boolean {
    return this.#holder.held === 0 && this.#waiting.size === 0;
  }

  /** Whether there was one when the last listener came. */
  get hasLimit(): boolean {
    return this.#max !== undefined;
  }

  /** A seat, to be given back with `leave`. `max` undefined: as many as there are listeners, at once. */
  async take(host: Host, max: number | undefined): Promise<SeatOutcome> {
    this.#max = max;
    if (max === undefined) {
      this.#holder.add();
      return "seat";
    }
    const ticket: Ticket = { outcome: null, keptMs: 0 };
    const sinceMs = Date.now();
    while (msSince(sinceMs) < seatWaitMs) {
      this.#waiting.add(ticket);
      const leftMs = this.#call ? seatCallTimeoutMs - msSince(this.#call.sinceMs) : 0;
      const call = this.#call;
      if (call && leftMs > 0) {
        await settledWithin(call.done, leftMs);
        // Its request has ended: the first to notice asks, the others wait for that.
        if (this.#call === call) this.#call = null;
      } else await this.#ask(host);
      const { outcome } = ticket;
      if (outcome === "full" || outcome === "unknown") return outcome;
      if (outcome === "seat" && this.#kept.delete(ticket)) return outcome;
      // There was no answer, or the seat was kept for too long.
      ticket.outcome = null;
    }
    this.#waiting.delete(ticket);
    return "unknown";
  }

  /** One more, whatever the limit: a listener who was moved here. */
  add(host: Host): void {
    this.#holder.add();
    if (this.#max !== undefined) this.#tell(host, seatBatchMs);
  }

  /** Without a limit nobody is told. */
  leave(host: Host): void {
    this.#holder.giveBack();
    if (this.#max !== undefined) this.#tell(host, seatBatchMs);
  }

  /** What goes along with another call of the same object. */
  report(): SeatReport {
    this.#reclaim();
    this.#toldMs = Date.now();
    return this.#holder.report();
  }

  /** Tells what is held when nothing was told for `ms`. */
  renew(host: Host, ms: number): void {
    if (msSince(this.#toldMs) >= ms) this.#tell(host, 0);
  }

  async #ask(host: Host): Promise<void> {
    // The first waits for nobody.
    const pauseMs = Math.max(0, seatBatchMs - msSince(this.#calledMs));
    const call = { done: Promise.resolve(), sinceMs: Date.now() };
    // Cleared by the work itself: this request may end before it comes back here.
    call.done = this.#askOnce(host, pauseMs, () => this.#call === call).finally(() => {
      if (this.#call === call) this.#call = null;
    });
    this.#call = call;
    host.keepAlive(call.done);
    await call.done;
  }

  async #askOnce(host: Host, pauseMs: number, isCurrent: () => boolean): Promise<void> {
    await scheduler.wait(pauseMs);
    if (!isCurrent()) return;
    this.#reclaim();
    this.#calledMs = Date.now();
    this.#toldMs = this.#calledMs;
    const tickets = [...this.#waiting];
    const request = this.#holder.request(tickets.length, this.#max ?? tickets.length);
    let granted: Granted;
    isolateAsked.seatCalls++;
    try {
      granted = this.#holder.answer(request.order, await this.#objectOf(host).requestSeats(request));
    } catch (error) {
      console.warn("seat call failed", String(error));
      this.#holder.answer(request.order, null);
      if (isCurrent()) for (const ticket of tickets) this.#settle(ticket, "unknown");
      return;
    }
    if (granted === null) return;
    let left = granted;
    for (const ticket of tickets) {
      if (this.#settle(ticket, left > 0 ? "seat" : "full")) left = Math.max(0, left - 1);
    }
    // Some have lost patience.
    this.#holder.giveBack(left);
  }

  #settle(ticket: Ticket, outcome: SeatOutcome): boolean {
    if (!this.#waiting.delete(ticket)) return false;
    ticket.outcome = outcome;
    ticket.keptMs = Date.now();
    if (outcome === "seat") this.#kept.add(ticket);
    return true;
  }

  /** Seats that nobody came for: the request ended while it waited. */
  #reclaim(): void {
    for (const ticket of this.#kept) {
      if (msSince(ticket.keptMs) < seatClaimMs) continue;
      this.#kept.delete(ticket);
      this.#holder.giveBack();
    }
  }

  #tell(host: Host, pauseMs: number): void {
    if (this.#tellingSinceMs !== null && msSince(this.#tellingSinceMs) < seatCallTimeoutMs) return;
    this.#tellingSinceMs = Date.now();
    host.keepAlive(this.#tellOnce(host, pauseMs));
  }

  async #tellOnce(host: Host, pauseMs: number): Promise<void> {
    await scheduler.wait(pauseMs);
    // Whoever leaves from now on is told of by another.
    this.#tellingSinceMs = null;
    isolateAsked.seatCalls++;
    await this.#objectOf(host)
      .reportSeats(this.report())
      // The next one tells it too, and of a runtime that never speaks again nothing is kept.
      .catch(() => undefined);
  }
}
