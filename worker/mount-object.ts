import { DurableObject } from "cloudflare:workers";
import type { Announcement, Claim, Hold, Renewal } from "../shared/edge-api.ts";
import { formatChange } from "../shared/format-warnings.ts";
import {
  currentTitle,
  emptyMount,
  listenerCount,
  type MountEvent,
  type MountPhase,
  type MountReply,
  type MountState,
  type MountView,
  patienceMs,
  phaseEndsAt,
  phaseOf,
  reduceMount,
  seatListeners,
} from "../shared/mount-state.ts";
import type { MountStatus } from "../shared/mount-status.ts";
import type { Granted, SeatReport, SeatRequest } from "../shared/seats.ts";
import { comparePosition, durationMs, type Position } from "../shared/segment.ts";
import { type MountPath, millis } from "../shared/units.ts";
import { BeatingClock } from "./beating-clock.ts";
import { directoryName } from "./directory.ts";
import type { Env } from "./env.ts";
import {
  directoryCallTimeoutMs,
  longestLeaseMs,
  mountCallHoldMs,
  mountSeatsRecallMs,
  publishEveryMs,
  republishMs,
} from "./limits.ts";
import { SeatMemory } from "./seat-memory.ts";
import { mountLimits } from "./station.ts";
import type { ClockReading } from "./steady-clock.ts";

/** What a runtime says of itself with every question. */
export interface MountQuestion {
  readonly mount: MountPath;
  /** The asking isolate's listeners. */
  readonly seats: SeatReport;
  /** The newest segment it has; null for the whole window. */
  readonly after: Position | null;
  /** The phase as it knows it. */
  readonly phase: MountPhase;
  /** Hold the question up to this long until there is something newer or another phase; 0 answers at once. */
  readonly waitMs: number;
}

/** One mount: the shell around the pure state of `shared/mount-state.ts`. It stores, wakes and publishes. */
export class MountObject extends DurableObject<Env> {
  /** Beats while somebody asks: a lease must not end because the machine's clock was set. */
  readonly #clock: BeatingClock;
  #state: MountState;
  readonly #memory: SeatMemory;
  /** Those whose questions are held. */
  readonly #waiting = new Set<() => void>();
  #publishedMs = 0;
  /** What the directory is known to know. */
  #published: string | null = null;
  #publishing = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#memory = new SeatMemory(ctx.storage, mountSeatsRecallMs);
    const { clock, ...stored }: StoredMount = ctx.storage.kv.get<StoredMount>(stateKey) ?? emptyMount;
    // The times in the state are this clock's: one that began anew would be off by as much as the machine's was ever set.
    this.#clock = new BeatingClock((work) => ctx.waitUntil(work), clock);
    // Of a state in another format the epoch is kept: it never falls.
    this.#state = stored.format === 2 ? { ...stored, listeners: {} } : { ...emptyMount, epoch: stored.epoch };
  }

  async claim(claim: Claim): Promise<MountReply> {
    const { mount, ...rest } = claim;
    const reply = this.#apply(mount, { kind: "claim", ...rest });
    // Before the source is told: from then on listeners may come, and only mounts that are known have an object.
    if (reply.kind === "claimed") await this.env.DIRECTORY.getByName(directoryName).remember(mount);
    return reply;
  }

  announce({ mount, segment }: Announcement): MountReply {
    return this.#apply(mount, { kind: "announce", segment });
  }

  renew({ mount, ...renewal }: Renewal): MountReply {
    return this.#apply(mount, { kind: "renew", ...renewal });
  }

  release({ mount, epoch }: Hold): MountReply {
    return this.#apply(mount, { kind: "release", epoch });
  }

  /** As many of the seats asked for as are free. */
  async requestSeats(mount: MountPath, request: SeatRequest): Promise<Granted> {
    await this.#memory.recalled();
    const { state, granted } = seatListeners(this.#state, request, millis(this.#clock.now()), mountLimits);
    this.#state = state;
    this.#memory.keep(listenerCount(state, millis(this.#clock.now()), mountLimits) > 0);
    this.#publish(mount);
    return granted;
  }

  /** A runtime's listeners, told outside of a question: some have left. */
  reportSeats(mount: MountPath, report: SeatReport): void {
    this.#apply(mount, { kind: "report", ...report });
    if (listenerCount(this.#state, millis(this.#clock.now()), mountLimits) === 0) this.#memory.keep(false);
  }

  /** The mount as the asker should see it, as soon as there is something it does not have, or `waitMs` later. */
  async view(question: MountQuestion): Promise<MountView> {
    const { mount, seats, after } = question;
    this.#clock.beat();
    // Of a runtime without listeners nothing need be known, unless it had some.
    if (seats.held > 0 || this.#state.listeners[seats.runtime]) {
      this.#apply(mount, { kind: "report", ...seats });
    }
    const deadline = this.#clock.now() + Math.min(question.waitMs, mountCallHoldMs);
    while (this.#phase() === question.phase && !this.#hasNewer(after)) {
      // The end of a lease or of the grace wakes nobody by itself.
      const now = this.#clock.now();
      const leftMs = Math.min(deadline, phaseEndsAt(this.#state, millis(now)) ?? deadline) - now;
      if (leftMs <= 0) break;
      const woken = Promise.withResolvers<void>();
      this.#waiting.add(woken.resolve);
      await Promise.race([woken.promise, scheduler.wait(leftMs)]);
      this.#waiting.delete(woken.resolve);
    }
    return this.#view(question);
  }

  #phase(): MountPhase {
    return phaseOf(this.#state, millis(this.#clock.now()));
  }

  /** What a mount that is off has left is not for listeners. */
  #hasNewer(after: Position | null): boolean {
    const newest = this.#state.window.at(-1);
    if (this.#phase() === "off") return false;
    return newest !== undefined && (after === null || comparePosition(newest, after) > 0);
  }

  #view({ mount, after }: MountQuestion): MountView {
    const now = millis(this.#clock.now());
    const state = this.#state;
    const first = after ? state.window.findIndex((segment) => comparePosition(segment, after) > 0) : 0;
    const from = first < 0 ? state.window.length : first;
    return {
      mount,
      phase: phaseOf(state, now),
      epoch: state.epoch,
      source: state.holder?.source ?? null,
      segments: state.window.slice(from),
      continues: from > 0,
      oldest: state.window[0] ? positionOf(state.window[0]) : null,
      titleBefore: currentTitle({ window: state.window.slice(0, from), titleBefore: state.titleBefore }),
      edgeAgeMs: now - state.edgeMs,
      silentMs: now - Math.max(state.edgeMs, state.holder?.sinceMs ?? 0),
      patienceMs: state.holder ? patienceMs(state.holder.policy) : 0,
    };
  }

  #apply(mount: MountPath, event: MountEvent): MountReply {
    const before = this.#state;
    const { state, reply } = reduceMount(before, event, millis(this.#clock.now()), mountLimits);
    this.#state = state;
    if (reply.kind === "fenced" || reply.kind === "in-use") return reply;
    // Renewals and reports are only worth as much as they are fresh: storage is spared them.
    if (event.kind !== "renew" && event.kind !== "report") {
      const { reading: clock } = this.#clock;
      this.ctx.storage.kv.put(stateKey, { ...state, listeners: {}, clock } satisfies StoredMount);
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
    this.#publish(mount);
    return reply;
  }

  /** Tells the directory, when it does not know already: at once, then at most every `publishEveryMs`. */
  #publish(mount: MountPath): void {
    const now = this.#clock.now();
    const status = this.#status(mount);
    const text = JSON.stringify(status);
    if (this.#publishing || (text === this.#published && now - this.#publishedMs < republishMs)) return;
    this.#publishing = true;
    const waitMs = Math.max(0, this.#publishedMs + publishEveryMs - now);
    this.ctx.waitUntil(this.#publishLater(mount, waitMs));
  }

  async #publishLater(mount: MountPath, waitMs: number): Promise<void> {
    if (waitMs > 0) await scheduler.wait(waitMs);
    const status = this.#status(mount);
    this.#publishedMs = this.#clock.now();
    const told = this.env.DIRECTORY.getByName(directoryName)
      .update(mount, status, longestLeaseMs + republishMs)
      .then(
        () => null,
        (error: unknown) => String(error),
      );
    const failure = await Promise.race([
      told,
      scheduler.wait(directoryCallTimeoutMs).then(() => "no answer"),
    ]);
    this.#publishing = false;
    if (failure !== null) {
      // The directory is a convenience: the mount stays on air without it, and its source's next word tries again.
      this.#published = null;
      console.warn("directory update failed", failure);
      return;
    }
    this.#published = JSON.stringify(status);
    // What changed meanwhile is told as well.
    this.#publish(mount);
  }

  /** Null when no source has the mount. */
  #status(mount: MountPath): MountStatus | null {
    const now = millis(this.#clock.now());
    const state = this.#state;
    const { holder } = state;
    if (!holder || phaseOf(state, now) !== "live") return null;
    const newest = state.window.at(-1);
    const title = currentTitle(state);
    const changed = formatChange(state.window);
    return {
      mount,
      source: holder.source,
      streamStartMs: millis(this.#clock.wallOf(holder.sinceMs)),
      listeners: listenerCount(state, now, mountLimits),
      listenerPeak: state.listenerPeak,
      onAir: true,
      ...(title && { title: title.text }),
      ...(holder.garbageBytes !== undefined && { garbageBytes: holder.garbageBytes }),
      ...(changed !== undefined && { formatChange: changed }),
      ...(newest && {
        sampleRate: newest.sampleRate,
        ...(newest.channels !== undefined && { channels: newest.channels }),
        bitrateKbps: Math.round((newest.bytes * 8) / durationMs(newest)),
      }),
    };
  }
}

const positionOf = ({ epoch, sequence }: Position): Position => ({ epoch, sequence });

const stateKey = "mount";

interface StoredMount extends MountState {
  /** When it was stored; absent from what an earlier release stored. */
  readonly clock?: ClockReading;
}
