import {
  durationMs,
  type Position,
  type Segment,
  type SegmentRef,
  type TitleMark,
} from "../shared/segment.ts";
import type { Publication } from "./segment-publisher.ts";
import type { SpooledSegment } from "./spool-file.ts";
import type { SpoolEntry } from "./spool.ts";

/** A segment on its way: to be stored, and while it is live to be announced. */
export interface QueuedSegment {
  readonly at: Position;
  readonly bytes: number;
  /** 0 when an earlier process left it. */
  readonly audioMs: number;
  /** On the clock that the queue is asked with. */
  readonly pushedMs: number;
  readonly publication: Publication | null;
  /** In force when it begins; null when its epoch has had none. */
  readonly titleBefore: TitleMark | null;
  /** What is known of it without its bytes; null until a file that an earlier process left has been read. */
  readonly ref: SegmentRef | null;
  /** Nobody wants it stored or announced any more. */
  givenUp: boolean;
  /** Ends the request that is under way for it; null while there is none. */
  attempt: AbortController | null;
  /** Null while only its file has it. */
  content: SpooledSegment | null;
  /** Its file; null when there is none (yet). */
  entry: SpoolEntry | null;
  /** Resolves when the disk has said whether it takes it; null while it was not asked. Never rejects. */
  writing: Promise<void> | null;
  /** Storage has it; what is to be announced. */
  stored: SegmentRef | null;
}

/** Ends what is under way for a segment; nothing more is begun. */
export function giveUp(item: QueuedSegment): void {
  item.givenUp = true;
  item.attempt?.abort();
}

interface LiveWindow {
  readonly liveBacklogMs: number;
  readonly liveResumeMs: number;
}

/** Fewer than these are never late together: a PUT may take as long as a segment lasts, and a segment lasts up to 10 s. */
const minLiveSegments = 3;

/**
 * What waits to be published on a mount, in two lists, each in order of play: `live` is stored and announced, `backlog`
 * plays before it and is only stored.
 */
export class PublishQueue {
  readonly #window: LiveWindow;
  readonly #live: QueuedSegment[] = [];
  readonly #backlog: QueuedSegment[] = [];
  #bytes = 0;
  /** The latest title of all that was pushed, and its epoch. */
  #title: { readonly epoch: number; readonly mark: TitleMark } | null = null;

  constructor(window: LiveWindow) {
    this.#window = window;
  }

  get live(): readonly QueuedSegment[] {
    return this.#live;
  }

  get backlog(): readonly QueuedSegment[] {
    return this.#backlog;
  }

  get length(): number {
    return this.#live.length + this.#backlog.length;
  }

  /** Of the bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  push(segment: Segment, content: SpooledSegment, publication: Publication, now: number): QueuedSegment {
    const item = {
      at: { epoch: segment.epoch, sequence: segment.sequence },
      bytes: segment.bytes,
      audioMs: durationMs(segment),
      pushedMs: now,
      publication,
      titleBefore: this.#title?.epoch === segment.epoch ? this.#title.mark : null,
      ref: refOfSegment(segment),
      ...fresh(),
      content,
    };
    const mark = segment.titles.at(-1);
    if (mark) this.#title = { epoch: segment.epoch, mark };
    this.#live.push(item);
    this.#bytes += item.bytes;
    return item;
  }

  /** Takes what an earlier process left; before anything is pushed. */
  restore(entry: SpoolEntry): void {
    const { epoch, sequence, bytes } = entry;
    const at = { epoch, sequence };
    this.#backlog.push({
      at,
      bytes,
      audioMs: 0,
      pushedMs: 0,
      publication: null,
      titleBefore: null,
      ref: null,
      ...fresh(),
      entry,
    });
    this.#bytes += bytes;
  }

  /** In order of play. */
  *all(): Generator<QueuedSegment> {
    yield* this.#backlog;
    yield* this.#live;
  }

  remove(item: QueuedSegment): void {
    for (const list of [this.#live, this.#backlog]) {
      const index = list.indexOf(item);
      if (index < 0) continue;
      list.splice(index, 1);
      this.#bytes -= item.bytes;
    }
  }

  /** The first of live becomes the last of the backlog: what comes after it need not wait. */
  postpone(item: QueuedSegment): void {
    if (this.#live[0] !== item) return;
    this.#live.shift();
    this.#backlog.push(item);
  }

  /** Live waits for so long that it is of no use to listeners any more. */
  isLate(now: number): boolean {
    const { liveBacklogMs } = this.#window;
    const oldest = this.#live[0];
    if (!oldest || this.#live.length < minLiveSegments) return false;
    // A source may send seconds at once: much audio is late only when it has waited as well.
    return now - oldest.pushedMs > liveBacklogMs && audioMsOf(this.#live) > liveBacklogMs;
  }

  /** All of live but its newest end becomes backlog. Returns what did; what of it is stored already has left the queue. */
  resumeLive(): readonly QueuedSegment[] {
    const { liveResumeMs } = this.#window;
    let kept = this.#live.length;
    for (let keptMs = 0; kept > 0 && keptMs < liveResumeMs; ) keptMs += this.#live[--kept]?.audioMs ?? 0;
    const late = this.#live.splice(0, kept);
    for (const item of late) {
      if (item.stored === null) this.#backlog.push(item);
      else this.#bytes -= item.bytes;
    }
    return late;
  }
}

const fresh = () => ({
  givenUp: false,
  attempt: null,
  content: null,
  entry: null,
  writing: null,
  stored: null,
});

const audioMsOf = (items: readonly QueuedSegment[]): number =>
  items.reduce((sum, { audioMs }) => sum + audioMs, 0);

function refOfSegment(segment: Segment): SegmentRef {
  const { body: _, reservoir: __, ...ref } = segment;
  return ref;
}
