import { z } from "zod";
import { encodeBase64Url } from "./base64.ts";
import type { EpochFacts } from "./broadcast.ts";
import { segmentRefSchema, sourceInfoSchema } from "./edge-api.ts";
import { mountPrefix } from "./object-format.ts";
import type { SegmentRef } from "./segment.ts";
import type { Epoch, Millis, MountPath, Sequence } from "./units.ts";

/**
 * Objects of the archive beside the segments' own (`object-format.ts`), format version 1. With them the index can be made
 * again from nothing but the bucket. `<mount>`, `<epoch>` and sequences as in segments' keys.
 *
 * `a1/<mount>/<epoch>/<first sequence>-<last sequence>.mp3`   a chunk: segments of one epoch in order, one after another
 * `a1/<mount>/<epoch>/<first sequence>-<last sequence>.json`  what it consists of, `ChunkIndex`; put after the chunk, and only when
 *                                                             that has been read back: who finds it may believe it
 * `e1/<mount>/<epoch>.json`                                   what is known of an epoch besides its audio, `EpochDocument`
 *
 * Sequences within a chunk may have holes. A segment may be in its own object and in a chunk at once: the chunk counts.
 */
export const chunkIndexSchema = z.object({
  version: z.literal(1),
  /** Hexadecimal, of the chunk. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().min(1),
  /** In order of play, at least one. `reservoir`: base64url, as in a segment's metadata. */
  segments: z.array(segmentRefSchema.extend({ reservoir: z.string().max(700) })).min(1),
});
export interface ChunkIndex {
  readonly version: 1;
  readonly sha256: string;
  readonly bytes: number;
  readonly segments: readonly ChunkSegment[];
}
export interface ChunkSegment extends SegmentRef {
  readonly reservoir: string;
}

const millisSchema = z
  .number()
  .int()
  .min(0)
  .transform((value) => value as Millis);
const epochDocumentSchema = z.object({
  version: z.literal(1),
  source: sourceInfoSchema.nullable(),
  claimedMs: millisSchema,
  graceMs: millisSchema,
  ingest: z.string().max(64),
  process: z.string().max(64),
  continues: z.boolean(),
  end: z.enum(["released", "lost"]).nullable(),
  listenerPeak: z.number().int().min(0),
  /** strftime pattern and time zone by which its broadcast is called, as they were when it began. */
  pattern: z.string().max(256),
  timeZone: z.string().max(64),
});

export interface EpochNaming {
  readonly pattern: string;
  readonly timeZone: string;
}

export const encodeEpochDocument = (facts: Omit<EpochFacts, "epoch">, naming: EpochNaming): string =>
  JSON.stringify({ version: 1, ...facts, ...naming });

/** Throws ZodError on anything else. */
export function decodeEpochDocument(
  epoch: Epoch,
  value: unknown,
): { facts: EpochFacts; naming: EpochNaming } {
  const { pattern, timeZone, ...facts } = epochDocumentSchema.parse(value);
  return { facts: { ...facts, epoch } as EpochFacts, naming: { pattern, timeZone } };
}

/** What every key of a mount's chunks, or of its epochs' documents, begins with, slash included. */
export const chunksPrefix = (mount: MountPath): string => mountPrefix(mount).replace(/^v1/, "a1");
export const epochsPrefix = (mount: MountPath): string => mountPrefix(mount).replace(/^v1/, "e1");

export const epochChunksPrefix = (mount: MountPath, epoch: Epoch): string =>
  `${chunksPrefix(mount)}${fixed(epoch)}/`;

/** What every key of an epoch's segments begins with. */
export const epochSegmentsPrefix = (mount: MountPath, epoch: Epoch): string =>
  `${mountPrefix(mount)}${fixed(epoch)}/`;

export const epochDocumentKey = (mount: MountPath, epoch: Epoch): string =>
  `${epochsPrefix(mount)}${fixed(epoch)}.json`;

/** The key of a chunk, or with "json" of its index. */
export const chunkKey = (
  mount: MountPath,
  { epoch, first, last }: { readonly epoch: Epoch; readonly first: Sequence; readonly last: Sequence },
  extension = "mp3",
): string => `${epochChunksPrefix(mount, epoch)}${fixed(first)}-${fixed(last)}.${extension}`;

/** What the key of a chunk or of its index names; null for a key of another shape. */
export function parseChunkKey(
  key: string,
): { readonly epoch: Epoch; readonly first: Sequence; readonly last: Sequence } | null {
  const match = /^a1\/[A-Za-z0-9._-]+\/([0-9]{10})\/([0-9]{10})-([0-9]{10})\.(?:mp3|json)$/.exec(key);
  if (!match) return null;
  const [epoch, first, last] = match.slice(1).map(Number);
  return { epoch: epoch as Epoch, first: first as Sequence, last: last as Sequence };
}

/** The epoch that a key of segments, chunks or documents is of; null for a key of another shape. */
export function epochOfKey(key: string): Epoch | null {
  const match = /^[a-z]1\/[A-Za-z0-9._-]+\/([0-9]{10})(?:\/|\.json$)/.exec(key);
  return match ? (Number(match[1]) as Epoch) : null;
}

/** A chunk's index of segments in order with what their first frames reach back to. */
export function chunkIndexOf(
  segments: readonly { readonly ref: SegmentRef; readonly reservoir: Uint8Array }[],
  sha256: string,
): ChunkIndex {
  return {
    version: 1,
    sha256,
    bytes: segments.reduce((bytes, { ref }) => bytes + ref.bytes, 0),
    segments: segments.map(({ ref, reservoir }) => ({ ...ref, reservoir: encodeBase64Url(reservoir) })),
  };
}

const fixed = (value: number): string => String(value).padStart(10, "0");

/** Of epochs that nobody named. */
export const defaultNaming: EpochNaming = { pattern: "%FT%T.mp3", timeZone: "UTC" };
