import * as http from "node:http";
import { durationMs } from "../../shared/segment.ts";
import { type FoundTitle, IcyDeinterleaver } from "../../shared/icy.ts";
import { FrameCheck, type FrameList } from "./frame-check.ts";

export interface TitleSeen {
  readonly text: string;
  /** Frames of the source this listener had before the title's block. */
  readonly afterFrames: number;
  /** Index in the source's file of the last frame before the block. */
  readonly afterIndex: number;
}

/**
 * A listener that keeps nothing and checks everything: every frame against the source's, every metadata block, and
 * whether a player that starts half a second after the first byte would ever have run dry.
 */
export class CheckedListener {
  readonly check: FrameCheck;
  readonly titles: TitleSeen[] = [];
  readonly problems: string[] = [];
  headers: http.IncomingHttpHeaders = {};
  status = 0;
  ended = false;
  firstByteMs = 0;
  /** Least audio in hand of the model player, ms. */
  leastInHandMs = Number.POSITIVE_INFINITY;
  readonly #request: http.ClientRequest;
  readonly #frame: { readonly samples: number; readonly sampleRate: number };
  #icy: IcyDeinterleaver | null = null;
  #audioBytes = 0;

  constructor(
    url: string,
    options: {
      readonly list: FrameList;
      readonly frame: { readonly samples: number; readonly sampleRate: number };
      readonly icy: boolean;
    },
  ) {
    this.check = new FrameCheck(options.list);
    this.#frame = options.frame;
    const headers = options.icy ? { "Icy-MetaData": "1" } : {};
    this.#request = http.get(url, { headers, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      const metaint = Number(response.headers["icy-metaint"] ?? 0);
      if (options.icy && metaint === 0) this.problems.push("no icy-metaint");
      if (metaint > 0) this.#icy = new IcyDeinterleaver(metaint);
      response.on("data", (chunk: Buffer) => this.#take(chunk));
      response.on("end", () => {
        this.ended = true;
      });
      response.on("error", () => {
        this.ended = true;
      });
    });
    this.#request.on("error", (error) => {
      this.ended = true;
      if (this.status === 0) this.problems.push(String(error));
    });
  }

  /** Leaves, and tells everything that was wrong. */
  close(): readonly string[] {
    this.#request.destroy();
    return [...this.problems, ...this.check.problems];
  }

  /** Notes the titles whose blocks stand where the audio has got to. */
  #see(titles: FoundTitle[]): void {
    for (let next = titles[0]; next && next.atByte <= this.#audioBytes; next = titles[0]) {
      this.titles.push({ text: next.text, afterFrames: this.check.frames, afterIndex: this.check.last });
      titles.shift();
    }
  }

  #take(chunk: Uint8Array): void {
    const now = Date.now();
    if (this.firstByteMs === 0) this.firstByteMs = now;
    const playedMs = now - this.firstByteMs - playerStartMs;
    const heldMs = durationMs({
      samples: (this.check.frames + this.check.primers) * this.#frame.samples,
      sampleRate: this.#frame.sampleRate,
    });
    if (playedMs > 0) this.leastInHandMs = Math.min(this.leastInHandMs, heldMs - playedMs);
    if (!this.#icy) {
      this.check.push(chunk);
      return;
    }
    const { audio, titles } = this.#icy.push(chunk);
    for (const part of audio) {
      this.#see(titles);
      this.check.push(part);
      this.#audioBytes += part.length;
    }
    this.#see(titles);
  }
}

/** The model player starts this long after its first byte. */
const playerStartMs = 500;
