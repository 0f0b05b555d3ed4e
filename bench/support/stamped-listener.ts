import * as http from "node:http";
import { IcyDeinterleaver } from "../../shared/icy.ts";
import type { Histogram } from "./histogram.ts";
import { ModelPlayer } from "./model-player.ts";
import { StampedReader } from "./stamped-reader.ts";
import type { StampedSource } from "./stamped-source.ts";

/** A listener of a stamped source, who knows how old each frame is that comes. */
export class StampedListener {
  /** From the call that opens the connection, ms; null until then. */
  firstByteMs: number | null = null;
  /** How long ago the first whole frame had been sent when it came, ms; null until then. */
  behindMs: number | null = null;
  failed = false;
  /** Starts half a second after the first byte. */
  readonly player: ModelPlayer;
  readonly #source: StampedSource;
  readonly #wireMs: Histogram;
  readonly #openedMs = performance.now();
  readonly #reader = new StampedReader();
  readonly #request: http.ClientRequest;
  #icy: IcyDeinterleaver | null = null;
  #audioBytes = 0;

  /** Adds to `wireMs` how old each frame is that was sent after the first byte had come. */
  constructor(options: {
    readonly url: string;
    readonly source: StampedSource;
    readonly bytesPerSecond: number;
    readonly wireMs: Histogram;
  }) {
    this.#source = options.source;
    this.#wireMs = options.wireMs;
    this.player = new ModelPlayer(options.bytesPerSecond, 500);
    this.#request = http.get(options.url, { headers: { "Icy-MetaData": "1" }, agent: false }, (response) => {
      if (response.statusCode !== 200) this.failed = true;
      const metaint = Number(response.headers["icy-metaint"] ?? 0);
      this.#icy = metaint > 0 ? new IcyDeinterleaver(metaint) : null;
      response.on("data", (chunk: Buffer) => this.#take(chunk));
      response.on("error", () => (this.failed = true));
      response.on("close", () => (this.failed = true));
    });
    this.#request.on("error", () => (this.failed = true));
  }

  close(): void {
    this.player.look(performance.now());
    this.#request.destroy();
  }

  #take(chunk: Buffer): void {
    const now = performance.now();
    this.firstByteMs ??= now - this.#openedMs;
    const firstByteAt = this.#openedMs + this.firstByteMs;
    for (const audio of this.#icy?.push(chunk).audio ?? [chunk]) {
      this.#audioBytes += audio.length;
      for (const number of this.#reader.push(audio)) {
        const sentAt = this.#source.sentAtMs[number] ?? Number.NaN;
        this.behindMs ??= now - sentAt;
        if (sentAt > firstByteAt) this.#wireMs.add(now - sentAt);
      }
    }
    this.player.got(this.#audioBytes, now);
  }
}
