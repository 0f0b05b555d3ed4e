import { type ChunkIndex, chunkIndexOf } from "../../shared/archive-format.ts";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { chunkReadsAtOnce } from "./limits.ts";

/** Segments in objects of their own as one object, and what it will be called. */
export interface ChunkOrder {
  readonly key: string;
  readonly segments: readonly ArchivedSegment[];
  /** Of each part but the last, bytes; what is no larger is put at once. */
  readonly partBytes: number;
  /** Called before the first part is sent. */
  readonly uploading: (upload: string) => void;
}

/**
 * Writes a chunk. In memory are one part and the segments that are read at once. Null when storage does not have all of the
 * segments as the index knows them; then nothing was finished.
 */
export async function writeChunk(bucket: R2Bucket, order: ChunkOrder): Promise<ChunkIndex | null> {
  const { key, segments, partBytes, uploading } = order;
  const size = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const options = { httpMetadata: { contentType: "audio/mpeg" } };
  const upload = size > partBytes ? await bucket.createMultipartUpload(key, options) : null;
  if (upload) uploading(upload.uploadId);
  const digest = new crypto.DigestStream("SHA-256");
  // Nobody asks for the sum of what is given up.
  digest.digest.catch(() => undefined);
  const hashing = digest.getWriter();
  const uploaded: R2UploadedPart[] = [];
  const reservoirs: { readonly ref: SegmentRef; readonly reservoir: Uint8Array }[] = [];
  const part = new Uint8Array(Math.min(size, partBytes));
  let filled = 0;
  for (let at = 0; at < segments.length; at += chunkReadsAtOnce) {
    const some = segments.slice(at, at + chunkReadsAtOnce);
    const read = await Promise.all(some.map((segment) => readLoose(bucket, segment)));
    for (const segment of read) {
      if (!segment) {
        await hashing.abort();
        await upload?.abort();
        return null;
      }
      await hashing.write(segment.body);
      reservoirs.push(segment);
      for (let { body } = segment; body.length > 0; ) {
        const taken = body.subarray(0, part.length - filled);
        part.set(taken, filled);
        filled += taken.length;
        body = body.subarray(taken.length);
        if (!upload || filled < part.length) continue;
        uploaded.push(await upload.uploadPart(uploaded.length + 1, part));
        filled = 0;
      }
    }
  }
  await hashing.close();
  if (!upload) await bucket.put(key, part, options);
  else {
    if (filled > 0) uploaded.push(await upload.uploadPart(uploaded.length + 1, part.subarray(0, filled)));
    await upload.complete(uploaded);
  }
  return chunkIndexOf(reservoirs, hex(await digest.digest));
}

/** Whether storage has the chunk as it was meant, byte by byte. */
export async function isWritten(
  bucket: R2Bucket,
  key: string,
  { bytes, sha256 }: Pick<ChunkIndex, "bytes" | "sha256">,
): Promise<boolean> {
  const object = await bucket.get(key);
  if (object?.size !== bytes) {
    await object?.body.cancel();
    return false;
  }
  const digest = new crypto.DigestStream("SHA-256");
  digest.digest.catch(() => undefined);
  await object.body.pipeTo(digest);
  return hex(await digest.digest) === sha256;
}

async function readLoose(
  bucket: R2Bucket,
  { stored, ...ref }: ArchivedSegment,
): Promise<{ readonly ref: SegmentRef; readonly body: Uint8Array; readonly reservoir: Uint8Array } | null> {
  const object = await bucket.get(stored.key);
  if (!object) return null;
  const body = new Uint8Array(await object.arrayBuffer());
  if (body.length !== ref.bytes) return null;
  return { ref, body, reservoir: decodeSegmentMetadata(object.customMetadata ?? {}).reservoir };
}

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
