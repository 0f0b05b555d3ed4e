import { ProtocolError } from "../protocol-error.ts";
import { LineReader } from "./line-reader.ts";
import { decodeText, hasControls, trimBlanks } from "./text.ts";

/** A header line as sent, its name in lower case, its value without surrounding white space. */
export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface RequestHead {
  /** Upper case. Icecast takes methods in any case. */
  readonly method: string;
  /** As sent, still percent-encoded; raw bytes as UTF-8 when valid, else Latin-1. Never has control characters. */
  readonly target: string;
  readonly version: "HTTP/1.0" | "HTTP/1.1" | "ICE/1.0";
  readonly headers: readonly Header[];
}

export interface RequestHeadLimits {
  /** Of the whole head, its blank line included. Icecast 2.4.4 allows 4,096. */
  readonly maxBytes: number;
  /** Header lines. Icecast 2.4.4 allows 32. */
  readonly maxHeaders: number;
}

/** "too-large": a limit was reached. "malformed": not a request that can be understood in exactly one way. */
export class RequestHeadError extends ProtocolError {
  readonly reason: "too-large" | "malformed";

  constructor(reason: "too-large" | "malformed", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Empty lines before the request line that are forgiven (RFC 9112 §2.2 asks for at least one). */
const maxLeadingEmptyLines = 4;

/**
 * Reads the head of a request from chunks, however they are cut. Lenient where real sources are sloppy and no
 * harm can come of it (line endings, raw UTF-8 and spaces in the target), strict where two readers of the same
 * bytes could disagree about where a message ends (RFC 9112 §5.1, §5.2, §6.3), because requests are passed on.
 */
export class RequestHeadParser {
  readonly #limits: RequestHeadLimits;
  readonly #lines = new LineReader();
  readonly #headers: Header[] = [];
  #requestLine: Omit<RequestHead, "headers"> | null = null;
  #bytes = 0;
  #emptyLines = 0;
  #rest: Uint8Array | null = null;

  constructor(limits: RequestHeadLimits) {
    this.#limits = limits;
  }

  /** The bytes after the head: a view of the last chunk pushed. Empty until the head is there. */
  get rest(): Uint8Array {
    return this.#rest ?? new Uint8Array(0);
  }

  /** The head once its blank line has come, else null. Not to be called again after that. Throws RequestHeadError. */
  push(chunk: Uint8Array): RequestHead | null {
    if (this.#rest !== null) throw new Error("the head is complete: read on from rest");
    const allowed = chunk.subarray(0, this.#limits.maxBytes - this.#bytes);
    for (let offset = 0; offset < allowed.length; ) {
      const line = this.#lines.read(allowed, offset);
      if (line === null) break;
      offset = line.next;
      if (line.bytes.length > 0) {
        this.#addLine(line.bytes);
        continue;
      }
      if (this.#requestLine !== null) {
        refuseUnsafeFraming(this.#headers);
        this.#rest = chunk.subarray(offset);
        return { ...this.#requestLine, headers: this.#headers };
      }
      if (++this.#emptyLines > maxLeadingEmptyLines) throw malformed("expected a request, got empty lines");
    }
    this.#refuseOtherProtocols();
    this.#bytes += allowed.length;
    if (allowed.length < chunk.length || this.#bytes === this.#limits.maxBytes) {
      throw new RequestHeadError("too-large", `request head is longer than ${this.#limits.maxBytes} bytes`);
    }
    return null;
  }

  #addLine(bytes: Uint8Array): void {
    if (this.#requestLine === null) {
      this.#requestLine = parseRequestLine(bytes);
      return;
    }
    if (this.#headers.length === this.#limits.maxHeaders) {
      throw new RequestHeadError("too-large", `request has more than ${this.#limits.maxHeaders} headers`);
    }
    this.#headers.push(parseHeaderLine(bytes));
  }

  /** TLS, MP3 and other binary data may hold no line feed for long: the first byte tells at once. */
  #refuseOtherProtocols(): void {
    const first = this.#lines.held[0];
    if (this.#requestLine !== null || first === undefined || first === 0x0d) return;
    if (!/[A-Za-z]/.test(String.fromCharCode(first))) {
      throw malformed(`expected a method, got the byte 0x${first.toString(16).padStart(2, "0")}`);
    }
  }
}

/** The value of the first header of that name (lower case), or undefined. */
export function header(head: Pick<RequestHead, "headers">, name: string): string | undefined {
  return head.headers.find((candidate) => candidate.name === name)?.value;
}

/**
 * Whether the source waits for `100 Continue`. RFC 9110 has servers ignore the header in HTTP/1.0 requests, but
 * liquidsoap's `method="put"` sends it there and drops the connection when no 100 comes.
 */
export function expectsContinue(head: Pick<RequestHead, "headers">): boolean {
  return header(head, "expect")?.toLowerCase() === "100-continue";
}

function parseRequestLine(bytes: Uint8Array): Omit<RequestHead, "headers"> {
  const text = decodeText(bytes);
  if (hasControls(text) || text.includes("\t")) throw malformed("request line has a control character");
  const line = trimBlanks(text);
  const method = text.slice(0, Math.max(text.indexOf(" "), 0));
  const last = line.lastIndexOf(" ");
  const target = trimBlanks(line.slice(method.length, Math.max(last, 0)));
  const version = line.slice(last + 1);
  if (!/^[A-Za-z]{1,32}$/.test(method) || target === "" || !isVersion(version)) {
    // Not quoted: a SHOUTcast source on the wrong port sends its password here.
    throw malformed("expected a method, a target and HTTP/1.0 or HTTP/1.1");
  }
  return { method: method.toUpperCase(), target, version };
}

function parseHeaderLine(bytes: Uint8Array): Header {
  const text = decodeText(bytes);
  if (/^[ \t]/.test(text)) throw malformed("a header is continued on the next line");
  if (hasControls(text)) throw malformed("a header has a control character");
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(colon, 0));
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    // Not quoted: whatever stands here may be a password in the wrong place.
    throw malformed(colon < 0 ? "a header has no colon" : "a header's name has a character it must not have");
  }
  return { name: name.toLowerCase(), value: trimBlanks(text.slice(colon + 1)) };
}

/** RFC 9112 §6.3: lengths that disagree, or a length beside chunks, end the message in two places. */
function refuseUnsafeFraming(headers: readonly Header[]): void {
  const lengths = headers.filter(({ name }) => name === "content-length").map(({ value }) => value);
  if (lengths.some((value) => !/^[0-9]{1,15}$/.test(value)))
    throw malformed("Content-Length is not a number");
  if (new Set(lengths).size > 1) throw malformed("two different Content-Lengths");
  if (lengths.length > 0 && headers.some(({ name }) => name === "transfer-encoding")) {
    throw malformed("both Content-Length and Transfer-Encoding");
  }
}

function isVersion(text: string): text is RequestHead["version"] {
  return text === "HTTP/1.0" || text === "HTTP/1.1" || text === "ICE/1.0";
}

function malformed(message: string): RequestHeadError {
  return new RequestHeadError("malformed", message);
}
