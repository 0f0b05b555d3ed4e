/** What a listener has of one reply. Nothing of it is kept. */
export interface Heard {
  /** Null until the head is whole. */
  readonly status: number | null;
  /** Bytes of the body, metadata blocks included, chunk framing taken off. */
  readonly bodyBytes: number;
}

/** Reads the reply to a GET: its head, then a body that is chunked or ends with the connection. Counts, keeps nothing. */
export class StreamCounter implements Heard {
  status: number | null = null;
  bodyBytes = 0;
  #head = "";
  #chunked = false;
  /** Of the chunk that is open. */
  #left = 0;
  /** Of the line that says how long the next chunk is. */
  #size = "";

  /** Throws when the reply is no HTTP. */
  push(bytes: Buffer): void {
    if (this.status === null) {
      this.#head += bytes.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return;
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(this.#head)?.[1];
      if (status === undefined) throw new Error(`no HTTP: ${JSON.stringify(this.#head.slice(0, 80))}`);
      this.status = Number(status);
      this.#chunked = /^transfer-encoding: *chunked/im.test(this.#head.slice(0, end));
      const rest = Buffer.from(this.#head.slice(end + 4), "latin1");
      this.#head = "";
      return this.#body(rest);
    }
    this.#body(bytes);
  }

  #body(bytes: Buffer): void {
    if (!this.#chunked) {
      this.bodyBytes += bytes.length;
      return;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, bytes.length - at);
        this.#left -= step;
        at += step;
        this.bodyBytes += step;
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) {
        this.#size += bytes.toString("latin1", at);
        return;
      }
      this.#size += bytes.toString("latin1", at, end);
      at = end + 1;
      // The line break after a chunk makes an empty line.
      const size = this.#size.trim();
      this.#size = "";
      if (size !== "") this.#left = Number.parseInt(size, 16);
    }
  }
}
