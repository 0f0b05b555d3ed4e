import { monitorEventLoopDelay } from "node:perf_hooks";
import { eventLoopSampleMs, eventLoopWindowMs } from "./limits.ts";

/** How late this process's timers were in the last seconds, ms. */
export interface Lateness {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Watches how long work keeps the event loop from what is due: the native sampler costs a timer every 20 ms. */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: eventLoopSampleMs });
  #window: Lateness | null = null;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#window = this.#read();
      this.#histogram.reset();
    }, eventLoopWindowMs).unref();
  }

  /** Of the last whole window; before there is one, since the start. */
  get lateness(): Lateness {
    return this.#window ?? this.#read();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #read(): Lateness {
    // It counts from sample to sample, in ns, and gives NaN or nonsense where there is none yet.
    const late = (ns: number): number =>
      this.#histogram.count === 0 ? 0 : Math.max(0, Math.round(ns / 1e5 - 10 * eventLoopSampleMs) / 10);
    const { max } = this.#histogram;
    return {
      p50: late(this.#histogram.percentile(50)),
      p99: late(this.#histogram.percentile(99)),
      max: late(max),
    };
  }
}
