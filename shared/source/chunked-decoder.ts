import { ProtocolError } from "../protocol-error.ts";
import { LineReader } from "./line-reader.ts";
import { decodeLatin1 } from "./text.ts";

/** A size with its extensions; senders use none. Icecast's own limit for a whole head is 4,096. */
const maxSizeLineBytes = 1024;
/** All trailer lines together. */
const maxTrailerBytes = 4096;

/** Broken framing, with the data that was good before it in what was pushed: views, in order. */
export class ChunkFramingError extends ProtocolError {
  readonly before: readonly Uint8Array[];

  constructor(message: string, before: readonly Uint8Array[]) {
    super(message);
    this.before = before;
  }
}

/**
 * Takes the framing off a chunked body (RFC 9112 §7.1). Extensions and trailers are skipped, line endings may be
 * bare `\n`. What follows the last chunk is not looked at: a source's connection carries one request.
 */
export class ChunkedDecoder {
  readonly #lines = new LineReader();
  #state: "size" | "data" | "data-end" | "trailer" | "done" = "size";
  /** Bytes of the current chunk still to come. */
  #remaining = 0;
  /** Bytes of the current line, or of all trailers, so far. */
  #lineBytes = 0;

  /** The last chunk and its trailers have come. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** The data in `chunk`, in order, as views of it. Throws ChunkFramingError, and must not be used after that. */
  push(chunk: Uint8Array): Uint8Array[] {
    const data: Uint8Array[] = [];
    try {
      this.#take(chunk, data);
    } catch (error) {
      throw error instanceof ProtocolError ? new ChunkFramingError(error.message, data) : error;
    }
    return data;
  }

  #take(chunk: Uint8Array, data: Uint8Array[]): void {
    for (let offset = 0; offset < chunk.length && this.#state !== "done"; ) {
      if (this.#state === "data") {
        const part = chunk.subarray(offset, offset + this.#remaining);
        data.push(part);
        offset += part.length;
        this.#remaining -= part.length;
        if (this.#remaining === 0) this.#state = "data-end";
      } else {
        offset = this.#readLine(chunk, offset);
      }
    }
  }

  #readLine(chunk: Uint8Array, offset: number): number {
    const limit = this.#state === "trailer" ? maxTrailerBytes : maxSizeLineBytes;
    const allowed = chunk.subarray(0, offset + limit - this.#lineBytes);
    const line = this.#lines.read(allowed, offset);
    const next = line?.next ?? allowed.length;
    this.#lineBytes += next - offset;
    if (line !== null) this.#takeLine(line.bytes);
    else if (this.#lineBytes >= limit) throw new ProtocolError(`chunk framing is longer than ${limit} bytes`);
    return next;
  }

  #takeLine(line: Uint8Array): void {
    if (this.#state === "trailer") {
      if (line.length === 0) this.#state = "done";
      return;
    }
    this.#lineBytes = 0;
    if (this.#state === "data-end") {
      if (line.length > 0)
        throw new ProtocolError("expected the end of a chunk, got more data than its size");
      this.#state = "size";
      return;
    }
    this.#remaining = parseSize(line);
    this.#state = this.#remaining === 0 ? "trailer" : "data";
  }
}

function parseSize(line: Uint8Array): number {
  const text = decodeLatin1(line);
  const size = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/.exec(text)?.[1];
  if (size === undefined) {
    throw new ProtocolError(`expected a chunk size, got ${JSON.stringify(text.slice(0, 16))}`);
  }
  return Number.parseInt(size, 16);
}
