import {
  type ChunkIndex,
  chunkIndexSchema,
  chunkKey,
  chunksPrefix,
  decodeEpochDocument,
  epochChunksPrefix,
  epochDocumentKey,
  epochOfKey,
  epochSegmentsPrefix,
  epochsPrefix,
  parseChunkKey,
} from "../../shared/archive-format.ts";
import { decodeSegmentMetadata, mountPrefix, parseSegmentKey } from "../../shared/object-format.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import type { Epoch, MountPath } from "../../shared/units.ts";
import type { ArchiveIndex } from "./archive-index.ts";
import { wholeEpoch } from "./marks.ts";

/** Epochs of which the bucket has anything, in order. */
export async function listEpochs(bucket: R2Bucket, mount: MountPath): Promise<Epoch[]> {
  const found = new Set<Epoch>();
  for (const prefix of [mountPrefix(mount), chunksPrefix(mount), epochsPrefix(mount)]) {
    for await (const page of pages(bucket, { prefix, delimiter: "/" })) {
      const keys = [...page.delimitedPrefixes, ...page.objects.map(({ key }) => key)];
      for (const epoch of keys.map(epochOfKey)) if (epoch !== null) found.add(epoch);
    }
  }
  return [...found].toSorted((a, b) => a - b);
}

/** What a listing of an epoch found. */
export interface Listed {
  /** Whether anything was another than the index had it. */
  readonly isChanged: boolean;
  /** Chunks of which segments are in objects of their own as well. */
  readonly doubled: readonly string[];
  /** Objects of chunks that were never finished, or not wholly deleted. */
  readonly unfinished: readonly string[];
}

/**
 * Makes the index of an epoch hold exactly what the bucket has, but for what was deleted. What is told while this lists stays.
 * `from`: segments before that are taken for known.
 */
export async function reconcileEpoch(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  index: ArchiveIndex,
  from = 0,
): Promise<Listed> {
  const before = new Set(
    index.segments(mount, epoch, from, Number.MAX_SAFE_INTEGER, "loose").map(({ sequence }) => sequence),
  );
  let isChanged = await reconcileFacts(bucket, mount, epoch, index);
  const chunks = await reconcileChunks(bucket, mount, epoch, index);
  if (chunks.isChanged) isChanged = true;
  const doubled = new Set<string>();
  const below = index.marks.below(epoch);
  const prefix = epochSegmentsPrefix(mount, epoch);
  const startAfter = from > 0 ? `${prefix}${String(from - 1).padStart(10, "0")}.zzz` : undefined;
  const options = {
    prefix,
    include: ["customMetadata" as const],
    ...(startAfter !== undefined && { startAfter }),
  };
  for await (const page of pages(bucket, options)) {
    const segments = page.objects.flatMap((object) => segmentOf(object) ?? []);
    for (const { sequence } of segments) before.delete(sequence);
    if (index.add(segments) > 0) isChanged = true;
    const sequences = segments.map(({ sequence }) => sequence);
    if (sequences.length > 0) for (const key of index.chunksOf(epoch, sequences)) doubled.add(key);
    if (sequences.some((sequence) => sequence < below)) index.marks.found(epoch);
  }
  if (before.size > 0) index.removeLoose(epoch, [...before]);
  return {
    isChanged: isChanged || before.size > 0,
    doubled: [...doubled],
    unfinished: chunks.unfinished,
  };
}

async function reconcileFacts(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  index: ArchiveIndex,
): Promise<boolean> {
  // What was deleted whole has none that counts.
  if (index.marks.below(epoch) === wholeEpoch) return false;
  // Whoever was told has written the document.
  if ((index.facts(epoch)?.facts.source ?? null) !== null) return false;
  const key = epochDocumentKey(mount, epoch);
  const object = await bucket.get(key);
  if (!object) return false;
  try {
    const { facts, naming } = decodeEpochDocument(epoch, await object.json());
    index.putFacts({ ...facts, end: facts.end ?? "lost" }, naming);
    return true;
  } catch (error) {
    console.warn("an epoch's document cannot be read", key, String(error));
    return false;
  }
}

async function reconcileChunks(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  index: ArchiveIndex,
): Promise<Omit<Listed, "doubled">> {
  const known = new Set(index.chunks(epoch));
  const keys = new Set<string>();
  for await (const page of pages(bucket, { prefix: epochChunksPrefix(mount, epoch) })) {
    for (const { key } of page.objects) keys.add(key);
  }
  let isChanged = false;
  const unfinished: string[] = [];
  const below = index.marks.below(epoch);
  for (const key of keys) {
    const at = parseChunkKey(key);
    if (!at) continue;
    if (at.last < below) {
      index.marks.found(epoch);
      continue;
    }
    // A chunk without its index was never finished.
    if (!keys.has(chunkKey(mount, at)) || !keys.has(chunkKey(mount, at, "json"))) {
      unfinished.push(key);
      continue;
    }
    if (key !== chunkKey(mount, at) || known.delete(key)) continue;
    if (await readChunk(bucket, key, epoch, index)) isChanged = true;
  }
  for (const key of known) index.removeChunk(key);
  return { isChanged: isChanged || known.size > 0, unfinished };
}

async function readChunk(bucket: R2Bucket, key: string, epoch: Epoch, index: ArchiveIndex): Promise<boolean> {
  const found = await readChunkIndex(bucket, key);
  if (found) index.putChunk(key, epoch, found);
  return found !== null;
}

/** Of a finished chunk; null when there is none, or it cannot be read. */
export async function readChunkIndex(bucket: R2Bucket, key: string): Promise<ChunkIndex | null> {
  const object = await bucket.get(indexKeyOf(key));
  if (!object) return null;
  const parsed = chunkIndexSchema.safeParse(await object.json().catch(() => null));
  if (!parsed.success) console.warn("a chunk's index cannot be read", key);
  return parsed.success ? (parsed.data as ChunkIndex) : null;
}

/** The key of a chunk's index. */
export const indexKeyOf = (chunk: string): string => chunk.replace(/\.mp3$/, ".json");

/** Null for an object that is no segment: it is not ours to judge. */
function segmentOf({ key, size, customMetadata }: R2Object): SegmentRef | null {
  try {
    const { epoch, sequence } = parseSegmentKey(key);
    const { startMs, firstSample, samples, sampleRate, channels, titles } = decodeSegmentMetadata(
      customMetadata ?? {},
    );
    if (size === 0) return null;
    const format = { samples, sampleRate, bytes: size, ...(channels !== undefined && { channels }) };
    return { epoch, sequence, startMs, firstSample, ...format, titles };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    console.warn("an object is no segment", key, error.message);
    return null;
  }
}

export async function* pages(bucket: R2Bucket, options: R2ListOptions): AsyncGenerator<R2Objects> {
  for (let cursor: string | undefined; ; ) {
    const page = await bucket.list({ ...options, ...(cursor !== undefined && { cursor }) });
    yield page;
    if (!page.truncated) return;
    ({ cursor } = page);
  }
}
