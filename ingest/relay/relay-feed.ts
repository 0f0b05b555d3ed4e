import { type FoundTitle, IcyDeinterleaver } from "../../shared/icy.ts";
import type { MountPath } from "../../shared/units.ts";
import { relayTitleMs, relayTitles } from "../station-limits.ts";
import { NoAudioError, type SourceSession } from "../source-session.ts";

type Session = Pick<SourceSession, "mount" | "push" | "end" | "setTitle">;

export interface RelayFeedOptions {
  readonly session: Session;
  /** Bytes between two metadata blocks of the stream; 0: it has none. */
  readonly metaint: number;
  /** Whether its titles are the mount's. */
  readonly titles: boolean;
  readonly onEnd: (reason: string) => void;
}

/** Stands between a relayed stream and its session: takes the metadata blocks out and sets each title where it stood. */
export class RelayFeed {
  readonly mount: MountPath;
  readonly #options: RelayFeedOptions;
  readonly #icy: IcyDeinterleaver | null;
  /** Audio bytes given to the session. */
  #audioBytes = 0;
  #title = "";
  readonly #allowance = new TitleAllowance();
  /** The newest one that came when there were too many. */
  #held: FoundTitle | null = null;
  #ended: Promise<void> | null = null;

  constructor(options: RelayFeedOptions) {
    this.#options = options;
    this.mount = options.session.mount;
    this.#icy = options.metaint > 0 ? new IcyDeinterleaver(options.metaint) : null;
  }

  /** As `SourceSession.push`. */
  push(chunk: Uint8Array): number {
    const { session } = this.#options;
    if (!this.#icy) return session.push(chunk);
    const { audio, titles } = this.#icy.push(chunk);
    let delayMs = 0;
    for (const part of audio) {
      this.#setTitles(titles);
      delayMs = session.push(part);
      this.#audioBytes += part.length;
    }
    this.#setTitles(titles);
    return delayMs;
  }

  /** Only the first call counts. */
  end(reason: string): Promise<void> {
    if (!this.#ended) this.#options.onEnd(reason);
    this.#ended ??= this.#options.session.end(reason);
    return this.#ended;
  }

  /** Titles whose blocks stand before the next byte of audio. The same one again is none: Icecast repeats it to each newcomer. */
  #setTitles(titles: FoundTitle[]): void {
    for (let next = titles[0]; next && next.atByte <= this.#audioBytes; next = titles[0]) {
      titles.shift();
      this.#held = next;
    }
    const title = this.#held;
    if (title === null || !this.#options.titles || !this.#isNew(title)) this.#held = null;
    else if (this.#allowance.take(performance.now())) {
      this.#held = null;
      this.#title = keyOf(title);
      const { text, url } = title;
      this.#options.session.setTitle(url === undefined ? { text } : { text, url });
    }
  }

  #isNew(title: FoundTitle): boolean {
    return keyOf(title) !== this.#title && !(this.#title === "" && title.text === "");
  }
}

const keyOf = ({ text, url }: FoundTitle): string => JSON.stringify([text, url]);

/** Titles cost log lines, webhooks and room in segments, and a server may send thousands in a second: of many the newest counts. */
class TitleAllowance {
  #left: number = relayTitles;
  #sinceMs = 0;

  /** Whether one more may be set at `now`, ms. */
  take(now: number): boolean {
    this.#left = Math.min(relayTitles, this.#left + (now - this.#sinceMs) / relayTitleMs);
    this.#sinceMs = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** The interval that a server named; 0 where it named none. Throws NoAudioError for one that cannot be. */
export function metaintOf(value: string | undefined): number {
  if (value === undefined || value === "" || value === "0") return 0;
  const metaint = /^\d{1,8}$/.test(value) ? Number(value) : 0;
  if (metaint < 1) throw new NoAudioError("the stream's icy-metaint is not a number");
  return metaint;
}
