import {
  type CurrentEditions,
  currentEditionsKey,
  currentEditionsSchema,
  type LibraryEdition,
  libraryEditionKey,
  libraryEditionSchema,
} from "../../shared/library.ts";
import { LibrarySchedule } from "../../shared/library-schedule.ts";
import { isolateAsked } from "../isolate-counts.ts";
import { fileWindowMs } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { settledWithin } from "../settled-within.ts";
import { libraryAbsentMs, libraryAgeMs, libraryReadTimeoutMs, libraryRetryMs } from "./limits.ts";

/**
 * A library as this isolate knows it: which editions play is read once a minute, each edition once. While storage fails the
 * last word counts.
 */
export class Library {
  readonly name: string;
  #schedule: LibrarySchedule | null = null;
  /** Storage said what there is, or that there is nothing. */
  #isKnown = false;
  #editions = new Map<string, LibraryEdition>();
  /** What the schedule was made of. */
  #made = "";
  #look: { readonly done: Promise<void>; readonly sinceMs: number } | null = null;
  #lookedMs = 0;
  #lookAgainMs = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Null while nothing is known of it or there is nothing. */
  get schedule(): LibrarySchedule | null {
    return this.#schedule;
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Whether `refresh` would ask. */
  get isDue(): boolean {
    if (this.#look) return msSince(this.#look.sinceMs) >= libraryReadTimeoutMs;
    return msSince(this.#lookedMs) >= this.#lookAgainMs;
  }

  /** Brings it up to date; waits only where there is nothing yet. */
  async refresh(host: Host): Promise<void> {
    if (this.isDue) this.#begin(host);
    const look = this.#look;
    if (look && !this.#schedule) await settledWithin(look.done, libraryReadTimeoutMs - msSince(look.sinceMs));
  }

  #begin(host: Host): void {
    // Cleared by the work itself: the request that asks may end before it comes back here.
    const look = { done: this.#lookOnce(host), sinceMs: Date.now() };
    this.#look = look;
    host.keepAlive(
      look.done.finally(() => {
        if (this.#look === look) this.#look = null;
      }),
    );
  }

  async #lookOnce(host: Host): Promise<void> {
    this.#lookAgainMs = libraryRetryMs;
    try {
      const current = await this.#current(host);
      const isWhole = await this.#take(current, host);
      if (isWhole) this.#lookAgainMs = this.#schedule ? libraryAgeMs : libraryAbsentMs;
    } catch (error) {
      console.warn("library cannot be read", this.name, String(error));
    } finally {
      this.#lookedMs = Date.now();
    }
  }

  async #current({ env }: Host): Promise<CurrentEditions["editions"]> {
    isolateAsked.bucketReads++;
    const object = await env.SEGMENTS.get(currentEditionsKey(this.name));
    return object ? currentEditionsSchema.parse(await object.json()).editions : [];
  }

  /** False when some edition could not be had: the one before it goes on meanwhile. */
  async #take(current: CurrentEditions["editions"], host: Host): Promise<boolean> {
    const first = current.findLastIndex(({ fromMs }) => fromMs <= Date.now() - fileWindowMs);
    const wanted = current.slice(Math.max(0, first));
    const editions = new Map<string, LibraryEdition>();
    for (const { id } of wanted) {
      const edition = this.#editions.get(id) ?? (await this.#edition(id, host));
      if (edition) editions.set(id, edition);
    }
    const scheduled = wanted.flatMap(({ id, fromMs }) => {
      const edition = editions.get(id);
      return edition ? [{ id, fromMs, edition }] : [];
    });
    const isWhole = scheduled.length === wanted.length;
    // Nothing new can be had, and what was known still can be heard.
    if (scheduled.length === 0 && !isWhole && this.#schedule) return false;
    const made = JSON.stringify(scheduled.map(({ id, fromMs }) => [id, fromMs]));
    if (made !== this.#made) this.#schedule = scheduled.length > 0 ? new LibrarySchedule(scheduled) : null;
    this.#made = made;
    this.#editions = editions;
    this.#isKnown = isWhole || this.#schedule !== null;
    return isWhole;
  }

  async #edition(id: string, { env }: Host): Promise<LibraryEdition | null> {
    isolateAsked.bucketReads++;
    try {
      const object = await env.SEGMENTS.get(libraryEditionKey(this.name, id));
      if (object) return libraryEditionSchema.parse(await object.json());
      console.warn("library has no such edition", this.name, id);
    } catch (error) {
      console.warn("library's edition cannot be read", this.name, id, String(error));
    }
    return null;
  }
}
