import { cutToBytes, maxTitleBytes, sanitiseTitle } from "./title.ts";
import { type TitleEncoding, utf8Encoding } from "./title-encoding.ts";

/*
 * ICY metadata, as Icecast 2.4.4 sends it to a listener that asked with `Icy-MetaData: 1` and was told
 * `icy-metaint: N`. The body repeats:
 *
 *   | bytes  | what                                                                                       |
 *   |--------|--------------------------------------------------------------------------------------------|
 *   | N      | audio; blocks are not counted, and a block may fall anywhere, also inside a frame          |
 *   | 1      | L, the block's length in units of 16 bytes; 0 to 255                                       |
 *   | 16 * L | `StreamTitle='text';` and perhaps `StreamUrl='url';`, filled up with NULs                  |
 *
 * L = floor(n / 16) + 1 for n bytes of text: at least one NUL ends it, so n is at most 4079. L = 0 says "as before".
 * Text is UTF-8, or what the mount's `charset` says (`title-encoding.ts`).
 * The first block always has a text, `StreamTitle='';` when there is no title yet; later ones only when the title has
 * changed since this listener's last block. Nothing escapes anything: players take the text up to the first `';`.
 */

/** A title as a listener gets it. */
export interface IcyTitle {
  readonly text: string;
  readonly url?: string;
}

const largestText = 255 * 16 - 1;

/**
 * The block for a title, length byte first. Total: any text is made fit (`icyText`), and a URL that does not fit
 * beside it is left out, never cut.
 */
export function encodeMetadataBlock(title: IcyTitle, encoding: TitleEncoding = utf8Encoding): Uint8Array {
  const text = encoding.encode(`StreamTitle='${icyText(title.text, encoding)}';`);
  const url = title.url ? encoding.encode(`StreamUrl='${icyUrl(title.url, encoding)}';`) : new Uint8Array(0);
  const urlLength = text.length + url.length <= largestText ? url.length : 0;
  const units = Math.floor((text.length + urlLength) / 16) + 1;
  const block = new Uint8Array(1 + 16 * units);
  block[0] = units;
  block.set(text, 1);
  if (urlLength > 0) block.set(url, 1 + text.length);
  return block;
}

/** "As before": what stands in place of a block when the title has not changed. */
const emptyMetadataBlock: Uint8Array = new Uint8Array(1);

/**
 * How a title reads inside a block. A player ends it at the first `';`, so the apostrophe of every `';` becomes a
 * typographic one (U+2019) and the whole title shows; ffmpeg searches from the opening quote on, so a semicolon in
 * front gets a space before it. An encoding without the typographic one gets a space instead, and for those it may be
 * written as too. Everything else is as `sanitiseTitle` left it.
 */
export function icyText(text: string, encoding: TitleEncoding = utf8Encoding): string {
  const line = sanitiseTitle(text);
  const safe = encoding.has("’") ? line.replaceAll("';", "’;") : line.replace(/['‘’];/g, "' ;");
  return cutToBytes(safe.replace(/^;/, " ;"), maxTitleBytes);
}

/** A URL has no use for quotes, spaces and control characters: they travel percent-encoded, and beside UTF-8 all that is not ASCII. */
function icyUrl(url: string, { name }: TitleEncoding): string {
  const unsafe = name === "utf-8" ? unsafeInUrl : unsafeInAsciiUrl;
  return url.toWellFormed().replace(unsafe, (found) => (found === "'" ? "%27" : encodeURIComponent(found)));
}

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const unsafeInUrl = /[\u0000-\u0020'\u007f-\u00a0\u2028\u2029]/g;
const unsafeInAsciiUrl = /[^\u0021-\u0026\u0028-\u007e]/gu;

/** A title that begins inside a piece of audio, with its block, which all listeners share. */
export interface TitleAt {
  /** The first byte of the audio it belongs to; the audio's length when it begins with what follows. */
  readonly offset: number;
  /** From `encodeMetadataBlock`; never written to. */
  readonly block: Uint8Array;
}

/** Puts metadata blocks into one listener's audio. Its cost is per block, not per byte. */
export class IcyInterleaver {
  readonly #metaint: number;
  /** Audio bytes until the next block. */
  #left: number;
  #title = noTitle;
  #sent: Uint8Array | null = null;

  /** `metaint` in bytes, a positive integer. */
  constructor(metaint: number) {
    checkMetaint(metaint);
    this.#metaint = metaint;
    this.#left = metaint;
  }

  /** The title in force from the next byte of audio on. */
  setTitle(block: Uint8Array): void {
    this.#title = block;
  }

  /**
   * The audio with its blocks, in a buffer from `take` (of exactly the size asked for). `titles` in order of `offset`. A block that falls due at the
   * very end waits for the next byte of audio, whose title it announces.
   */
  push(
    audio: Uint8Array,
    titles: readonly TitleAt[],
    take: (size: number) => Uint8Array = newBuffer,
  ): Uint8Array {
    const blocks = this.#blocksFor(audio.length, titles);
    let size = audio.length;
    for (const block of blocks) size += block.length;
    const out = take(size);
    let read = 0;
    let write = 0;
    let next = this.#left;
    for (const block of blocks) {
      out.set(audio.subarray(read, next), write);
      write += next - read;
      out.set(block, write);
      write += block.length;
      read = next;
      next += this.#metaint;
    }
    out.set(read === 0 ? audio : audio.subarray(read), write);
    this.#left = next - audio.length;
    return out;
  }

  /** The blocks due before the bytes `#left`, `#left + metaint`, …; afterwards the last title is in force. */
  #blocksFor(length: number, titles: readonly TitleAt[]): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    let begun = 0;
    for (let at = this.#left; at < length; at += this.#metaint) {
      for (let title = titles[begun]; title && title.offset <= at; title = titles[++begun]) {
        this.#title = title.block;
      }
      blocks.push(this.#nextBlock());
    }
    this.#title = titles.at(-1)?.block ?? this.#title;
    return blocks;
  }

  #nextBlock(): Uint8Array {
    if (this.#sent && isSame(this.#sent, this.#title)) return emptyMetadataBlock;
    this.#sent = this.#title;
    return this.#title;
  }
}

const newBuffer = (size: number): Uint8Array => new Uint8Array(size);

const noTitle = encodeMetadataBlock({ text: "" });

function checkMetaint(metaint: number): void {
  if (!Number.isSafeInteger(metaint) || metaint < 1) {
    throw new RangeError(`expected a metaint of at least 1, got ${metaint}`);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, index) => byte === b[index]));
}

/** A title found in a stream, with the number of audio bytes that came before it. */
export interface FoundTitle extends IcyTitle {
  readonly atByte: number;
}

/** What one chunk held: audio as views of the chunk, and the titles of blocks that it completed. */
export interface Deinterleaved {
  readonly audio: Uint8Array[];
  readonly titles: FoundTitle[];
}

/** Takes metadata blocks out of a stream again, however it was cut. Total: any bytes are audio and blocks. */
export class IcyDeinterleaver {
  readonly #metaint: number;
  #audioBytes = 0;
  /** Audio bytes until the next length byte. */
  #left: number;
  /** The block being collected, without its length byte. */
  #block: Uint8Array | null = null;
  #blockBytes = 0;

  /** `metaint` in bytes, a positive integer. */
  constructor(metaint: number) {
    checkMetaint(metaint);
    this.#metaint = metaint;
    this.#left = metaint;
  }

  push(chunk: Uint8Array): Deinterleaved {
    const found: Deinterleaved = { audio: [], titles: [] };
    let at = 0;
    while (at < chunk.length) {
      if (this.#block) at += this.#collect(this.#block, chunk.subarray(at), found.titles);
      else if (this.#left > 0) {
        const audio = chunk.subarray(at, at + this.#left);
        found.audio.push(audio);
        this.#audioBytes += audio.length;
        this.#left -= audio.length;
        at += audio.length;
      } else {
        this.#left = this.#metaint;
        const units = chunk[at++] ?? 0;
        if (units > 0) this.#block = new Uint8Array(16 * units);
      }
    }
    return found;
  }

  /** Bytes of `bytes` that belong to the block. */
  #collect(block: Uint8Array, bytes: Uint8Array, titles: FoundTitle[]): number {
    const part = bytes.subarray(0, block.length - this.#blockBytes);
    block.set(part, this.#blockBytes);
    this.#blockBytes += part.length;
    if (this.#blockBytes === block.length) {
      const title = parseMetadataBlock(block);
      if (title) titles.push({ ...title, atByte: this.#audioBytes });
      this.#block = null;
      this.#blockBytes = 0;
    }
    return part.length;
  }
}

/**
 * The title in a block's text (without the length byte); null when it names none. A value ends at the first `';` that
 * the end or another key follows, so a title with `';` inside survives. UTF-8, or Latin-1 when it is not UTF-8. Total.
 */
export function parseMetadataBlock(text: Uint8Array): IcyTitle | null {
  const end = text.indexOf(0);
  const fields = decodeText(end < 0 ? text : text.subarray(0, end));
  const title = fieldOf(fields, "StreamTitle='");
  if (title === null) return null;
  const url = fieldOf(fields, "StreamUrl='");
  return url ? { text: title, url } : { text: title };
}

/** A block cut short has no end: its last value runs to where the text stops. */
function fieldOf(fields: string, opening: string): string | null {
  const at = `;${fields}`.indexOf(`;${opening}`);
  if (at < 0) return null;
  const rest = fields.slice(at + opening.length);
  const end = rest.search(/';(?:$|[A-Za-z][\w-]*=')/);
  return end < 0 ? rest.replace(/';?$/, "") : rest.slice(0, end);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
