import type { BodyFraming } from "../../shared/source/body-framing.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { Header } from "../../shared/source/request-head.ts";
import { LineReader } from "../../shared/source/line-reader.ts";
import { decodeText, trimBlanks } from "../../shared/source/text.ts";

/** What a server of a stream answers before it: HTTP, or SHOUTcast's `ICY 200 OK`. */
export interface ReplyHead {
  readonly status: number;
  /** Names in lower case; lines that are none are left out, as players do. */
  readonly headers: readonly Header[];
}

export interface ReplyHeadLimits {
  readonly maxBytes: number;
  readonly maxHeaders: number;
}

/** Reads a reply's head from chunks, however they are cut. */
export class ReplyHeadParser {
  readonly #limits: ReplyHeadLimits;
  readonly #lines = new LineReader();
  readonly #headers: Header[] = [];
  #status: number | null = null;
  #bytes = 0;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(limits: ReplyHeadLimits) {
    this.#limits = limits;
  }

  /** The bytes after the head: a view of the last chunk pushed. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /** The head once its blank line has come, else null. Not to be called again after that. Throws ProtocolError. */
  push(chunk: Uint8Array): ReplyHead | null {
    const allowed = chunk.subarray(0, this.#limits.maxBytes - this.#bytes);
    for (let offset = 0; offset < allowed.length; ) {
      const line = this.#lines.read(allowed, offset);
      if (line === null) break;
      offset = line.next;
      const text = decodeText(line.bytes);
      if (this.#status === null) this.#status = statusOf(text);
      else if (text === "") {
        this.#rest = chunk.subarray(offset);
        return { status: this.#status, headers: this.#headers };
      } else this.#addHeader(text);
    }
    this.#bytes += allowed.length;
    if (this.#bytes >= this.#limits.maxBytes) throw new ProtocolError("the reply's head is too long");
    return null;
  }

  #addHeader(line: string): void {
    if (this.#headers.length >= this.#limits.maxHeaders)
      throw new ProtocolError("the reply has too many headers");
    const colon = line.indexOf(":");
    if (colon <= 0) return;
    this.#headers.push({
      name: trimBlanks(line.slice(0, colon)).toLowerCase(),
      value: trimBlanks(line.slice(colon + 1)),
    });
  }
}

function statusOf(line: string): number {
  const status = /^(?:HTTP\/1\.[01]|ICY) ([1-5]\d\d)(?:\s|$)/i.exec(line)?.[1];
  if (status === undefined) throw new ProtocolError("expected an HTTP or ICY reply");
  return Number(status);
}

/** The value of the first header of that name. */
export const replyHeader = (head: Pick<ReplyHead, "headers">, name: string): string | undefined =>
  head.headers.find((header) => header.name === name)?.value;

/** Where the reply's body ends (RFC 9112 §6.3). Throws ProtocolError for an encoding that is not known. */
export function replyFraming(head: Pick<ReplyHead, "headers">): BodyFraming {
  const encoding = replyHeader(head, "transfer-encoding")?.toLowerCase();
  if (encoding === "chunked") return { kind: "chunked" };
  if (encoding !== undefined && encoding !== "identity")
    throw new ProtocolError(`transfer encoding ${encoding}`);
  const length = replyHeader(head, "content-length");
  if (length !== undefined && /^\d{1,15}$/.test(length)) return { kind: "length", bytes: Number(length) };
  return { kind: "until-close" };
}
