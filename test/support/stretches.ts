import { get, type ClientRequest, type IncomingHttpHeaders } from "node:http";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { IcyDeinterleaver } from "../../shared/icy.ts";

/** What sources of a mount may send: each frame by what it is, so that a listener knows whose it hears. */
export class Repertoire {
  readonly #places = new Map<string, Place>();

  /** Frames that are sent in this order, under titles from a frame on. Every frame must be unique in all. */
  add(of: string, frames: readonly Uint8Array[], titleAt: (index: number) => string): void {
    for (const [index, frame] of frames.entries()) {
      const name = nameOf(frame);
      if (this.#places.has(name)) throw new Error(`two of the frames are alike: ${of} ${index}`);
      this.#places.set(name, { of, index, title: titleAt(index) });
    }
  }

  find(frame: Uint8Array): Place | undefined {
    return this.#places.get(nameOf(frame));
  }
}

interface Place {
  readonly of: string;
  readonly index: number;
  readonly title: string;
}

/** Frames of one source in a row, each followed by the next. */
export interface Stretch {
  /** Name of the source. */
  readonly of: string;
  /** Indices of its frames. */
  readonly first: number;
  last: number;
  /** Frames in front of it that no source sent. */
  readonly primers: number;
  readonly titles: TitleStretch[];
}

/** Of a stretch: as far as one title is right. Bytes of audio from the listener's first on. */
interface TitleStretch {
  readonly title: string;
  readonly fromByte: number;
  toByte: number;
}

/**
 * A listener with titles: whose frames it heard, and what was wrong with them. A stretch ends where another source is
 * heard; within it every frame has to follow the one before, perhaps after silence and a primer.
 */
export class StretchListener {
  readonly problems: string[] = [];
  readonly stretches: Stretch[] = [];
  readonly titles: { readonly text: string; readonly atByte: number }[] = [];
  headers: IncomingHttpHeaders = {};
  status = 0;
  ended = false;
  metaint = 0;
  readonly #repertoire: Repertoire;
  readonly #request: ClientRequest;
  #icy: IcyDeinterleaver | null = null;
  #held: Uint8Array = new Uint8Array(0);
  /** Bytes of audio before `#held`. */
  #byte = 0;
  /** Frames since the last that a source sent. */
  #primers = 0;
  #silent = 0;
  readonly #audio: Uint8Array[] = [];

  constructor(url: string, repertoire: Repertoire) {
    this.#repertoire = repertoire;
    this.#request = get(url, { headers: { "Icy-MetaData": "1" }, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      this.metaint = Number(response.headers["icy-metaint"] ?? 0);
      if (this.metaint > 0) this.#icy = new IcyDeinterleaver(this.metaint);
      response.on("data", (chunk: Buffer) => this.#take(chunk));
      response.on("close", () => (this.ended = true));
      response.on("error", () => undefined);
    });
    this.#request.on("error", () => (this.ended = true));
  }

  /** The whole frames that it got, metadata blocks taken out. */
  audio(): Uint8Array {
    return Buffer.concat(this.#audio).subarray(0, this.#byte);
  }

  /** Frames of the source that it heard last; 0 when that is another. */
  hears(of: string): number {
    const last = this.stretches.at(-1);
    return last?.of === of ? last.last - last.first + 1 : 0;
  }

  close(): void {
    this.#request.destroy();
  }

  #take(chunk: Uint8Array): void {
    if (!this.#icy) return;
    const { audio, titles } = this.#icy.push(chunk);
    this.titles.push(...titles);
    this.#audio.push(...audio);
    const bytes = Buffer.concat([this.#held, ...audio]);
    let at = 0;
    for (const { offset, size } of mp3.indexFrames(bytes)) {
      if (offset !== at) this.#problem(`${offset - at} bytes that are no frame`);
      this.#hear(bytes.subarray(offset, offset + size), this.#byte + offset);
      at = offset + size;
    }
    this.#held = bytes.slice(at);
    this.#byte += at;
    if (this.#held.length > 4_096) this.#problem(`${this.#held.length} bytes that are no frame`);
  }

  #hear(frame: Uint8Array, fromByte: number): void {
    const place = this.#repertoire.find(frame);
    const open = this.stretches.at(-1);
    const toByte = fromByte + frame.length;
    if (!place) {
      if (frame.subarray(4).some((byte) => byte !== 0)) this.#primers++;
      else this.#silent++;
      return;
    }
    const { of, index, title } = place;
    if (open?.of === of) {
      if (index !== open.last + 1) this.#problem(`frame ${index} of ${of} after its frame ${open.last}`);
      if (this.#primers > Math.min(1, this.#silent)) {
        this.#problem(`${this.#primers} frames that nobody sent within ${of}`);
      }
      open.last = index;
      const told = open.titles.at(-1);
      if (told?.title === title) told.toByte = toByte;
      else open.titles.push({ title, fromByte, toByte });
    } else {
      const titles = [{ title, fromByte, toByte }];
      this.stretches.push({ of, first: index, last: index, primers: this.#primers, titles });
    }
    this.#primers = 0;
    this.#silent = 0;
  }

  #problem(text: string): void {
    if (this.problems.length < 20) this.problems.push(`byte ${this.#byte}: ${text}`);
  }
}

const nameOf = (frame: Uint8Array): string => Buffer.from(frame).toString("latin1");

/**
 * Where a listener's titles were not those of what it heard: a title has to stand in the first metadata block at or after
 * the first frame that it belongs to, unless it was shown already.
 */
export function wrongTitles({ stretches, titles, metaint }: StretchListener): string[] {
  const parts = stretches.flatMap((stretch) => stretch.titles);
  const wrong: string[] = [];
  for (const { title, fromByte, toByte } of parts) {
    const blockByte = Math.max(1, Math.ceil(fromByte / metaint)) * metaint;
    // Too short for a block, or not yet over.
    if (blockByte >= toByte) continue;
    const shown = titles.findLast(({ atByte }) => atByte <= blockByte)?.text ?? "nothing";
    if (shown !== title) wrong.push(`byte ${blockByte}: "${shown}" with the audio of "${title}"`);
  }
  for (const { text, atByte } of titles) {
    const part = parts.find(({ toByte }) => toByte > atByte);
    if (part && part.title !== text)
      wrong.push(`byte ${atByte}: "${text}" before the audio of "${part.title}"`);
  }
  return wrong;
}
