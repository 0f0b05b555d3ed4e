import type { SampleCount } from "../units.ts";

/**
 * What is particular to one codec, and all that is: how bytes become frames, what must go before the first frame
 * of a join, what silence is, the content type and the object's extension. One folder per codec implements it;
 * nothing outside that folder knows a sync word.
 */
export interface Codec {
  /** The extension of a segment object, without the dot: "mp3". */
  readonly extension: string;
  /** What listeners get as Content-Type: "audio/mpeg". */
  readonly contentType: string;
  /** Content types a source may declare for it, lower case, without parameters. */
  readonly sourceContentTypes: readonly string[];
  /** A fresh parser for one source connection. */
  createParser(): FrameParser;
  /** Where each frame of a segment's body begins. Total: bytes that are no frames end the index. */
  indexFrames(segment: Uint8Array): readonly FrameSpan[];
  /**
   * What must precede the frame at `index` of `frames` when playback starts or continues there without the frame
   * before it: bytes to send first (empty when the frame stands alone). `before` is the segment's `reservoir`.
   */
  primer(segment: Uint8Array, frames: readonly FrameSpan[], index: number, before: Uint8Array): Uint8Array;
  /** The bytes of a segment's frames that a frame which continues it may reach back to, as far as they are in it. */
  reservoirAfter(segment: Uint8Array): Uint8Array;
  /** One frame of silence of the same version, rate, channel mode and bitrate as `like` (one whole frame). */
  silence(like: Uint8Array): Uint8Array;
  /** One frame of silence for a listener who has heard nothing yet: of the format that is most common. */
  plainSilence(): Uint8Array;
}

/** A frame inside a segment's body: byte offset and size, and its samples per channel. */
export interface FrameSpan {
  readonly offset: number;
  readonly size: number;
  readonly samples: number;
}

/** One whole audio frame. */
export interface Frame {
  /** A view, valid until the next push. */
  readonly bytes: Uint8Array;
  readonly samples: SampleCount;
  readonly format: FrameFormat;
  /**
   * Bytes of earlier frames' data this frame reaches back to, and any frame that follows might (at most 511 for
   * MP3): what a segment beginning with this frame stores as its reservoir. A view, valid until the next push.
   */
  readonly reservoir: Uint8Array;
}

/** What must stay the same within one segment. `key` compares formats; the rest is for logs and headers. */
export interface FrameFormat {
  /** Equal exactly when two frames may share a segment: version, layer, sample rate, mono or not. */
  readonly key: string;
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  /** Kilobits per second of this frame; 0 when free format. */
  readonly bitrateKbps: number;
  /** For people: "MPEG-1 Layer III, 44100 Hz, joint stereo". */
  readonly description: string;
}

/** Incremental and synchronous: feed chunks as the transport cut them, take whole frames. */
export interface FrameParser {
  /** Frames completed by this chunk, in order. The chunk may be reused after the call. */
  push(chunk: Uint8Array): Frame[];
  /** The stream has ended: the frames still held for confirmation, if they are whole. */
  flush(): Frame[];
  readonly counts: FrameParserCounts;
}

export interface FrameParserCounts {
  /** Confirmed frames handed out. */
  readonly frames: number;
  /** Bytes that were neither frames nor known tags. */
  readonly garbageBytes: number;
  /** Bytes of ID3v2, ID3v1 and APE tags. */
  readonly tagBytes: number;
  /** Xing, Info and VBRI frames, which carry no audio. */
  readonly infoFrames: number;
  /** Times the parser lost its place and found it again. */
  readonly resyncs: number;
}
