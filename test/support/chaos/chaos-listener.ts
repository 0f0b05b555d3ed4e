import * as http from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import { type FoundTitle, IcyDeinterleaver } from "../../../shared/icy.ts";
import { type FrameKind, frameMs, primes, readFrame } from "./stamped-frame.ts";
import type { TitleBook } from "./title-book.ts";

export interface ChaosListenerOptions {
  readonly url: string;
  readonly icy: boolean;
  readonly titles: TitleBook;
  /** In place of a connection of its own. */
  readonly connect?: () => Duplex;
}

type SourceFrame = Extract<FrameKind, { readonly kind: "source" }>;

/** A player starts this long after its first byte. */
const playerStartMs = 500;
const retryMs = 100;
/** The largest Layer III frame: what waits for its end is less. */
const heldLimitBytes = 1_441;

/**
 * A listener that checks every byte: whole frames alone, the metadata counter exact, each frame in its place, each title that
 * of its frames. Comes back every 100 ms when its connection is ended by the other side.
 */
export class ChaosListener {
  /** Connections that the other side ended. */
  dropped = 0;
  /** From the end of a connection to the next one's first byte, ms. */
  readonly rejoinMs: number[] = [];
  longestWithoutBytesMs = 0;
  /** Longest time a player had nothing to play, ms. */
  longestDryMs = 0;
  sourceFrames = 0;
  silentFrames = 0;
  primers = 0;
  damaged = 0;
  /** Frames of a source that were left out between two that were heard. */
  lost = 0;
  /** Frames heard twice on one connection. */
  repeated = 0;
  /** Frames that came after later ones of their source. */
  outOfOrder = 0;
  titlesWrong = 0;
  /** What was wrong, and what was left out. */
  readonly notes: string[] = [];
  readonly skips: string[] = [];
  readonly #options: ChaosListenerOptions;
  #left = false;
  #request: http.ClientRequest | null = null;
  #lastByteAt = 0;
  #endedAt = 0;
  /** When the player has played all it was given. */
  #dryAt = 0;
  /** Highest number heard of each source, over all connections. */
  readonly #highest = new Map<number, number>();
  /** Of one connection. */
  #icy: IcyDeinterleaver | null = null;
  #metaint = 0;
  #pendingTitles: FoundTitle[] = [];
  #audioBytes = 0;
  #held: Buffer = Buffer.alloc(0);
  #heard = new Set<string>();
  #before: { readonly source: number; readonly number: number } | null = null;
  #primer: Buffer | null = null;
  /** What the blocks so far have said. */
  #title = "";
  #titleWasWrong = false;
  /** Audio byte of the first metadata block that could speak of what is heard now. */
  #toldAtByte = 0;

  constructor(options: ChaosListenerOptions) {
    this.#options = options;
    void this.#run();
  }

  get hasStarted(): boolean {
    return this.sourceFrames > 0;
  }

  /** Leaves; the counts are final then. */
  close(): void {
    if (this.#left) return;
    this.#left = true;
    this.#waited(performance.now());
    this.#request?.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#left) {
      await this.#listen();
      if (!this.#left) await sleep(retryMs);
    }
  }

  /** One connection, to its end. */
  #listen(): Promise<void> {
    return new Promise((resolve) => {
      let answered = false;
      let ended = false;
      const end = (why: string) => {
        if (ended) return;
        ended = true;
        if (answered && !this.#left) {
          this.dropped++;
          this.#endedAt = performance.now();
          this.#note(`dropped: ${why}`);
        }
        resolve();
      };
      const headers = this.#options.icy ? { "Icy-MetaData": "1" } : {};
      const { url, connect } = this.#options;
      const way = connect ? { createConnection: connect } : { agent: false };
      const request = http.get(url, { headers, ...way }, (response) => {
        if (response.statusCode !== 200) {
          response.resume();
          request.destroy();
          return;
        }
        answered = true;
        this.#begin(Number(response.headers["icy-metaint"] ?? 0));
        response.on("data", (chunk: Buffer) => this.#take(chunk));
        response.on("end", () => end("the stream ended"));
        response.on("error", (error) => end(error.message));
        response.on("close", () => end("closed"));
      });
      this.#request = request;
      request.on("error", (error) => end(error.message));
      request.on("close", () => end("closed"));
    });
  }

  #begin(metaint: number): void {
    if (this.#options.icy && metaint === 0) this.#spoil("no icy-metaint");
    this.#icy = metaint > 0 ? new IcyDeinterleaver(metaint) : null;
    this.#metaint = metaint;
    this.#pendingTitles = [];
    this.#audioBytes = 0;
    this.#held = Buffer.alloc(0);
    this.#heard = new Set();
    this.#before = null;
    this.#primer = null;
    this.#title = "";
    this.#titleWasWrong = false;
  }

  #take(chunk: Buffer): void {
    if (this.#left) return;
    const now = performance.now();
    if (this.#endedAt > 0) this.rejoinMs.push(now - this.#endedAt);
    this.#endedAt = 0;
    this.#waited(now);
    this.#lastByteAt = now;
    if (!this.#icy) return this.#push(chunk);
    const { audio, titles } = this.#icy.push(chunk);
    this.#pendingTitles.push(...titles);
    for (const part of audio) {
      this.#seeTitles();
      this.#push(part);
      this.#audioBytes += part.length;
    }
    this.#seeTitles();
  }

  #waited(now: number): void {
    if (this.#lastByteAt > 0)
      this.longestWithoutBytesMs = Math.max(this.longestWithoutBytesMs, now - this.#lastByteAt);
    if (this.#dryAt === 0) this.#dryAt = now + playerStartMs;
    else if (now > this.#dryAt) {
      this.longestDryMs = Math.max(this.longestDryMs, now - this.#dryAt);
      this.#dryAt = now;
    }
  }

  #seeTitles(): void {
    for (
      let next = this.#pendingTitles[0];
      next && next.atByte <= this.#audioBytes;
      next = this.#pendingTitles[0]
    ) {
      this.#title = next.text;
      this.#titleWasWrong = false;
      this.#pendingTitles.shift();
    }
  }

  #push(part: Uint8Array): void {
    const bytes = Buffer.concat([this.#held, part]);
    const from = this.#audioBytes - this.#held.length;
    let end = 0;
    for (const { offset, size } of mp3.indexFrames(bytes)) {
      end = offset + size;
      this.#frame(bytes.subarray(offset, end), from + offset);
    }
    this.#held = bytes.subarray(end);
    if (this.#held.length > heldLimitBytes) {
      this.#spoil(`${this.#held.length} bytes that are no frame after ${this.#place()}`);
      this.#held = Buffer.alloc(0);
    }
  }

  /** `atByte`: the audio bytes of the connection before it. */
  #frame(bytes: Buffer, atByte: number): void {
    const frame = readFrame(bytes);
    this.#dryAt += frameMs;
    switch (frame.kind) {
      case "damaged":
        return this.#spoil(`a damaged frame after ${this.#place()}`);
      case "primer":
        this.primers++;
        this.#primer = Buffer.from(bytes);
        return;
      case "silence":
        this.silentFrames++;
        this.#before = null;
        return;
      case "source":
        this.#sourceFrame(frame, atByte);
    }
  }

  #sourceFrame({ source, number, first }: SourceFrame, atByte: number): void {
    this.sourceFrames++;
    const primer = this.#primer;
    this.#primer = null;
    const before = this.#before;
    const follows = before?.source === source && before.number === number - 1;
    this.#before = { source, number };
    if (!first && !(follows && !primer)) {
      if (!primer) this.#spoil(`no primer before frame ${source}:${number}`);
      else if (!primes(primer, source, number))
        this.#spoil(`a wrong primer before frame ${source}:${number}`);
    }
    const name = `${source}:${number}`;
    const highest = this.#highest.get(source);
    if (this.#heard.has(name)) {
      this.repeated++;
      this.#note(`frame ${name} again`);
    } else if (highest !== undefined && number > highest + 1) {
      this.lost += number - highest - 1;
      this.#note(`frames ${source}:${highest + 1} to ${number - 1} left out`, this.skips);
    } else if (highest !== undefined && number < highest && before && !follows) {
      this.outOfOrder++;
      this.#note(`frame ${name} after ${highest}`);
    }
    this.#heard.add(name);
    this.#highest.set(source, Math.max(highest ?? 0, number));
    if (this.#icy) this.#checkTitle({ source, number, follows, atByte });
  }

  #checkTitle(frame: {
    readonly source: number;
    readonly number: number;
    readonly follows: boolean;
    readonly atByte: number;
  }): void {
    const { source, number, follows, atByte } = frame;
    // Where playback does not continue the title may be another one, and only the next block can say so.
    if (!follows) this.#toldAtByte = Math.ceil(Math.max(atByte, 1) / this.#metaint) * this.#metaint;
    if (atByte < this.#toldAtByte || this.#titleWasWrong) return;
    this.#titleWasWrong = this.#options.titles.isWrong(this.#title, source, number);
    if (!this.#titleWasWrong) return;
    this.titlesWrong++;
    this.#note(`title ${JSON.stringify(this.#title)} at frame ${source}:${number}`);
  }

  #place(): string {
    return this.#before ? `frame ${this.#before.source}:${this.#before.number}` : "no frame";
  }

  #spoil(what: string): void {
    this.damaged++;
    this.#note(what);
  }

  #note(what: string, notes = this.notes): void {
    if (notes.length < 40) notes.push(what);
  }
}
