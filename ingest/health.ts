import type { MountPath } from "../shared/units.ts";
import type { AutoDjReport } from "./autodj/auto-djs.ts";
import { exchange } from "./http-exchange.ts";
import { healthCacheMs, healthProbeMs, replyBytes } from "./limits.ts";
import type { EventLoopDelay, Lateness } from "./event-loop-delay.ts";
import type { MountTable } from "./mount-table.ts";
import type { Spool } from "./spool.ts";

/** What `/health` says. */
export interface HealthReport {
  /** Sources can go on air and what they send can be published. */
  readonly ok: boolean;
  readonly edge: "ok" | "failing";
  /** Counts as well until a PUT fails. */
  readonly storage: "ok" | "failing";
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly sources: readonly {
    readonly mount: MountPath;
    readonly epoch: number;
    readonly protocol: string;
  }[];
  /** Segments that wait to be published, by mount. Of these, `backlog` are only to be stored, behind what is live. */
  readonly queues: Readonly<
    Record<
      string,
      {
        readonly segments: number;
        readonly bytes: number;
        readonly backlog: number;
        readonly dropped: number;
      }
    >
  >;
  /** What this host plays by itself. */
  readonly autodjs: readonly Pick<AutoDjReport, "mount" | "onAir" | "playing" | "files" | "refused">[];
  /** The disk where they wait. `dropped`: segments of all mounts lost since the start because it was full. */
  readonly spool: Spool["state"];
  /** How late this process is with what is due, in the last 10 s: it has too much to do when this is more than a few ms. */
  readonly eventLoopDelayMs: Lateness;
}

export interface HealthOptions {
  readonly edgeUrl: string;
  readonly version: string;
  readonly mounts: MountTable;
  readonly spool: Pick<Spool, "state">;
  readonly eventLoop: Pick<EventLoopDelay, "lateness">;
  readonly autodjs: () => readonly AutoDjReport[];
}

/** Whether this host can do its work: the edge answers, storage takes what it is given. */
export class Health {
  readonly #options: HealthOptions;
  readonly #startedMs = performance.now();
  #probe: Promise<boolean> | null = null;
  #probedMs = Number.NEGATIVE_INFINITY;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** `shows`: of which mounts it may speak; what fails counts of all. */
  async report(shows: (mount: MountPath) => boolean = () => true): Promise<HealthReport> {
    const answers = await this.#edgeAnswers();
    const { mounts, spool, version, eventLoop, autodjs } = this.#options;
    const publishers = [...mounts.publishers];
    const shown = publishers.filter(([mount]) => shows(mount));
    const failing = publishers.map(([, publisher]) => publisher.failing);
    const edge = answers && !failing.includes("edge") ? "ok" : "failing";
    const storage = failing.includes("storage") ? "failing" : "ok";
    return {
      ok: edge === "ok" && storage === "ok",
      edge,
      storage,
      version,
      uptimeSeconds: Math.round((performance.now() - this.#startedMs) / 1000),
      sources: mounts.sessions
        .filter(({ mount }) => shows(mount))
        .map(({ mount, epoch, protocol }) => ({ mount, epoch, protocol })),
      queues: Object.fromEntries(
        shown.map(([mount, { queued, backlog, dropped }]) => [mount, { ...queued, backlog, dropped }]),
      ),
      autodjs: autodjs()
        .filter(({ mount }) => shows(mount))
        .map(({ mount, onAir, playing, files, refused }) => ({ mount, onAir, playing, files, refused })),
      spool: spool.state,
      eventLoopDelayMs: eventLoop.lateness,
    };
  }

  /** One question at a time, and its answer kept for a moment: many may ask us. */
  #edgeAnswers(): Promise<boolean> {
    const now = performance.now();
    if (this.#probe === null || now - this.#probedMs > healthCacheMs) {
      this.#probedMs = now;
      this.#probe = probe(`${this.#options.edgeUrl}/health`);
    }
    return this.#probe;
  }
}

async function probe(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(healthProbeMs);
    const { status } = await exchange({ url, method: "GET", headers: {}, signal, maxReplyBytes: replyBytes });
    return status === 200;
  } catch {
    return false;
  }
}
