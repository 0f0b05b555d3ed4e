import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Announcement } from "../shared/edge-api.ts";
import type { FrameParserCounts } from "../shared/codec/codec.ts";
import { durationMs } from "../shared/segment.ts";
import type { AutoDjReport } from "./autodj/auto-djs.ts";
import type { HoldResult } from "./edge-client.ts";
import type { Lateness } from "./event-loop-delay.ts";
import type { SegmentObject, SegmentStore } from "./segment-publisher.ts";
import type { SourceEvent } from "./source-events.ts";

/** What a scrape reads from where it is kept. */
export interface MetricsOptions {
  readonly sources: () => readonly {
    readonly mount: string;
    readonly bytes: number;
    readonly counts: FrameParserCounts;
  }[];
  readonly queues: () => Iterable<
    readonly [
      string,
      { readonly queued: { readonly segments: number; readonly bytes: number }; readonly dropped: number },
    ]
  >;
  readonly spool: () => { readonly disk: "ok" | "failing"; readonly bytes: number; readonly dropped: number };
  readonly eventLoop: () => Lateness;
  readonly sockets: () => number;
  readonly statsClients: () => number;
  readonly relays: () => readonly (readonly [string, boolean])[];
  readonly autodjs: () => readonly AutoDjReport[];
  readonly version: string;
}

interface Announcer {
  announce(announcement: Announcement, signal?: AbortSignal): Promise<HoldResult>;
}

/** Seconds: a PUT of a segment near by takes 5 ms, one far away 200, one that hangs is given up after 8 s. */
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const publishBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600];

/**
 * The figures of this host for Prometheus. What other parts count already is read when it is asked for; sources that have
 * gone stay in the totals. Labels are mounts on air and nothing that a client chose besides.
 */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  readonly #stored: Histogram;
  readonly #published: Histogram;
  readonly #announceFailures: Counter;
  readonly #storageFailures: Counter;
  readonly #logins: Counter;
  readonly #connected: Counter;
  /** Of sources that have gone. */
  #gone = { bytes: 0, frames: 0, garbageBytes: 0, resyncs: 0 };

  constructor(options: MetricsOptions) {
    this.#options = options;
    const registers = [this.#registry];
    this.#stored = new Histogram({
      name: "skywave_ingest_segment_put_seconds",
      help: "Time that storage takes for a segment.",
      buckets: requestBuckets,
      registers,
    });
    this.#published = new Histogram({
      name: "skywave_ingest_segment_publish_seconds",
      help: "Time from the end of a segment's audio to when the edge knows of it.",
      buckets: publishBuckets,
      registers,
    });
    this.#announceFailures = this.#counter(
      "skywave_ingest_announce_failures_total",
      "Announcements that failed.",
    );
    this.#storageFailures = this.#counter(
      "skywave_ingest_storage_failures_total",
      "PUTs of segments that failed.",
    );
    this.#logins = this.#counter("skywave_ingest_logins_refused_total", "Logins with wrong credentials.");
    this.#connected = this.#counter("skywave_ingest_source_connections_total", "Sources that went on air.");
    this.#readings();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  loginRefused(): void {
    this.#logins.inc();
  }

  readonly take = (event: SourceEvent): void => {
    if (event.kind === "connected") this.#connected.inc();
    if (event.kind !== "disconnected") return;
    const { bytes, counts } = event.source;
    this.#gone.bytes += bytes;
    this.#gone.frames += counts.frames;
    this.#gone.garbageBytes += counts.garbageBytes;
    this.#gone.resyncs += counts.resyncs;
  };

  /** The same store, watched. */
  watchStore(store: SegmentStore): SegmentStore {
    return {
      put: (key: string, object: SegmentObject, signal: AbortSignal) =>
        this.#timed(() => store.put(key, object, signal)),
    };
  }

  /** The same announcer, watched. */
  watchAnnouncer(announcer: Announcer): Announcer {
    return {
      announce: async (announcement, signal) => {
        try {
          const result = await announcer.announce(announcement, signal);
          const { segment } = announcement;
          const endMs = segment.startMs + durationMs(segment);
          if (result.kind === "ok") this.#published.observe(Math.max(0, Date.now() - endMs) / 1000);
          return result;
        } catch (error) {
          this.#announceFailures.inc();
          throw error;
        }
      },
    };
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const stop = this.#stored.startTimer();
    try {
      const result = await work();
      stop();
      return result;
    } catch (error) {
      this.#storageFailures.inc();
      throw error;
    }
  }

  #readings(): void {
    const { sources, queues, spool, eventLoop, sockets, statsClients, relays, autodjs, version } =
      this.#options;
    const total = (of: "frames" | "garbageBytes" | "resyncs"): number =>
      sources().reduce((sum, { counts }) => sum + counts[of], this.#gone[of]);
    this.#gauge("skywave_ingest_sources", "Sources on air.", () => sources().length);
    this.#gauge("skywave_ingest_sockets", "Connections open on all ports.", sockets);
    this.#gauge(
      "skywave_ingest_stats_clients",
      "Clients that read the statistics as they change.",
      statsClients,
    );
    this.#total("skywave_ingest_received_bytes_total", "Bytes from sources.", () =>
      sources().reduce((sum, { bytes }) => sum + bytes, this.#gone.bytes),
    );
    this.#total("skywave_ingest_frames_total", "Audio frames from sources.", () => total("frames"));
    this.#total("skywave_ingest_garbage_bytes_total", "Bytes that were no audio.", () =>
      total("garbageBytes"),
    );
    this.#total("skywave_ingest_resyncs_total", "Times a source's frames were lost and found again.", () =>
      total("resyncs"),
    );
    this.#gauge("skywave_ingest_spool_bytes", "Segments on disk that wait for storage.", () => spool().bytes);
    this.#gauge("skywave_ingest_spool_disk_ok", "Whether the spool's disk answers.", () =>
      spool().disk === "ok" ? 1 : 0,
    );
    this.#total(
      "skywave_ingest_spool_dropped_total",
      "Segments lost because the disk was full.",
      () => spool().dropped,
    );
    this.#table(
      "skywave_ingest_event_loop_delay_seconds",
      "How late timers were in the last seconds.",
      "quantile",
      () => {
        const { p50, p99, max } = eventLoop();
        return [
          ["0.5", p50 / 1000],
          ["0.99", p99 / 1000],
          ["1", max / 1000],
        ];
      },
    );
    this.#table("skywave_ingest_queue_segments", "Segments that wait to be published.", "mount", () =>
      Array.from(queues(), ([mount, { queued }]) => [mount, queued.segments]),
    );
    this.#table("skywave_ingest_queue_bytes", "Bytes of segments that wait to be published.", "mount", () =>
      Array.from(queues(), ([mount, { queued }]) => [mount, queued.bytes]),
    );
    this.#table("skywave_ingest_relay_on_air", "Whether a relay's stream is on its mount.", "mount", () =>
      relays().map(([mount, isOnAir]) => [mount, isOnAir ? 1 : 0]),
    );
    this.#table("skywave_ingest_autodj_on_air", "Whether an AutoDJ plays on its mount.", "mount", () =>
      autodjs().map(({ mount, onAir }) => [mount, onAir ? 1 : 0]),
    );
    this.#table("skywave_ingest_autodj_files", "Files that an AutoDJ has found.", "mount", () =>
      autodjs().map(({ mount, files }) => [mount, files]),
    );
    this.#table("skywave_ingest_autodj_refused_files", "Files of those that are not played.", "mount", () =>
      autodjs().map(({ mount, refused }) => [mount, refused]),
    );
    this.#table("skywave_ingest_autodj_tracks", "Tracks that an AutoDJ has begun.", "mount", () =>
      autodjs().map(({ mount, tracks }) => [mount, tracks]),
    );
    this.#table(
      "skywave_ingest_autodj_silent_seconds",
      "Silence that went out in place of music.",
      "mount",
      () => autodjs().map(({ mount, silentMs }) => [mount, silentMs / 1000]),
    );
    this.#table("skywave_ingest_info", "This release.", "version", () => [[version, 1]]);
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    this.#registry.registerMetric(gauge);
  }

  /** A count that another part keeps. */
  #total(name: string, help: string, read: () => number): void {
    const counter = new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
    this.#registry.registerMetric(counter);
  }

  /** One value for each label that there is now. */
  #table(
    name: string,
    help: string,
    label: string,
    read: () => readonly (readonly [string, number])[],
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [],
      collect() {
        this.reset();
        for (const [key, value] of read()) this.set({ [label]: key }, value);
      },
    });
    this.#registry.registerMetric(gauge);
  }
}
