import { mountPath } from "../../shared/mount-path.ts";
import type { MountPhase } from "../../shared/mount-state.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { SeatHolder } from "../../shared/seat-holder.ts";
import type { Position } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { mountCallHoldMs, mountCallRetryMs } from "../../worker/limits.ts";
import { MountObject } from "../../worker/mount-object.ts";
import { RelayObject } from "../../worker/mount-relay-object.ts";
import { MountRoutes } from "../../worker/mount-relay.ts";
import { seeded } from "./seeded.ts";
import { VirtualTime } from "./virtual-time.ts";

/**
 * Thousands of isolates, a mount and its relays in virtual time: the objects and the routes are the real ones, the network
 * between them is not. The mount is in North America; who stands where, and how far that is, is in `regions`.
 *
 * The module "cloudflare:workers" has to be replaced before this one is loaded, and the timers and `Date.now` have to be
 * those of `time`.
 */
export interface SimulationOptions {
  readonly isolates: number;
  readonly listenersEach: number;
  readonly segmentMs: number;
  /** False: isolates ask the mount whatever it says of relays. */
  readonly useRelays: boolean;
}

/** What a relay meets: it answers nobody, fails everybody, or has no way to the mount. */
export type RelayFault = "hangs" | "fails" | "is cut off";

/** One way within a region, and to the mount, ms; each up to a quarter more. */
const regions = [
  { name: "NA", share: 0.4, nearMs: 8, mountMs: 8 },
  { name: "EU", share: 0.4, nearMs: 6, mountMs: 45 },
  { name: "AS", share: 0.2, nearMs: 15, mountMs: 85 },
] as const;

/** An object takes a thousand calls a second, one after another. */
const serviceMs = 1;

const mount = mountPath("/live.mp3");

/** What the runtime does; the class itself shows no constructor where the runtime's types are absent. */
const StartedRelay = RelayObject as unknown as new (ctx: unknown, env: unknown) => RelayObject;

export class RelaySimulation {
  readonly time = new VirtualTime(1_000_000_000);
  readonly isolates: Isolate[] = [];
  /** Calls of the mount's object, by who made them. */
  mountCalls = { isolates: 0, relays: 0 };
  readonly relays = new Map<string, number>();
  readonly faults = new Map<string, RelayFault>();
  /** What the directory was told of the listeners, in order. */
  readonly counted: number[] = [];
  /** When each segment was announced, by sequence. */
  readonly announcedMs: number[] = [];
  readonly options: SimulationOptions;
  readonly #random = seeded(20_261_121);
  readonly #objects = new Map<string, RelayObject>();
  readonly #stored = new Map<string, unknown>();
  readonly #busyUntilMs = new Map<string, number>();
  #mount: MountObject;
  #epoch = epoch(1);

  constructor(options: SimulationOptions) {
    this.options = options;
    this.#mount = this.#newMount();
    for (let index = 0; index < options.isolates; index++) this.isolates.push(this.#isolate(index));
  }

  /** Claims the mount and announces a segment every `segmentMs`, from now on. */
  async goOnAir(): Promise<void> {
    const { segmentMs } = this.options;
    const claimed = this.#mount.claim({
      mount,
      ingest: "host",
      source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
      credential: "dj",
      takeover: "never",
      policy: { segmentMs, graceMs: 15_000 },
    });
    await this.time.runUntil(this.time.nowMs + 10);
    const reply = await claimed;
    if (reply.kind === "claimed") this.#epoch = reply.epoch;
    void this.#announceOn();
  }

  /** Isolates begin to listen, evenly over `ms`. */
  async begin(ms: number): Promise<void> {
    const beganMs = this.time.nowMs;
    for (const [index, isolate] of this.isolates.entries()) {
      void this.time.wait((ms * index) / this.isolates.length).then(() => isolate.run());
    }
    await this.time.runUntil(beganMs + ms);
  }

  run(ms: number): Promise<void> {
    return this.time.runUntil(this.time.nowMs + ms);
  }

  /** The mount's object is gone, with those who wait, and its next life begins. */
  restartMount(): void {
    this.#mount = this.#newMount();
    for (const drop of this.#held) drop(new Error("the object has moved"));
    this.#held.clear();
  }

  readonly #held = new Set<(error: Error) => void>();

  async #announceOn(): Promise<void> {
    for (;;) {
      await this.time.wait(this.options.segmentMs);
      const number = this.announcedMs.length;
      this.announcedMs.push(this.time.nowMs);
      this.#mount.announce({
        mount,
        segment: {
          epoch: this.#epoch,
          sequence: sequence(number),
          startMs: millis(0),
          firstSample: sampleCount(number * 44.1 * this.options.segmentMs),
          samples: sampleCount(44.1 * this.options.segmentMs),
          sampleRate: 44_100,
          bytes: 16 * this.options.segmentMs,
          titles: [],
        },
      });
    }
  }

  #newMount(): MountObject {
    const stored = this.#stored;
    const kv = {
      get: (key: string) => structuredClone(stored.get(key)),
      put: (key: string, value: unknown) => stored.set(key, structuredClone(value)),
      delete: (key: string) => stored.delete(key),
    };
    const directory = {
      remember: () => Promise.resolve(),
      update: (_: string, status: MountStatus | null) => {
        this.counted.push(status?.listeners ?? 0);
        return Promise.resolve();
      },
    };
    const ctx = { storage: { kv }, waitUntil: () => undefined };
    return new MountObject(ctx, { DIRECTORY: { getByName: () => directory } } as never);
  }

  #isolate(index: number): Isolate {
    const at = (index + 0.5) / this.options.isolates;
    const region =
      at < regions[0].share ? regions[0] : at < regions[0].share + regions[1].share ? regions[1] : regions[2];
    const mountStub = {
      view: (question: never) => {
        this.mountCalls.isolates++;
        return this.#call("mount", region.mountMs, () => this.#mount.view(question));
      },
    };
    const env = {
      MOUNT: { getByName: () => mountStub },
      RELAY: { getByName: (name: string) => this.#relayStub(name, region) },
    };
    const routes = new MountRoutes();
    routes.noteRegion(region.name);
    return new Isolate(`isolate ${index}`, this, (question) =>
      this.options.useRelays ? routes.ask(env, mount, question) : mountStub.view(question as never),
    );
  }

  #relayStub(name: string, region: (typeof regions)[number]) {
    return {
      view: (question: never) => {
        this.relays.set(name, (this.relays.get(name) ?? 0) + 1);
        return this.#call(name, region.nearMs, () => {
          const fault = this.faults.get(name);
          if (fault === "hangs") return new Promise<never>(() => undefined);
          if (fault === "fails") return Promise.reject(new Error("the relay has moved"));
          return this.#relay(name, region.mountMs).view(question);
        });
      },
    };
  }

  #relay(name: string, mountMs: number): RelayObject {
    const known = this.#objects.get(name);
    if (known) return known;
    const stub = {
      viewThroughRelay: (question: never) => {
        this.mountCalls.relays++;
        if (this.faults.get(name) === "is cut off") return new Promise(() => undefined);
        return this.#call("mount", mountMs, () => this.#mount.viewThroughRelay(question));
      },
    };
    const ctx = { waitUntil: () => undefined };
    const relay = new StartedRelay(ctx, { MOUNT: { getByName: () => stub } });
    this.#objects.set(name, relay);
    return relay;
  }

  /** There, when the object has time, and back. */
  async #call<T>(object: string, oneWayMs: number, act: () => Promise<T>): Promise<T> {
    await this.time.wait(this.#way(oneWayMs));
    const startMs = Math.max(this.time.nowMs, this.#busyUntilMs.get(object) ?? 0);
    this.#busyUntilMs.set(object, startMs + serviceMs);
    await this.time.wait(startMs + serviceMs - this.time.nowMs);
    const dropped = Promise.withResolvers<never>();
    if (object === "mount") this.#held.add(dropped.reject);
    const answer = await Promise.race([act(), dropped.promise]);
    this.#held.delete(dropped.reject);
    await this.time.wait(this.#way(oneWayMs));
    return answer;
  }

  #way(oneWayMs: number): number {
    return Math.round(oneWayMs * (1 + this.#random() / 4));
  }
}

type Ask = MountObject["view"];

/** An isolate as `worker/mount-feed.ts` is one: a question always stands, and what it brings is new. */
class Isolate {
  /** Sequences in the order they were heard. */
  readonly heard: number[] = [];
  /** From the announcement to this isolate, ms, of each but those it found when it came. */
  readonly delaysMs: number[] = [];
  /** Answers that did not go on where it was. */
  gaps = 0;
  readonly #holder: SeatHolder;
  readonly #simulation: RelaySimulation;
  readonly #ask: Ask;
  #ended = false;

  constructor(name: string, simulation: RelaySimulation, ask: Ask) {
    let order = 0;
    this.#holder = new SeatHolder(
      () => name,
      () => ++order,
    );
    for (let count = 0; count < simulation.options.listenersEach; count++) this.#holder.add();
    this.#simulation = simulation;
    this.#ask = ask;
  }

  /** Its listeners go, and with them its questions. */
  end(): void {
    this.#ended = true;
  }

  async run(): Promise<void> {
    const { time, announcedMs } = this.#simulation;
    let after: Position | null = null;
    let phase: MountPhase = "off";
    for (let waitMs = 0; !this.#ended; waitMs = mountCallHoldMs) {
      let view;
      try {
        view = await this.#ask({ mount, seats: this.#holder.report(), after, phase, waitMs });
      } catch {
        await time.wait(mountCallRetryMs);
        continue;
      }
      if (after && !view.continues) this.gaps++;
      for (const segment of view.segments) {
        this.heard.push(segment.sequence);
        if (after) this.delaysMs.push(time.nowMs - (announcedMs[segment.sequence] ?? 0));
        after = { epoch: segment.epoch, sequence: segment.sequence };
      }
      ({ phase } = view);
    }
  }
}
