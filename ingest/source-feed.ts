import type { Socket } from "node:net";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { BodyFraming } from "../shared/source/body-framing.ts";
import { ChunkedDecoder, ChunkFramingError } from "../shared/source/chunked-decoder.ts";
import { finish } from "./client-socket.ts";
import { feedBytes } from "./limits.ts";
import { type Log, reasonOf } from "./log.ts";
import { NoAudioError, type SourceSession } from "./source-session.ts";

export interface SourceFeedOptions {
  readonly socket: Socket;
  readonly session: Pick<SourceSession, "mount" | "push" | "end">;
  readonly framing: BodyFraming;
  readonly sourceTimeoutMs: number;
  readonly log: Log;
}

const nothing: Uint8Array = new Uint8Array(0);

/** Brings a source's body from its socket to its session, no faster than the session takes it. */
export class SourceFeed {
  readonly #options: SourceFeedOptions;
  readonly #body: SourceBody;
  /** Read from the socket, not yet given to the session: it is far enough ahead. */
  #held = nothing;
  /** Nothing will follow what is held. */
  #closed = false;
  #ended = false;
  /** The wait until more may be taken. */
  #hold: NodeJS.Timeout | undefined;
  /** Looks whether the source has fallen silent. Armed once and again: not for every chunk, of which there are many. */
  #patience: NodeJS.Timeout | undefined;
  /** When something came last, or was taken. */
  #heardMs = 0;

  constructor(options: SourceFeedOptions) {
    this.#options = options;
    this.#body = openBody(options.framing);
  }

  /** `rest` is what of the body came with the head. */
  start(rest: Uint8Array): void {
    const { socket } = this.#options;
    // Node tells the end of what it has read even while the socket is paused.
    socket.on("end", () => this.#close());
    socket.on("close", () => this.#end("the connection was lost"));
    socket.on("data", this.#take);
    this.#take(rest);
    this.#watch();
    // Either event may have come while the mount was being claimed.
    if (socket.destroyed || socket.readableEnded) this.#close();
  }

  readonly #take = (chunk: Uint8Array): void => {
    this.#held = chunk;
    this.#feed();
  };

  #feed(): void {
    const { socket } = this.#options;
    this.#heardMs = performance.now();
    try {
      while (this.#held.length > 0) {
        const delayMs = this.#feedPiece();
        if (this.#body.done) return this.#drop("the source ended its body");
        if (delayMs > 0 && !this.#ended) return this.#pause(delayMs);
      }
    } catch (error) {
      if (error instanceof NoAudioError || error instanceof ProtocolError) return this.#drop(error.message);
      // A defect that one source's bytes bring out must not take the other sources off the air.
      this.#options.log.error({ mount: this.#options.session.mount, err: error }, "source failed");
      return this.#drop(reasonOf(error));
    }
    if (this.#closed) this.#end("the source closed its connection");
    else socket.resume();
  }

  #feedPiece(): number {
    const isLast = this.#held.length <= feedBytes;
    const piece = isLast ? this.#held : this.#held.subarray(0, feedBytes);
    this.#held = isLast ? nothing : this.#held.subarray(feedBytes);
    try {
      return this.#pushAll(this.#body.push(piece));
    } catch (error) {
      if (error instanceof ChunkFramingError) this.#pushAll(error.before);
      throw error;
    }
  }

  #pushAll(parts: readonly Uint8Array[]): number {
    let delayMs = 0;
    for (const part of parts) delayMs = this.#options.session.push(part);
    return delayMs;
  }

  #watch(): void {
    if (this.#ended) return;
    const { sourceTimeoutMs } = this.#options;
    const silentMs = this.#hold === undefined ? performance.now() - this.#heardMs : 0;
    if (silentMs >= sourceTimeoutMs) return this.#end(`silent for ${sourceTimeoutMs} ms`);
    this.#patience = setTimeout(() => this.#watch(), Math.ceil(sourceTimeoutMs - silentMs));
  }

  #pause(delayMs: number): void {
    this.#options.socket.pause();
    clearTimeout(this.#hold);
    this.#hold = setTimeout(() => {
      this.#hold = undefined;
      this.#feed();
    }, delayMs);
  }

  #close(): void {
    this.#closed = true;
    if (this.#held.length === 0) this.#end("the source closed its connection");
  }

  /** Ends without what is held. */
  #drop(reason: string): void {
    this.#held = nothing;
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const { socket, session } = this.#options;
    // It was sent, so it is published, however far ahead.
    this.#feed();
    clearTimeout(this.#hold);
    clearTimeout(this.#patience);
    socket.off("data", this.#take);
    void session.end(reason);
    finish(socket);
  }
}

interface SourceBody {
  push(chunk: Uint8Array): readonly Uint8Array[];
  readonly done: boolean;
}

function openBody(framing: BodyFraming): SourceBody {
  if (framing.kind === "chunked") return new ChunkedDecoder();
  if (framing.kind !== "length") return { push: (chunk) => [chunk], done: false };
  let remaining = framing.bytes;
  return {
    push(chunk) {
      const part = chunk.subarray(0, remaining);
      remaining -= part.length;
      return [part];
    },
    get done() {
      return remaining === 0;
    },
  };
}
