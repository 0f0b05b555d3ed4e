import { concatenate } from "../concatenate.ts";
import { ProtocolError } from "../protocol-error.ts";
import { LineReader } from "./line-reader.ts";
import type { Header, RequestHeadLimits } from "./request-head.ts";
import { decodeText, hasControls, trimBlanks } from "./text.ts";

export type ShoutcastEvent =
  /**
   * The first line has come: answer `OK2` or close. `password` is what follows `user`; `unsplit` is both as sent,
   * for a station whose one password has a colon or a comma in it.
   */
  | {
      readonly kind: "password";
      readonly user?: string;
      readonly password: string;
      readonly unsplit: string;
      readonly mount?: string;
    }
  /** The blank line has come: what follows, `rest` first, is audio. */
  | { readonly kind: "headers"; readonly headers: readonly Header[] }
  /** libshout asks whether this is a SHOUTcast port: close without an answer, as Icecast does. */
  | { readonly kind: "probe" }
  /** Not SHOUTcast but an HTTP request, all of whose bytes so far are in `rest`. */
  | { readonly kind: "http" };

/**
 * The source side of SHOUTcast v1: a password line, then `icy-*` headers up to a blank line, then audio. Clients
 * either wait for `OK2` after the password (liquidsoap) or send everything in one segment, audio included (butt,
 * libshout, Pure Data). Lines end with `\r\n`, `\n` or `\r\r\n`.
 */
export class ShoutcastLoginParser {
  readonly #limits: RequestHeadLimits;
  readonly #lines = new LineReader();
  readonly #headers: Header[] = [];
  #state: "password" | "headers" | "done" = "password";
  #bytes = 0;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(limits: RequestHeadLimits) {
    this.#limits = limits;
  }

  /** After "headers": the audio that came with them, a view of the last chunk. After "http": every byte so far. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /** Not to be called again after any event but "password". Throws ProtocolError. */
  push(chunk: Uint8Array): ShoutcastEvent[] {
    if (this.#state === "done") throw new Error("the login is complete: read on from rest");
    const events: ShoutcastEvent[] = [];
    const allowed = chunk.subarray(0, this.#limits.maxBytes - this.#bytes);
    const before = this.#state === "password" ? this.#lines.held.slice() : new Uint8Array(0);
    for (let offset = 0; offset < allowed.length; ) {
      const line = this.#lines.read(allowed, offset);
      if (line === null) break;
      offset = line.next;
      const event = this.#takeLine(line.bytes);
      if (event === null) continue;
      events.push(event);
      if (event.kind === "password") continue;
      this.#state = "done";
      this.#rest = event.kind === "http" ? concatenate([before, chunk]) : chunk.subarray(offset);
      return events;
    }
    this.#bytes += allowed.length;
    if (allowed.length < chunk.length || this.#bytes === this.#limits.maxBytes) {
      throw new ProtocolError(`SHOUTcast login is longer than ${this.#limits.maxBytes} bytes`);
    }
    return events;
  }

  #takeLine(bytes: Uint8Array): ShoutcastEvent | null {
    const text = decodeText(bytes);
    if (hasControls(text)) {
      throw new ProtocolError("SHOUTcast login has a control character");
    }
    if (this.#state === "password") {
      this.#state = "headers";
      return parseFirstLine(text);
    }
    if (text === "") return { kind: "headers", headers: this.#headers };
    if (this.#headers.length === this.#limits.maxHeaders) {
      throw new ProtocolError(`SHOUTcast login has more than ${this.#limits.maxHeaders} headers`);
    }
    const colon = text.indexOf(":");
    if (colon > 0) {
      this.#headers.push({
        name: trimBlanks(text.slice(0, colon)).toLowerCase(),
        value: trimBlanks(text.slice(colon + 1)),
      });
    }
    return null;
  }
}

/** `user:password` or `user,password` as DJ accounts write it (liquidsoap's harbor), else a password alone. */
export function splitLogin(text: string): { readonly user?: string; readonly password: string } {
  const separator = text.search(/[:,]/);
  if (separator <= 0) return { password: text };
  return { user: text.slice(0, separator), password: text.slice(separator + 1) };
}

function parseFirstLine(line: string): ShoutcastEvent {
  if (line === "") throw new ProtocolError("expected a password, got an empty line");
  if (line === "!POKE") return { kind: "probe" };
  if (/^[A-Za-z]+ +[^ ].* (?:HTTP|ICE)\/\d\.\d *$/.test(line)) return { kind: "http" };
  // Icecast-KH's form for several mounts on one port.
  const [, mount, unsplit] = /^(\/[^:]*):(.*)$/.exec(line) ?? [];
  if (mount !== undefined && unsplit !== undefined) {
    return { kind: "password", ...splitLogin(unsplit), unsplit, mount };
  }
  return { kind: "password", ...splitLogin(line), unsplit: line };
}
