import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { decodeSegmentMetadata, mountPrefix, parseSegmentKey } from "../shared/object-format.ts";
import { ProtocolError } from "../shared/protocol-error.ts";
import type { Position, SegmentRef } from "../shared/segment.ts";
import { epoch, type MountPath, sequence } from "../shared/units.ts";
import type { SegmentObject } from "./segment-publisher.ts";

/**
 * A segment that waits on disk, format version 1. One file each:
 *
 *   line      `skywave-spool 1 <header> <body> <crc>\n`, ASCII: bytes of the header and of the body in decimal, and the
 *             CRC-32 of both together in 8 hexadecimal digits
 *   header    JSON in UTF-8: `key`, `contentType` and `metadata` of the object to be stored (shared/object-format.ts);
 *             what is announced of a segment follows from these and from the body
 *   body      the object's body
 *
 * The file ends with the body. It is written once, from its beginning: one that was being written when the host died
 * is shorter than its first line says, or its checksum is another.
 *
 * Name: `<mount>-<epoch>-<sequence>.seg`
 *   mount     the first 16 hexadecimal digits of the SHA-256 of what keys of the mount begin with: names of mounts are
 *             longer than names of files can be
 *   epoch     10 decimal digits
 *   sequence  10 decimal digits
 *   Names of one mount sort as they play.
 */
const formatVersion = "1";
const firstLine = /^skywave-spool ([0-9]{1,9}) ([0-9]{1,9}) ([0-9]{1,9}) ([0-9a-f]{8})\n/;
/** The longest first line. */
const maxLineBytes = 64;

/** What is stored of a segment, and where. */
export interface SpooledSegment {
  readonly key: string;
  readonly object: SegmentObject;
}

const headerSchema = z.object({
  key: z.string(),
  contentType: z.string(),
  metadata: z.record(z.string(), z.string()),
});

/** The file of a format that this release does not know: not ours to judge or to remove. */
export class SpoolVersionError extends ProtocolError {}

export function encodeSpoolFile({ key, object }: SpooledSegment): Buffer {
  const { body, contentType, metadata } = object;
  const header = Buffer.from(JSON.stringify({ key, contentType, metadata }));
  const sum = crc32(body, crc32(header)).toString(16).padStart(8, "0");
  const line = `skywave-spool ${formatVersion} ${header.length} ${body.length} ${sum}\n`;
  return Buffer.concat([Buffer.from(line), header, body]);
}

/** Throws ProtocolError when the file is torn or damaged, SpoolVersionError when it is of another version. The body is a view. */
export function decodeSpoolFile(bytes: Buffer): SpooledSegment {
  const match = firstLine.exec(bytes.toString("latin1", 0, maxLineBytes));
  if (!match) throw new ProtocolError("expected the first line of a spool file");
  const [line, version, headerLength, bodyLength, sum] = match;
  if (version !== formatVersion) {
    throw new SpoolVersionError(`expected version ${formatVersion} of a spool file, got ${version}`);
  }
  const rest = bytes.subarray(line.length);
  const expected = Number(headerLength) + Number(bodyLength);
  if (rest.length !== expected) throw new ProtocolError(`expected ${expected} bytes, got ${rest.length}`);
  if (crc32(rest) !== Number.parseInt(sum ?? "", 16)) throw new ProtocolError("expected another checksum");
  const header = headerSchema.safeParse(parsedJson(rest.toString("utf8", 0, Number(headerLength))));
  if (!header.success) throw new ProtocolError("expected key, content type and metadata");
  const { key, contentType, metadata } = header.data;
  parseSegmentKey(key);
  decodeSegmentMetadata(metadata);
  return { key, object: { body: rest.subarray(Number(headerLength)), contentType, metadata } };
}

/** What is announced of a segment that was read from its file. */
export function refOf({ key, object }: SpooledSegment): SegmentRef {
  const { epoch: ofEpoch, sequence: at } = parseSegmentKey(key);
  const { reservoir: _, ...described } = decodeSegmentMetadata(object.metadata);
  return { epoch: ofEpoch, sequence: at, bytes: object.body.length, ...described };
}

/** What the names of a mount's files begin with. */
export const mountDigest = (mount: MountPath): string =>
  createHash("sha256").update(mountPrefix(mount)).digest("hex").slice(0, 16);

export function spoolFileName(digest: string, at: Position): string {
  const fixed = (value: number) => String(value).padStart(10, "0");
  return `${digest}-${fixed(at.epoch)}-${fixed(at.sequence)}.seg`;
}

/** Null for a file that is none of ours. */
export function parseSpoolFileName(name: string): ({ readonly digest: string } & Position) | null {
  const match = /^([0-9a-f]{16})-([0-9]{10})-([0-9]{10})\.seg$/.exec(name);
  if (!match) return null;
  return { digest: match[1] ?? "", epoch: epoch(Number(match[2])), sequence: sequence(Number(match[3])) };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
