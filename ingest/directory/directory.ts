import type { MountPath } from "../../shared/units.ts";
import type { Log } from "../log.ts";
import { directoryAddMs } from "../station-limits.ts";
import { addCall, type ListedStream, removeCall, type StreamNow, touchCall } from "./directory-call.ts";
import type { DirectoryPost } from "./directory-client.ts";
import { answered, type Listing, newListing, retitled } from "./directory-listing.ts";

/** Time as the directory keeps it; `Date.now` and Node's timers but in tests. */
export interface DirectoryClock {
  readonly now: () => number;
  readonly setTimeout: (work: () => void, ms: number) => object;
  readonly clearTimeout: (timer: object) => void;
}

export interface DirectoryOptions {
  readonly name: string;
  readonly post: DirectoryPost;
  readonly touchMs: number;
  /** What it is to be told of a mount; null: that is not for directories. */
  readonly stream: (mount: MountPath) => ListedStream | null;
  readonly now: (mount: MountPath) => StreamNow;
  readonly clock: DirectoryClock;
  readonly log: Log;
}

/**
 * Keeps one directory informed of the sources on air, one call at a time. Many streams come due at once after a start; a
 * directory that hangs delays those behind by its timeout, as in Icecast.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #listings = new Map<MountPath, Listing>();
  /** Sessions of streams that have gone, to be removed. */
  readonly #gone: string[] = [];
  #timer: object | null = null;
  #working: Promise<void> | null = null;
  readonly #stopped = new AbortController();

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /** Whether it looks after a stream of this mount, listed or still to be. */
  has(mount: MountPath): boolean {
    return this.#listings.has(mount);
  }

  /** A source has come. */
  add(mount: MountPath): void {
    const { clock, touchMs } = this.#options;
    this.remove(mount);
    this.#listings.set(mount, newListing(clock.now() + directoryAddMs, touchMs));
    this.#arm();
  }

  remove(mount: MountPath): void {
    const sid = this.#listings.get(mount)?.sid ?? null;
    this.#listings.delete(mount);
    if (sid === null) return;
    this.#gone.push(sid);
    this.#arm();
  }

  retitle(mount: MountPath): void {
    const listing = this.#listings.get(mount);
    if (!listing) return;
    this.#listings.set(mount, retitled(listing, this.#options.clock.now()));
    this.#arm();
  }

  /** Takes every stream off the list, for which the directory has until `signal` is aborted. */
  async stop(signal: AbortSignal): Promise<void> {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer);
    this.#stopped.abort();
    await this.#working;
    for (const { sid } of this.#listings.values()) if (sid !== null) this.#gone.push(sid);
    this.#listings.clear();
    for (const sid of this.#gone.splice(0)) {
      if (signal.aborted) return;
      await this.#options.post(removeCall(sid), signal);
    }
  }

  #arm(): void {
    if (this.#stopped.signal.aborted || this.#working) return;
    const { clock } = this.#options;
    if (this.#timer) clock.clearTimeout(this.#timer);
    this.#timer = null;
    const atMs = this.#gone.length > 0 ? clock.now() : this.#next()?.[1].atMs;
    if (atMs === undefined) return;
    this.#timer = clock.setTimeout(() => void this.#work(), Math.max(0, atMs - clock.now()));
  }

  #work(): Promise<void> {
    this.#working ??= this.#callAll().finally(() => {
      this.#working = null;
      this.#arm();
    });
    return this.#working;
  }

  async #callAll(): Promise<void> {
    const { clock, post } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const sid = this.#gone.shift();
      if (sid !== undefined) {
        await post(removeCall(sid), signal);
        continue;
      }
      const next = this.#next();
      if (!next || next[1].atMs > clock.now()) return;
      await this.#call(...next);
    }
  }

  /** The one that is due first: with a slow directory and many streams the last would else never have their turn. */
  #next(): [MountPath, Listing] | undefined {
    let next: [MountPath, Listing] | undefined;
    for (const entry of this.#listings) if (!next || entry[1].atMs < next[1].atMs) next = entry;
    return next;
  }

  async #call(mount: MountPath, listing: Listing): Promise<void> {
    const { clock, post, stream, name, log } = this.#options;
    const { signal } = this.#stopped;
    const told = stream(mount);
    if (told === null) return this.remove(mount);
    const adds = listing.next === "add" || listing.sid === null;
    const body = adds ? addCall(told) : touchCall(listing.sid, told.subtype, this.#options.now(mount));
    const answer = await post(body, signal);
    if (signal.aborted && answer === null) return;
    // The source may have gone meanwhile, or been followed by another: what the directory has now is not theirs.
    const current = this.#listings.get(mount);
    const isRetitled = listing.next === "touch" && current?.sid === listing.sid && current.next === "touch";
    const next = answered(listing, answer, clock.now());
    if (!current || (current !== listing && !isRetitled)) {
      if (adds && next.sid !== null) this.#gone.push(next.sid);
      return;
    }
    this.#listings.set(mount, current === listing ? next : retitled(next, clock.now()));
    const call = adds ? "add" : "touch";
    if (answer?.done) log.debug({ directory: name, mount, call }, "the directory was told");
    else if (answer)
      log.warn(
        { directory: name, mount, call, reason: answer.message || "refused" },
        "the directory refuses",
      );
  }
}
