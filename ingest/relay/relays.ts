import type { MasterSettings, RelaySettings } from "../../config/ingest-settings.ts";
import type { Statistics } from "../../shared/edge-api.ts";
import { MountPathError, mountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";
import { reasonOf } from "../log.ts";
import { demandLingerMs, demandPollMs, demandWaitMs } from "../station-limits.ts";
import { listenersIn } from "../stats/station-statistics.ts";
import { fetchStreamList } from "./master-list.ts";
import { type RelayHost, RelayRunner } from "./relay-runner.ts";
import type { Relay } from "./relay-settings.ts";

export interface RelaysOptions extends RelayHost {
  readonly statistics: () => Promise<Statistics>;
  /** Listeners of a source on air here, as far as the edge has told; null: no source. */
  readonly listenersOnAir: (mount: MountPath) => number | null;
  readonly demand?: { readonly pollMs: number; readonly lingerMs: number; readonly waitMs: number };
}

interface RelayPlan {
  readonly relays: readonly RelaySettings[];
  readonly master?: MasterSettings | undefined;
}

/** All relays of this host: those of the station file, which go first, and those that a master lists. */
export class Relays {
  readonly #options: RelaysOptions;
  readonly #demand: { readonly pollMs: number; readonly lingerMs: number; readonly waitMs: number };
  readonly #runners = new Map<MountPath, RelayRunner>();
  /** When somebody last listened to a relay on demand. */
  readonly #heardMs = new Map<MountPath, number>();
  #plan: RelayPlan = { relays: [] };
  #listed: readonly Relay[] = [];
  #master = new AbortController();
  #masterKey = "";
  #masterTimer: NodeJS.Timeout | undefined;
  #masterFails = false;
  #demandTimer: NodeJS.Timeout | undefined;

  constructor(options: RelaysOptions) {
    this.#options = options;
    this.#demand = options.demand ?? { pollMs: demandPollMs, lingerMs: demandLingerMs, waitMs: demandWaitMs };
  }

  /** Mounts that are relayed, and whether each relay's stream is on air. */
  get states(): readonly (readonly [MountPath, boolean])[] {
    return Array.from(this.#runners, ([mount, { isOnAir }]) => [mount, isOnAir]);
  }

  /** Starts what is new, ends what is no more, leaves alone what is as it was. */
  change(plan: RelayPlan): void {
    this.#plan = plan;
    const key = JSON.stringify(plan.master ?? null);
    if (key !== this.#masterKey) {
      this.#masterKey = key;
      this.#master.abort();
      this.#master = new AbortController();
      clearTimeout(this.#masterTimer);
      this.#listed = [];
      if (plan.master) void this.#poll(plan.master, this.#master.signal);
    }
    this.#apply();
  }

  /**
   * A listener asks this port for a mount: one on demand is fetched, and waited for as long as a listener waits. Returns
   * null at once where there is nothing to wait for.
   */
  summon(mount: MountPath): Promise<void> | null {
    const runner = this.#runners.get(mount);
    if (!runner?.relay.onDemand || runner.isOnAir) return null;
    this.#heardMs.set(mount, performance.now());
    runner.want();
    return runner.arrival(this.#demand.waitMs);
  }

  async stop(): Promise<void> {
    this.#master.abort();
    clearTimeout(this.#masterTimer);
    clearTimeout(this.#demandTimer);
    this.#demandTimer = undefined;
    const ending = [...this.#runners.values()].map((runner) => runner.stop("the ingest is stopping"));
    this.#runners.clear();
    await Promise.all(ending);
  }

  #apply(): void {
    const wanted = new Map<MountPath, Relay>();
    for (const settings of this.#plan.relays) {
      const relay = this.#checked(settings);
      if (relay && !wanted.has(relay.mount)) wanted.set(relay.mount, relay);
    }
    for (const relay of this.#listed) if (!wanted.has(relay.mount)) wanted.set(relay.mount, relay);
    for (const [mount, runner] of this.#runners) {
      if (isSame(runner.relay, wanted.get(mount))) wanted.delete(mount);
      else {
        this.#runners.delete(mount);
        this.#heardMs.delete(mount);
        void runner.stop();
      }
    }
    for (const [mount, relay] of wanted) {
      const runner = new RelayRunner(relay, this.#options);
      this.#runners.set(mount, runner);
      runner.start();
    }
    this.#watchDemand();
  }

  #checked(settings: RelaySettings): Relay | null {
    try {
      return { ...settings, mount: mountPath(settings.mount) };
    } catch (error) {
      if (!(error instanceof MountPathError)) throw error;
      this.#options.log.error({ mount: settings.mount, reason: error.message }, "a relay has no mount");
      return null;
    }
  }

  /** A master that does not answer keeps its streams: each is looked after on its own. */
  async #poll(master: MasterSettings, signal: AbortSignal): Promise<void> {
    const { log, userAgent } = this.#options;
    try {
      const listed = await fetchStreamList(master, { userAgent, signal });
      if (signal.aborted) return;
      this.#masterFails = false;
      this.#listed = listed;
      this.#apply();
    } catch (error) {
      if (signal.aborted) return;
      if (!this.#masterFails)
        log.warn({ reason: reasonOf(error) }, "the master's list of streams cannot be had");
      this.#masterFails = true;
    }
    this.#masterTimer = setTimeout(() => void this.#poll(master, signal), master.updateMs).unref();
  }

  #watchDemand(): void {
    const some = [...this.#runners.values()].some(({ relay }) => relay.onDemand);
    if (!some || this.#demandTimer !== undefined) return;
    this.#demandTimer = setTimeout(() => void this.#meetDemand(), this.#demand.pollMs).unref();
  }

  async #meetDemand(): Promise<void> {
    await this.#lookForListeners();
    if (this.#demandTimer === undefined) return;
    this.#demandTimer = undefined;
    this.#watchDemand();
  }

  async #lookForListeners(): Promise<void> {
    // Without an answer nobody is sent away, and nobody new is seen.
    const statistics = await this.#options.statistics().catch(() => null);
    const now = performance.now();
    for (const [mount, runner] of this.#runners) {
      if (!runner.relay.onDemand) continue;
      const told = this.#options.listenersOnAir(mount) ?? 0;
      const listeners = Math.max(told, listenersIn(statistics?.sources[mount]));
      if (listeners > 0 || (statistics === null && runner.isOnAir)) {
        this.#heardMs.set(mount, now);
        if (listeners > 0) runner.want();
      } else if (!runner.isIdle && now - (this.#heardMs.get(mount) ?? 0) >= this.#demand.lingerMs)
        runner.rest();
    }
  }
}

const isSame = (a: Relay, b: Relay | undefined): boolean =>
  b !== undefined &&
  a.url === b.url &&
  a.username === b.username &&
  a.password === b.password &&
  a.titles === b.titles &&
  a.onDemand === b.onDemand;
