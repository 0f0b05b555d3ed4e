import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Codec } from "../shared/codec/codec.ts";
import { encodeSegmentMetadata } from "../shared/object-format.ts";
import type { Segment } from "../shared/segment.ts";
import { Segmenter } from "../shared/segmenter.ts";
import { type FileIndex, fileIndexKey, fileSegmentKey } from "../shared/stored-file.ts";
import { epoch, millis } from "../shared/units.ts";
import { putTimeoutMs, storedFileBytes, storedFileSegmentMs } from "./limits.ts";
import { reasonOf } from "./log.ts";
import type { SegmentObject } from "./segment-publisher.ts";

/** The file is not one that the edge can play; the message says why, for the operator. Trying again is no use. */
export class StoredFileError extends Error {
  override readonly name = "StoredFileError";
}

/** Where stored files are kept. */
export interface FileStore {
  /** Resolves when the object can be read by anyone; one that is there stays as it is. */
  put(key: string, object: SegmentObject, signal: AbortSignal): Promise<"stored" | "exists">;
  has(key: string, signal: AbortSignal): Promise<boolean>;
}

/** A file as `shared/stored-file.ts` keeps it. */
interface CutFile {
  readonly id: string;
  readonly segments: readonly Segment[];
}

interface Storing {
  readonly codec: Codec;
  readonly store: FileStore;
  readonly signal: AbortSignal;
}

/** The id of a file that storage has; null when it must be stored first. Rejects as `storeFile` does. */
export async function storedFileId(path: string, { codec, store, signal }: Storing): Promise<string | null> {
  const { id } = await cutFile(path, codec);
  return (await store.has(fileIndexKey(id), inTime(signal))) ? id : null;
}

/**
 * Reads a file, cuts it into segments and puts them into storage unless they are there; resolves to its id. Rejects
 * with StoredFileError, or with what the store said: then it may be tried again.
 */
export async function storeFile(path: string, { codec, store, signal }: Storing): Promise<string> {
  const { id, segments } = await cutFile(path, codec);
  if (await store.has(fileIndexKey(id), inTime(signal))) return id;
  for (const segment of segments) {
    const { extension, contentType } = codec;
    const object = { body: segment.body, contentType, metadata: encodeSegmentMetadata(segment) };
    await store.put(fileSegmentKey(id, segment.sequence, extension), object, inTime(signal));
  }
  const body = new TextEncoder().encode(JSON.stringify(indexOf(segments)));
  await store.put(fileIndexKey(id), { body, contentType: "application/json", metadata: {} }, inTime(signal));
  return id;
}

const inTime = (signal: AbortSignal) => AbortSignal.any([signal, AbortSignal.timeout(putTimeoutMs)]);

/** Piece by piece, so that the sources on air are not kept waiting. */
async function cutFile(path: string, codec: Codec): Promise<CutFile> {
  const parser = codec.createParser();
  const segmenter = new Segmenter({ epoch: epoch(1), targetMs: storedFileSegmentMs });
  const segments: Segment[] = [];
  let formatKey: string | undefined;
  const take = (frames: ReturnType<typeof parser.push>) => {
    for (const frame of frames) {
      formatKey ??= frame.format.key;
      if (formatKey !== frame.format.key) throw new StoredFileError("its format changes on the way");
      segments.push(...segmenter.push(frame, millis(0)));
    }
  };
  for await (const piece of readPieces(path)) take(parser.push(piece));
  take(parser.flush());
  segments.push(...segmenter.flush());
  if (segments.length === 0) throw new StoredFileError(`it has no frame of ${codec.contentType}`);
  const hash = createHash("sha256");
  for (const { body } of segments) hash.update(body);
  return { id: hash.digest("hex").slice(0, 32), segments };
}

async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  let left = storedFileBytes;
  try {
    const pieces: AsyncIterable<Buffer> = createReadStream(path);
    for await (const piece of pieces) {
      left -= piece.length;
      if (left < 0) break;
      yield piece;
    }
  } catch (error) {
    throw new StoredFileError(`it cannot be read: ${reasonOf(error)}`);
  }
  if (left < 0) throw new StoredFileError(`it has more than ${storedFileBytes} bytes`);
}

function indexOf(segments: readonly Segment[]): FileIndex {
  return {
    version: 1,
    segments: segments.map(({ samples, sampleRate, channels = 2, bytes }) => ({
      samples,
      sampleRate,
      channels,
      bytes,
    })),
  };
}
