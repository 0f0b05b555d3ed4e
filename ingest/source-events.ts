import type { FrameParserCounts } from "../shared/codec/codec.ts";
import type { SourceInfo } from "../shared/source/source-info.ts";
import type { Epoch, Millis, MountPath } from "../shared/units.ts";
import type { Log } from "./log.ts";

export interface Title {
  readonly text: string;
  readonly url?: string;
}

/** A source on air, or one that was; its fields tell what holds when they are read. */
export interface SourceOnAir {
  readonly mount: MountPath;
  readonly epoch: Epoch;
  /** What it said of itself when it connected. */
  readonly info: SourceInfo;
  /** Who logged in; null where the protocol has no user. */
  readonly user: string | null;
  readonly startedMs: Millis;
  /** Received so far. */
  readonly bytes: number;
  /** What of it was frames, tags, and neither. */
  readonly counts: FrameParserCounts;
  /** Listeners of its mount when the edge last said how many; 0 until it has. */
  readonly listeners: number;
  /** In force; null before the first. */
  readonly title: Title | null;
}

export type SourceEvent =
  /** It has its mount. Of two that follow each other the first is disconnected before. */
  | { readonly kind: "connected"; readonly source: SourceOnAir; readonly atMs: Millis }
  /** It takes nothing any more. `reason` is in words. Comes once for each that connected. */
  | {
      readonly kind: "disconnected";
      readonly source: SourceOnAir;
      readonly reason: string;
      readonly atMs: Millis;
    }
  | {
      readonly kind: "title";
      readonly source: SourceOnAir;
      readonly title: Title;
      readonly atMs: Millis;
    };

type Listener = (event: SourceEvent) => void;

/**
 * What happens to the sources of this host, for logs and for whoever tells others. Listeners are called in the turn in
 * which it happens and in the order in which they came; one that throws is logged and keeps nobody from it.
 */
export class SourceEvents {
  readonly #log: Pick<Log, "error">;
  readonly #listeners = new Set<Listener>();

  constructor(log: Pick<Log, "error">) {
    this.#log = log;
  }

  /** Returns what ends it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(event: SourceEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error(
          { mount: event.source.mount, event: event.kind, err: error },
          "an event was not taken",
        );
      }
    }
  }
}
