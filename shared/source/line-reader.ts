const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const initialBytes = 256;

/** A line without its ending (a view, valid until the next call) and where the bytes after it begin. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly next: number;
}

/**
 * Cuts chunks into lines. Real sources end lines with `\r\n`, `\n` and `\r\r\n`, several of them in one head
 * (darkice), so a line ends at `\n` and loses up to two `\r` before it. The caller bounds what it feeds.
 */
export class LineReader {
  #held = new Uint8Array(initialBytes);
  #size = 0;

  /** The bytes of the line that has not ended yet, as they came (a view, valid until the next call). */
  get held(): Uint8Array {
    return this.#held.subarray(0, this.#size);
  }

  /** The line that ends first at or after `offset`, or null when the chunk ends before it does. */
  read(chunk: Uint8Array, offset: number): Line | null {
    const end = chunk.indexOf(lineFeed, offset);
    if (end < 0) {
      this.#hold(chunk.subarray(offset));
      return null;
    }
    if (this.#size === 0) return { bytes: withoutReturns(chunk.subarray(offset, end)), next: end + 1 };
    this.#hold(chunk.subarray(offset, end));
    const bytes = withoutReturns(this.held);
    this.#size = 0;
    return { bytes, next: end + 1 };
  }

  #hold(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#held.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#held.length));
      grown.set(this.held);
      this.#held = grown;
    }
    this.#held.set(bytes, this.#size);
    this.#size = size;
  }
}

function withoutReturns(line: Uint8Array): Uint8Array {
  let end = line.length;
  while (end > 0 && line.length - end < 2 && line[end - 1] === carriageReturn) end--;
  return line.subarray(0, end);
}
