import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";

/**
 * A file that is read piece by piece, by calls that block: the thread has nothing else to do, and the process's few
 * threads for files stay free. Open files are closed by whoever opened them.
 */
export class TrackBytes {
  /** Bytes when it was opened; what is appended later is not read. */
  readonly size: number;
  readonly #descriptor: number;
  readonly #opened: Stats;

  /** Throws what the file system says, and for what is no regular file. A pipe is not waited for. */
  constructor(path: string) {
    this.#descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const seen = fstatSync(this.#descriptor);
      if (!seen.isFile()) throw new Error("is no file");
      this.#opened = seen;
      this.size = seen.size;
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** Bytes from `start` on, fewer at the end. A copy. */
  read(start: number, length: number): Buffer {
    const from = Math.max(0, start);
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.size - from)));
    return bytes.subarray(0, this.#fill(bytes, from));
  }

  /** In order; each is valid until the next. */
  *pieces(start: number, end: number, size: number): Generator<Uint8Array> {
    const buffer = Buffer.alloc(size);
    for (let at = start; at < end; ) {
      const count = this.#fill(buffer.subarray(0, Math.min(size, end - at)), at);
      if (count === 0) return;
      yield buffer.subarray(0, count);
      at += count;
    }
  }

  /** Whether anybody has written to it since, even if its size and time are what they were. */
  get hasChanged(): boolean {
    const { size, mtimeMs, ctimeMs } = fstatSync(this.#descriptor);
    return size !== this.size || mtimeMs !== this.#opened.mtimeMs || ctimeMs !== this.#opened.ctimeMs;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #fill(buffer: Buffer, from: number): number {
    let filled = 0;
    while (filled < buffer.length) {
      const count = readSync(this.#descriptor, buffer, filled, buffer.length - filled, from + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }
}
