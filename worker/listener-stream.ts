import type { FrameSpan } from "../shared/codec/codec.ts";
import { mp3 } from "../shared/codec/mp3/mp3.ts";
import { concatenate } from "../shared/concatenate.ts";
import { encodeMetadataBlock, IcyInterleaver } from "../shared/icy.ts";
import { frameAt, joinPoint, stepAfter } from "../shared/playhead.ts";
import type { Position, SegmentRef, TitleMark } from "../shared/segment.ts";
import type { Host, MountFeed } from "./mount-feed.ts";
import type { LoadedSegment } from "./segment-cache.ts";

export interface ListenerWish {
  /** Interval of metadata blocks, bytes; 0 for a listener that did not ask for them. */
  readonly metaint: number;
  readonly behindMs: number;
  readonly leastBytes: number;
}

/**
 * One listener's endless stream: pulls a buffer per segment, whole frames only, a primer wherever playback does not
 * continue from the frame before, metadata blocks at their exact places. Ends when the mount goes off.
 *
 * Pull-driven with nothing buffered ahead: the socket asks, so a slow listener holds one segment and no more.
 */
export function openListenerStream(
  feed: MountFeed,
  wish: ListenerWish,
  host: Host,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const listener = new Listener(feed, wish, host);
  let open = true;
  const leave = (): void => {
    if (!open) return;
    open = false;
    feed.listeners--;
    if (feed.listeners === 0) feed.reportNone(host);
  };
  feed.listeners++;
  signal.addEventListener("abort", leave);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = open ? await listener.next(() => open) : null;
          if (bytes) return controller.enqueue(bytes);
        } catch (error) {
          leave();
          throw error;
        }
        leave();
        controller.close();
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

class Listener {
  readonly #feed: MountFeed;
  readonly #wish: ListenerWish;
  readonly #host: Host;
  readonly #icy: IcyInterleaver | null;
  #position: Position | null = null;
  #joined = false;
  /** The segment before this one could not be had: the next does not continue the stream. */
  #broken = false;

  constructor(feed: MountFeed, wish: ListenerWish, host: Host) {
    this.#feed = feed;
    this.#wish = wish;
    this.#host = host;
    this.#icy = wish.metaint > 0 ? new IcyInterleaver(wish.metaint) : null;
  }

  /** The next buffer; null when the mount has gone off or the listener has (`isOpen`). */
  async next(isOpen: () => boolean): Promise<Uint8Array | null> {
    while (isOpen()) {
      const bytes = this.#joined ? await this.#step() : await this.#join();
      if (bytes) return bytes;
      if (this.#feed.phase === "off") return null;
    }
    return null;
  }

  async #join(): Promise<Uint8Array | null> {
    const { window } = this.#feed;
    const point = joinPoint(window, {
      edgeAgeMs: this.#feed.edgeAgeMs,
      behindMs: this.#wish.behindMs,
      leastBytes: this.#wish.leastBytes,
    });
    this.#joined = true;
    if (!point) {
      // A live edge to begin after, or nothing yet: then the first segment that comes.
      this.#position = window.at(-1) ?? null;
      this.#broken = true;
      return null;
    }
    const loaded = await this.#feed.segment(point.segment, this.#host);
    this.#position = point.segment;
    this.#broken = true;
    if (!loaded) return null;
    const index = frameAt(loaded.frames, point.offsetMs, point.segment.sampleRate);
    return this.#splice(loaded, index);
  }

  async #step(): Promise<Uint8Array | null> {
    const step = stepAfter(this.#feed.window, this.#position);
    if (step.kind === "wait") {
      if (this.#feed.phase !== "off") await this.#feed.wait(this.#host);
      return null;
    }
    if (step.kind === "lagged") {
      this.#joined = false;
      return null;
    }
    const { segment } = step;
    const found = this.#feed.segment(segment, this.#host);
    const loaded = found instanceof Promise ? await found : found;
    this.#position = segment;
    if (!loaded) {
      this.#broken = true;
      return null;
    }
    return step.kind === "follow" && !this.#broken ? this.#write(loaded, 0) : this.#splice(loaded, 0);
  }

  /** From a frame that does not continue what was sent before. */
  #splice(loaded: LoadedSegment, index: number): Uint8Array {
    this.#broken = false;
    const { body, frames, reservoir } = loaded;
    const primer = mp3.primer(body, frames, index, reservoir);
    this.#icy?.setTitle(encodeMetadataBlock(this.#titleAt(loaded, index) ?? { text: "" }));
    return this.#write(loaded, frames[index]?.offset ?? 0, primer);
  }

  #write(loaded: LoadedSegment, from: number, primer?: Uint8Array): Uint8Array {
    const rest = from === 0 ? loaded.body : loaded.body.subarray(from);
    const before = primer?.length ?? 0;
    const audio = primer && before > 0 ? concatenate([primer, rest]) : rest;
    if (!this.#icy) return audio === rest ? rest.slice() : audio;
    const titles = loaded.ref.titles.length === 0 ? [] : loaded.titles;
    return this.#icy.push(
      audio,
      titles
        .filter(({ offset }) => offset >= from)
        .map(({ offset, block }) => ({ offset: offset - from + before, block })),
    );
  }

  /** The title in force at a frame of a segment of the window. */
  #titleAt(loaded: LoadedSegment, index: number): Pick<TitleMark, "text" | "url"> | null {
    const atSample = samplesBefore(loaded.frames, index);
    const own = loaded.ref.titles.findLast((title) => title.atSample <= atSample);
    if (own) return own;
    const { window, titleBefore } = this.#feed;
    const at = window.findIndex((segment) => isSame(segment, loaded.ref));
    for (const segment of window.slice(0, Math.max(at, 0)).toReversed()) {
      const last = segment.titles.at(-1);
      if (last) return last;
    }
    return titleBefore;
  }
}

const isSame = (a: SegmentRef, b: SegmentRef): boolean => a.epoch === b.epoch && a.sequence === b.sequence;

function samplesBefore(frames: readonly FrameSpan[], index: number): number {
  let samples = 0;
  for (const frame of frames.slice(0, index)) samples += frame.samples;
  return samples;
}
