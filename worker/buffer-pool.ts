import { pooledBufferBytes, pooledBuffersBytes } from "./limits.ts";

/**
 * Buffers that are filled again and again: a new one for every listener and segment costs more in allocation and
 * collection than the copy into it. Sizes are rounded up, so that segments of nearly the same length share them.
 */
export class BufferPool {
  readonly #free = new Map<number, ArrayBuffer[]>();
  #bytes = 0;

  /** `size` bytes with whatever was in them. */
  take(size: number): Uint8Array {
    const capacity = Math.ceil(Math.max(1, size) / pooledBufferBytes) * pooledBufferBytes;
    const buffer = this.#free.get(capacity)?.pop();
    if (buffer) this.#bytes -= capacity;
    return new Uint8Array(buffer ?? new ArrayBuffer(capacity), 0, size);
  }

  /** The buffer may be filled anew from now on. It is one of `take`, given back once. */
  give({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || this.#bytes + buffer.byteLength > pooledBuffersBytes) return;
    this.#bytes += buffer.byteLength;
    const free = this.#free.get(buffer.byteLength);
    if (free) free.push(buffer);
    else this.#free.set(buffer.byteLength, [buffer]);
  }
}
