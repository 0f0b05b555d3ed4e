import { DurableObject } from "cloudflare:workers";
import type { Announcement, Claim, Hold, HoldReply, Renewal } from "../shared/edge-api.ts";
import { formatChange } from "../shared/format-warnings.ts";
import {
  currentTitle,
  emptyMount,
  listenerCount,
  listeningRuntimes,
  type MountEvent,
  type MountPhase,
  type MountReply,
  type MountState,
  type MountView,
  phaseEndsAt,
  phaseOf,
  reduceMount,
  seatListeners,
} from "../shared/mount-state.ts";
import type { MountStatus } from "../shared/mount-status.ts";
import type { Granted, SeatReport, SeatRequest } from "../shared/seats.ts";
import { factsOf, hasNews, viewOf } from "../shared/mount-view.ts";
import { askingRate, planRelays, type RelayPlan } from "../shared/relay.ts";
import type { SourceOrder } from "../shared/orders.ts";
import { durationMs, type Position } from "../shared/segment.ts";
import { type Millis, type MountPath, millis } from "../shared/units.ts";
import { type ArchiveSubject, ArchiveTeller } from "./archive/archive-teller.ts";
import { BeatingClock } from "./beating-clock.ts";
import { directoryName } from "./directory.ts";
import type { Env } from "./env.ts";
import {
  directoryCallTimeoutMs,
  longestLeaseMs,
  mountCallHoldMs,
  mountSeatsRecallMs,
  relayHoldMs,
  publishEveryMs,
  publishFiguresEveryMs,
  relayLimits,
  relayPlanMs,
  republishMs,
  rosterRetryMs,
  rosterTries,
} from "./limits.ts";
import { isSecret } from "./is-secret.ts";
import { type ListenerWant, MountOrders } from "./mount-orders.ts";
import { SeatMemory } from "./seat-memory.ts";
import { mountLimits } from "./station.ts";
import type { ClockReading } from "./steady-clock.ts";
import { Waiters } from "./waiters.ts";

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
  /** The newest order for listeners that it has, 0 for none; absent from an isolate of an earlier release. */
  readonly orders?: number;
}

/** What the source's ingest host is told when it has the mount. */
export type HoldOutcome =
  | MountReply
  /** `begins`: with this segment its source, or another after it, is heard for the first time. */
  | ({ readonly kind: "held"; readonly begins?: boolean } & HoldReply);

/** What a relay asks: for itself, and with what those who ask it say of themselves. */
export interface RelayQuestion extends Omit<MountQuestion, "seats"> {
  /** One of each runtime at most. */
  readonly reports: readonly SeatReport[];
}

/** One mount: the shell around the pure state of `shared/mount-state.ts`. It stores, wakes and publishes. */
export class MountObject extends DurableObject<Env> {
  /** Beats while somebody asks: a lease must not end because the machine's clock was set. */
  readonly #clock: BeatingClock;
  #state: MountState;
  readonly #memory: SeatMemory;
  /** Those whose questions are held. */
  readonly #waiting = new Waiters();
  readonly #orders: MountOrders;
  readonly #archive: ArchiveTeller;
  #publishedMs = 0;
  /** What the directory is known to know. */
  #published: string | null = null;
  /** The same without figures. */
  #publishedNews: string | null = null;
  #publishing = false;
  #plan: RelayPlan;
  #plannedMs = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#plan = { relays: ctx.storage.kv.get<number>(relaysKey) ?? 0, fewerSinceMs: null };
    // Through a relay words take their isolate's question and then the relay's.
    const detourMs = this.#plan.relays > 0 ? 2 * relayHoldMs : 0;
    this.#orders = new MountOrders(ctx.storage);
    this.#archive = new ArchiveTeller(
      env,
      (work) => ctx.waitUntil(work),
      () => this.#forArchive(),
    );
    this.#memory = new SeatMemory(ctx.storage, mountSeatsRecallMs + detourMs);
    const { clock, ...stored }: StoredMount = ctx.storage.kv.get<StoredMount>(stateKey) ?? emptyMount;
    // The times in the state are this clock's: one that began anew would be off by as much as the machine's was ever set.
    this.#clock = new BeatingClock((work) => ctx.waitUntil(work), clock);
    // Of a state in another format the epoch is kept: it never falls.
    this.#state = stored.format === 2 ? { ...stored, listeners: {} } : { ...emptyMount, epoch: stored.epoch };
  }

  async claim(claim: Claim): Promise<MountReply> {
    const { mount, process = "", ...rest } = claim;
    const isFresh = this.#phase() === "off";
    const reply = this.#apply(mount, { kind: "claim", ...rest });
    if (reply.kind !== "claimed") return reply;
    this.ctx.waitUntil(this.#tellRoster(mount, reply.epoch, isFresh));
    this.#archive.claimed(mount, { epoch: reply.epoch, process, continues: reply.gapMs !== null });
    // Before the source is told: from then on listeners may come, and only mounts that are known have an object.
    await this.env.DIRECTORY.getByName(directoryName).remember(mount);
    return reply;
  }

  announce({ mount, segment, ordersDone }: Announcement): HoldOutcome {
    const begins = this.#state.window.at(-1)?.epoch !== segment.epoch;
    const reply = this.#apply(mount, { kind: "announce", segment });
    if (reply.kind === "ok") this.#archive.announced(mount, segment);
    const outcome = this.#withOrders(reply, ordersDone);
    return outcome.kind === "held" && begins ? { ...outcome, begins } : outcome;
  }

  renew({ mount, ordersDone, ...renewal }: Renewal): HoldOutcome {
    return this.#withOrders(this.#apply(mount, { kind: "renew", ...renewal }), ordersDone);
  }

  release({ mount, epoch }: Hold): MountReply {
    const reply = this.#apply(mount, { kind: "release", epoch });
    if (reply.kind === "ok") this.#archive.released(mount);
    return reply;
  }

  /** Whether it is the login of the source that has the mount now, as its claim named it. */
  async isHeldBy(credential: string): Promise<boolean> {
    const { holder } = this.#state;
    return holder !== null && this.#phase() === "live" && isSecret(credential, holder.credential);
  }

  /** Listeners are told at once, wherever they are. */
  orderListeners(want: ListenerWant): void {
    this.#orders.order(want, millis(this.#clock.now()));
    this.#waiting.wake();
  }

  /** The source is fenced and may come back; its ingest host is told by whom. False when there is none. */
  killSource(mount: MountPath, by: string): boolean {
    const before = this.#state;
    this.#apply(mount, { kind: "expel", by });
    return this.#state !== before;
  }

  /** The source's ingest host is told with its next word; false when there is no source. */
  setSourceTitle(title: SourceOrder["title"]): boolean {
    if (this.#phase() !== "live") return false;
    this.#orders.setTitle(title, this.#state.epoch);
    return true;
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
    this.#apply(mount, { kind: "report", reports: [report] });
    if (listenerCount(this.#state, millis(this.#clock.now()), mountLimits) === 0) this.#memory.keep(false);
  }

  /** The mount as the asker should see it, as soon as there is something it does not have, or `waitMs` later. */
  view({ seats, ...question }: MountQuestion): Promise<MountView> {
    return this.viewThroughRelay({ ...question, reports: [seats] });
  }

  /** The same for a relay. */
  async viewThroughRelay(question: RelayQuestion): Promise<MountView> {
    const { mount } = question;
    this.#clock.beat();
    // Of a runtime without listeners nothing need be known, unless it had some.
    const reports = question.reports.filter(
      ({ held, runtime }) => held > 0 || this.#state.listeners[runtime] !== undefined,
    );
    if (reports.length > 0) this.#apply(mount, { kind: "report", reports });
    const deadline = this.#clock.now() + Math.min(question.waitMs, mountCallHoldMs);
    while (!this.#hasNews(question)) {
      // The end of a lease or of the grace wakes nobody by itself.
      const now = this.#clock.now();
      const leftMs = Math.min(deadline, phaseEndsAt(this.#state, millis(now)) ?? deadline) - now;
      if (leftMs <= 0) break;
      await this.#waiting.wait(leftMs);
    }
    const now = millis(this.#clock.now());
    const relays = this.#plannedRelays(now);
    return viewOf(mount, factsOf(this.#state, now, relays, this.#orders.forListeners(now)), question, now);
  }

  #hasNews(question: RelayQuestion): boolean {
    const orders = this.#orders.forListeners(millis(this.#clock.now()));
    return hasNews({ phase: this.#phase(), window: this.#state.window, orders }, question);
  }

  #withOrders(reply: MountReply, done: number | undefined): HoldOutcome {
    if (reply.kind !== "ok") return reply;
    const listeners = listenerCount(this.#state, millis(this.#clock.now()), mountLimits);
    return { kind: "held", orders: this.#orders.forSource(this.#state.epoch, done), listeners };
  }

  /** Its counts begin with a broadcast, and it counts sources. */
  async #tellRoster(mount: MountPath, epoch: number, isFresh: boolean): Promise<void> {
    for (let tries = 0; tries < rosterTries; tries++) {
      try {
        return await this.env.ROSTER.getByName(mount).begin(mount, epoch, isFresh);
      } catch (error) {
        console.warn("roster call failed", mount, String(error));
        await scheduler.wait(rosterRetryMs);
      }
    }
  }

  #forArchive(): ReturnType<ArchiveSubject> {
    const { holder, listenerPeak } = this.#state;
    const listeners = listenerCount(this.#state, millis(this.#clock.now()), mountLimits);
    if (!holder) return { epoch: null, listeners };
    const { epoch, source, ingest, policy, sinceMs, released } = holder;
    const claimedMs = millis(this.#clock.wallOf(sinceMs));
    const end = released ? "released" : null;
    const facts = {
      epoch,
      source,
      ingest,
      claimedMs,
      graceMs: millis(policy.graceMs),
      end,
      listenerPeak,
    } as const;
    return { epoch: facts, listeners };
  }

  #phase(): MountPhase {
    return phaseOf(this.#state, millis(this.#clock.now()));
  }

  /** Counted once a second, for thousands ask. */
  #plannedRelays(now: Millis): number {
    if (now - this.#plannedMs < relayPlanMs) return this.#plan.relays;
    this.#plannedMs = now;
    const { relays } = this.#plan;
    const segmentMs = this.#state.holder?.policy.segmentMs ?? mountCallHoldMs;
    const runtimes = listeningRuntimes(this.#state, now, mountLimits);
    this.#plan = planRelays(this.#plan, askingRate(runtimes, segmentMs, mountCallHoldMs), now, relayLimits);
    // An object that was started anew knows of no listeners yet, and must not call all of them to itself.
    if (this.#plan.relays !== relays) this.ctx.storage.kv.put(relaysKey, this.#plan.relays);
    return this.#plan.relays;
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
      this.#waiting.wake();
    }
    this.#publish(mount);
    return reply;
  }

  /** Tells the directory, when it does not know already: at once, then as often as the news deserves. */
  #publish(mount: MountPath): void {
    if (this.#publishing) return;
    const text = JSON.stringify(this.#status(mount));
    if (text === this.#published && this.#clock.now() - this.#publishedMs < republishMs) return;
    this.#publishing = true;
    this.ctx.waitUntil(this.#publishLater(mount));
  }

  async #publishLater(mount: MountPath): Promise<void> {
    for (;;) {
      // What is news may change while it waits.
      const isNews = withoutFigures(this.#status(mount)) !== this.#publishedNews;
      const everyMs = isNews ? publishEveryMs : publishFiguresEveryMs;
      const leftMs = this.#publishedMs + everyMs - this.#clock.now();
      if (leftMs <= 0) break;
      await scheduler.wait(Math.min(leftMs, publishEveryMs));
    }
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
      this.#publishedNews = null;
      console.warn("directory update failed", failure);
      return;
    }
    this.#published = JSON.stringify(status);
    this.#publishedNews = withoutFigures(status);
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

/** A status without what changes all the time. */
const withoutFigures = (status: MountStatus | null): string =>
  JSON.stringify(status && { ...status, listeners: 0, listenerPeak: 0, bitrateKbps: 0 });

const stateKey = "mount";
const relaysKey = "relays";

interface StoredMount extends MountState {
  /** When it was stored; absent from what an earlier release stored. */
  readonly clock?: ClockReading;
}
