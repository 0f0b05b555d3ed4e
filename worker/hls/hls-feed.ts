import type { HlsEntry, HlsTimeline } from "../../shared/hls-timeline.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";
import type { HlsAnswer } from "./hls-object.ts";
import type { Touch } from "./hls-sessions.ts";
import { askOnMs, endedListeners, feeds as mostFeeds, freshMs, holdMs, questionTimeoutMs } from "./limits.ts";

/** A mount's timeline as this isolate knows it. */
export interface HlsView {
  readonly timeline: HlsTimeline;
  readonly isEnded: boolean;
  /** Of the mount's tokens; null: nobody ever had one. */
  readonly key: string | null;
}

/** Of a listener since the last question. */
interface HeardOf extends Pick<Touch, "bytes" | "targetSeconds"> {
  readonly atMs: number;
}

/** What is known of a listener: refused, it was ended; unknown, it has to enter again. */
export type ListenerState = "welcome" | "refused" | "unknown";

/**
 * The HLS timeline of one mount in this isolate, for all who ask for playlists here: one question at a time stands at the mount's
 * object while anybody does, and says who they are. It belongs to one of their requests and may end with it; then the next asks.
 */
export class HlsFeed {
  readonly #mount: MountPath;
  #view: HlsView | null = null;
  #answeredMs = 0;
  /** When somebody wanted to know last. */
  #wantedMs = 0;
  #question: { readonly done: Promise<void>; readonly sinceMs: number } | null = null;
  #touches = new Map<string, HeardOf>();
  readonly #states = new Map<string, "refused" | "unknown">();

  constructor(mount: MountPath) {
    this.#mount = mount;
  }

  /** Nobody has wanted to know for long. */
  get isIdle(): boolean {
    return msSince(this.#wantedMs) > 2 * askOnMs;
  }

  /** As it is now; null when the object cannot be asked. */
  async view(host: Host): Promise<HlsView | null> {
    this.#wantedMs = Date.now();
    const question = this.#question;
    const stands = question !== null && msSince(question.sinceMs) < questionTimeoutMs;
    if (!stands) {
      if (this.#view && msSince(this.#answeredMs) < freshMs) this.#askOn(host);
      else await settledWithin(this.#ask(host, 0), questionTimeoutMs);
    } else if (!this.#view) await settledWithin(question.done, questionTimeoutMs);
    return msSince(this.#answeredMs) < 2 * questionTimeoutMs ? this.#view : null;
  }

  /** Another question is asked before the next answer. */
  forget(): void {
    this.#answeredMs = 0;
    this.#question = null;
  }

  /** A listener has asked for something and is sent so much; of a playlist its target duration. */
  touch(id: string, bytes: number, targetSeconds = 0): void {
    const known = this.#touches.get(id);
    this.#touches.set(id, {
      atMs: Date.now(),
      bytes: bytes + (known?.bytes ?? 0),
      targetSeconds: targetSeconds || (known?.targetSeconds ?? 0),
    });
  }

  stateOf(id: string): ListenerState {
    return this.#states.get(id) ?? "welcome";
  }

  welcome(id: string): void {
    this.#states.delete(id);
  }

  /** While anybody wants to know, and the request may last. */
  #askOn(host: Host): void {
    const sinceMs = Date.now();
    const asking = async (): Promise<void> => {
      let askedMs = sinceMs;
      let next = -1;
      do {
        // Answered at once with nothing new: there is nothing to wait for.
        if (next === this.#view?.timeline.next && msSince(askedMs) < freshMs) return;
        next = this.#view?.timeline.next ?? -1;
        askedMs = Date.now();
        await this.#ask(host, holdMs);
      } while (msSince(sinceMs) < askOnMs && msSince(this.#wantedMs) < 2 * holdMs);
    };
    host.keepAlive(asking());
  }

  async #ask(host: Host, waitMs: number): Promise<void> {
    const done = this.#askOnce(host, waitMs);
    const question = { done, sinceMs: Date.now() };
    this.#question = question;
    host.keepAlive(done);
    await done;
    if (this.#question === question) this.#question = null;
  }

  async #askOnce(host: Host, waitMs: number): Promise<void> {
    const touches = this.#touches;
    this.#touches = new Map();
    const now = Date.now();
    try {
      const answer = await host.env.HLS.getByName(this.#mount).timeline({
        mount: this.#mount,
        hostname: host.hostname,
        after: (this.#view?.timeline.next ?? 0) - 1,
        waitMs,
        touches: [...touches].map(([id, { atMs, bytes, targetSeconds }]) => ({
          id,
          bytes,
          targetSeconds,
          ageMs: Math.max(0, now - atMs),
        })),
      });
      this.#take(answer);
    } catch (error) {
      console.warn("hls call failed", this.#mount, String(error));
      // They are told of with the next one.
      for (const [id, { bytes, targetSeconds }] of touches) this.touch(id, bytes, targetSeconds);
      await scheduler.wait(Math.min(waitMs, freshMs));
    }
  }

  #take({ entries, oldest, isEnded, key, refused, unknown, ...rest }: HlsAnswer): void {
    this.#answeredMs = Date.now();
    this.#note(refused, unknown);
    const before = this.#view;
    // Of two questions at once the older answer may come last: a playlist never goes back.
    if (before && before.key === key && rest.next < before.timeline.next) return;
    const known = before?.timeline.entries ?? [];
    const first = entries[0]?.number ?? rest.next;
    const kept = known.filter(({ number }) => number >= oldest && number < first);
    const all: readonly HlsEntry[] = entries.length > 0 ? [...kept, ...entries] : kept;
    this.#view = { timeline: { format: 1, ...rest, entries: all }, isEnded, key };
  }

  #note(refused: readonly string[], unknown: readonly string[]): void {
    if (this.#states.size > endedListeners) this.#states.clear();
    for (const id of refused) this.#states.set(id, "refused");
    for (const id of unknown) this.#states.set(id, "unknown");
  }
}

const feeds = new Map<MountPath, HlsFeed>();

/** This isolate's. */
export function hlsFeedOf(mount: MountPath): HlsFeed {
  const known = feeds.get(mount);
  if (known) return known;
  if (feeds.size >= mostFeeds) {
    for (const [name, feed] of feeds) if (feed.isIdle) feeds.delete(name);
  }
  const feed = new HlsFeed(mount);
  feeds.set(mount, feed);
  return feed;
}
