import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Position, Segment, SegmentRef, TitleMark } from "./segment.ts";
import { type Epoch, type MountPath, millis, type SampleCount, sampleCount, type Sequence } from "./units.ts";

/**
 * Segment objects, format version 1.
 *
 * Key: `v1/<mount>/<epoch>/<sequence>.<extension>`
 *   mount     the mount's path without its leading slash; every UTF-8 byte but A-Z a-z 0-9 `.` `-` is written `_XX`
 *             (hexadecimal, upper case), so that a mount is one component and keys need no escaping in URLs
 *   epoch     10 decimal digits, from 1
 *   sequence  10 decimal digits, from 0
 *   Keys sort as they play: a listing of the bucket is the broadcast.
 *
 * Body: whole frames and nothing else. An object plays by itself; a concatenation is an archive.
 *
 * Custom metadata (ASCII; storage allows 8,192 bytes of names and values together):
 *   format        "1"
 *   start-ms      wall clock of the first frame, ms since the Unix epoch
 *   first-sample  samples of the epoch before this segment, at this segment's sample rate
 *   samples       samples per channel in the body
 *   sample-rate   Hz
 *   channels      1 or 2; absent in objects of older releases
 *   titles        `atSample:text[:url]` joined by `;`, text and url in base64url of UTF-8; "" without titles
 *   reservoir     base64url of the bytes of earlier frames' data that the first frame may reach back to (≤ 511)
 */
const formatVersion = "1";
const numberWidth = 10;

/** Bytes left for `titles` once names, numbers and a full reservoir have had theirs. */
const maxTitlesLength = 7_000;
/** More titles than this in one segment is a metadata storm: only the newest matter. */
const maxTitles = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function segmentKey(mount: MountPath, at: Position, extension = "mp3"): string {
  return `${mountPrefix(mount)}${fixed(at.epoch)}/${fixed(at.sequence)}.${extension}`;
}

/** What every key of a mount begins with, slash included. */
export function mountPrefix(mount: MountPath): string {
  let name = "";
  for (const byte of encoder.encode(mount.slice(1))) {
    const character = String.fromCharCode(byte);
    name += /[A-Za-z0-9.-]/.test(character) ? character : `_${hex(byte)}`;
  }
  return `v1/${name}/`;
}

/** The position a key names; throws ProtocolError on a key of another shape. */
export function parseSegmentKey(key: string): { readonly mount: MountPath } & Position {
  const match = /^v1\/([A-Za-z0-9._-]+)\/([0-9]{10})\/([0-9]{10})\.[a-z0-9]+$/.exec(key);
  if (!match) throw new ProtocolError(`expected v1/<mount>/<epoch>/<sequence>, got ${JSON.stringify(key)}`);
  const bytes: number[] = [];
  const name = match[1] ?? "";
  for (let at = 0; at < name.length; at++) {
    if (name[at] === "_") {
      const code = /^[0-9A-F]{2}$/.exec(name.slice(at + 1, at + 3));
      if (!code) throw new ProtocolError(`expected two digits after _ in ${JSON.stringify(key)}`);
      bytes.push(Number.parseInt(code[0], 16));
      at += 2;
    } else bytes.push(name.charCodeAt(at));
  }
  return {
    mount: `/${decodeText(Uint8Array.from(bytes))}` as MountPath,
    epoch: Number(match[2]) as Epoch,
    sequence: Number(match[3]) as Sequence,
  };
}

/** Custom metadata of a segment's object, without the `x-amz-meta-` prefix of the S3 API. */
export function encodeSegmentMetadata(segment: Segment): Record<string, string> {
  return {
    format: formatVersion,
    "start-ms": String(segment.startMs),
    "first-sample": String(segment.firstSample),
    samples: String(segment.samples),
    "sample-rate": String(segment.sampleRate),
    ...(segment.channels === undefined ? {} : { channels: String(segment.channels) }),
    titles: encodeTitles(segment.titles),
    reservoir: encodeBase64Url(segment.reservoir),
  };
}

export type SegmentMetadata = Pick<
  SegmentRef,
  "startMs" | "firstSample" | "samples" | "sampleRate" | "titles" | "channels"
> &
  Pick<Segment, "reservoir">;

/** Throws ProtocolError when a field is missing or malformed, or the version is another. */
export function decodeSegmentMetadata(metadata: Readonly<Record<string, string>>): SegmentMetadata {
  if (metadata["format"] !== formatVersion) {
    throw new ProtocolError(`expected segment format ${formatVersion}, got ${metadata["format"] ?? "none"}`);
  }
  return {
    startMs: millis(natural(metadata, "start-ms")),
    firstSample: sampleCount(natural(metadata, "first-sample")),
    samples: sampleCount(natural(metadata, "samples")),
    sampleRate: natural(metadata, "sample-rate"),
    ...(metadata["channels"] === undefined ? {} : { channels: metadata["channels"] === "1" ? 1 : 2 }),
    titles: decodeTitles(metadata["titles"] ?? ""),
    reservoir: decodeBase64Url(metadata["reservoir"] ?? ""),
  };
}

/** The newest titles that an object's metadata can hold; the only one left loses its URL before it is dropped. */
export function fitTitles(titles: readonly TitleMark[]): TitleMark[] {
  let kept = titles.slice(-maxTitles);
  while (kept.length > 1 && encodeTitles(kept).length > maxTitlesLength) kept = kept.slice(1);
  if (encodeTitles(kept).length <= maxTitlesLength) return kept;
  kept = kept.map(({ atSample, text }) => ({ atSample, text }));
  return encodeTitles(kept).length <= maxTitlesLength ? kept : [];
}

function encodeTitles(titles: readonly TitleMark[]): string {
  return titles
    .map(({ atSample, text, url }) => {
      const mark = `${atSample}:${encodeText(text)}`;
      return url === undefined ? mark : `${mark}:${encodeText(url)}`;
    })
    .join(";");
}

function decodeTitles(field: string): TitleMark[] {
  if (field === "") return [];
  return field.split(";").map((mark) => {
    const [at, text, url, ...more] = mark.split(":");
    if (text === undefined || more.length > 0 || !/^[0-9]{1,12}$/.test(at ?? "")) {
      throw new ProtocolError(`expected atSample:text[:url], got ${JSON.stringify(mark.slice(0, 40))}`);
    }
    const title = { atSample: Number(at) as SampleCount, text: decodeText(decodeBase64Url(text)) };
    return url === undefined ? title : { ...title, url: decodeText(decodeBase64Url(url)) };
  });
}

function natural(metadata: Readonly<Record<string, string>>, name: string): number {
  const text = metadata[name] ?? "";
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw new ProtocolError(`expected a number in ${name}, got ${JSON.stringify(text.slice(0, 20))}`);
  }
  return Number(text);
}

const encodeText = (text: string): string => encodeBase64Url(encoder.encode(text));

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ProtocolError("expected UTF-8");
  }
}

const fixed = (value: number): string => String(value).padStart(numberWidth, "0");
const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0");
