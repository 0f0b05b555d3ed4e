import type { FrameSpan } from "../shared/codec/codec.ts";
import { mp3 } from "../shared/codec/mp3/mp3.ts";
import { encodeMetadataBlock } from "../shared/icy.ts";
import { decodeSegmentMetadata } from "../shared/object-format.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { SegmentRef } from "../shared/segment.ts";
import { type TitleEncoding, utf8Encoding } from "../shared/title-encoding.ts";
import { DataCentreCache, type StoredObject } from "./data-centre-cache.ts";
import { isolateAsked } from "./isolate-counts.ts";
import {
  segmentCacheBytes,
  segmentReadAttempts,
  segmentReadRetryMs,
  segmentReadTimeoutMs,
} from "./limits.ts";
import type { Host } from "./mount-feed.ts";
import { msSince } from "./ms-since.ts";
import { settledWithin } from "./settled-within.ts";

/** A segment's bytes with what every listener needs to know about them, worked out once per isolate. */
export class LoadedSegment {
  readonly ref: SegmentRef;
  readonly body: Uint8Array;
  readonly reservoir: Uint8Array;
  #frames: readonly FrameSpan[] | undefined;
  /** By encoding: as many as the mounts that are heard here have, most often one. */
  readonly #titles = new Map<TitleEncoding, readonly TitleBlock[]>();

  constructor(ref: SegmentRef, body: Uint8Array, reservoir: Uint8Array) {
    this.ref = ref;
    this.body = body;
    this.reservoir = reservoir;
  }

  /** Only joins and titles need to know where frames begin; most segments are passed on whole. */
  get frames(): readonly FrameSpan[] {
    this.#frames ??= mp3.indexFrames(this.body);
    return this.#frames;
  }

  /** Titles that begin inside this segment, by byte, with their blocks ready: the same for all listeners of an encoding. */
  titles(encoding: TitleEncoding = utf8Encoding): readonly TitleBlock[] {
    const known = this.#titles.get(encoding);
    if (known) return known;
    const made = this.ref.titles.map((title) => ({
      offset: this.#byteOf(title.atSample),
      block: encodeMetadataBlock(title, encoding),
    }));
    this.#titles.set(encoding, made);
    return made;
  }

  #byteOf(sample: number): number {
    let samples = 0;
    for (const frame of this.frames) {
      if (samples >= sample) return frame.offset;
      samples += frame.samples;
    }
    return this.body.length;
  }
}

interface TitleBlock {
  readonly offset: number;
  readonly block: Uint8Array;
}

/**
 * Segments of all mounts in this isolate: each is read once, whoever wants it, from the data centre's cache or else from
 * the bucket, and kept as bytes (a stream or promise of another request may not be shared for long). Least recently used
 * go first.
 */
export class SegmentCache {
  readonly #loaded = new Map<string, LoadedSegment>();
  readonly #reading = new Map<
    string,
    { readonly done: Promise<LoadedSegment | null>; readonly sinceMs: number }
  >();
  readonly #dataCentre = new DataCentreCache();
  #bytes = 0;

  /** Of all segments kept: at most `segmentCacheBytes`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** At once, or undefined when it has to be read. */
  peek(key: string): LoadedSegment | undefined {
    return this.#touch(key);
  }

  /**
   * The segment; null when storage does not have it or keeps failing. A read that another listener began is waited for,
   * but not for long: it may die with its request, though `host` lets it outlive the listener that began it. `read`: from
   * where storage has it, when that is not an object of its own.
   */
  async load(
    key: string,
    ref: SegmentRef,
    host: Host,
    read: ReadObject = readBucket,
  ): Promise<LoadedSegment | null> {
    for (;;) {
      const known = this.#touch(key);
      if (known) return known;
      const reading = this.#reading.get(key);
      const leftMs = reading ? segmentReadTimeoutMs - msSince(reading.sinceMs) : 0;
      if (!reading || leftMs <= 0) break;
      const outcome = await settledWithin(reading.done, leftMs);
      if (outcome !== undefined) return outcome;
      // Its request has ended: the first to notice reads, the others wait for that.
      if (this.#reading.get(key) === reading) break;
    }
    const done = this.#readRepeatedly(key, ref, host, read);
    const reading = { done, sinceMs: Date.now() };
    this.#reading.set(key, reading);
    const settled = done.then(() => {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    });
    host.keepAlive(settled);
    return done;
  }

  async #readRepeatedly(
    key: string,
    ref: SegmentRef,
    host: Host,
    read: ReadObject,
  ): Promise<LoadedSegment | null> {
    for (let failures = 0; failures < segmentReadAttempts; ) {
      try {
        return await this.#read(key, ref, host, read);
      } catch (error) {
        failures++;
        console.warn("segment read failed", key, String(error));
        await scheduler.wait(segmentReadRetryMs * failures);
      }
    }
    return null;
  }

  async #read(key: string, ref: SegmentRef, host: Host, read: ReadObject): Promise<LoadedSegment | null> {
    const cached = await this.#dataCentre.read(key, ref, host);
    const object = cached ?? (await read(key, host));
    if (!object) return null;
    const segment = new LoadedSegment(ref, object.body, reservoirOf(object.metadata));
    this.#keep(key, segment);
    if (!cached) this.#dataCentre.write(key, object, host);
    return segment;
  }

  #touch(key: string): LoadedSegment | undefined {
    const segment = this.#loaded.get(key);
    if (segment) {
      this.#loaded.delete(key);
      this.#loaded.set(key, segment);
    }
    return segment;
  }

  #keep(key: string, segment: LoadedSegment): void {
    if (this.#loaded.has(key) || segment.body.length > segmentCacheBytes) return;
    this.#loaded.set(key, segment);
    this.#bytes += segment.body.length;
    for (const [oldest, { body }] of this.#loaded) {
      if (this.#bytes <= segmentCacheBytes) break;
      this.#loaded.delete(oldest);
      this.#bytes -= body.length;
    }
  }
}

/** A segment as its own object would have it; null when storage does not have it. */
export type ReadObject = (key: string, host: Host) => Promise<StoredObject | null>;

export async function readBucket(key: string, { env }: Host): Promise<StoredObject | null> {
  isolateAsked.bucketReads++;
  const object = await env.SEGMENTS.get(key);
  if (!object) return null;
  return { body: new Uint8Array(await object.arrayBuffer()), metadata: object.customMetadata ?? {} };
}

/** Without a readable reservoir a join costs a damaged frame, which is no reason to play nothing. */
function reservoirOf(metadata: StoredObject["metadata"]): Uint8Array {
  try {
    return decodeSegmentMetadata(metadata).reservoir;
  } catch (error) {
    if (error instanceof ProtocolError) return new Uint8Array(0);
    throw error;
  }
}
