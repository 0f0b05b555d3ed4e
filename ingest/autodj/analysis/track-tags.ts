import { type IAudioMetadata, parseBuffer } from "music-metadata";
import { plainSilence } from "../../../shared/codec/mp3/silence.ts";
import { syncSafe } from "../../../shared/id3.ts";
import type { GainTags } from "./level.ts";
import { repairLegacyText } from "./legacy-text.ts";
import { frameBytes, largeTagBytes, tagBytes, tagFrames, tailBytes, textLength } from "./limits.ts";
import type { TrackBytes } from "./track-bytes.ts";

export interface TrackTags extends GainTags {
  readonly title?: string;
  readonly artist?: string;
  readonly album?: string;
}

/**
 * Tags of a file: ID3v2 at its beginning, ID3v1 and APE at its end. music-metadata reads tags of any size whole and looks
 * for audio behind them, so it is handed the tags alone, with a few frames of silence between them for audio. Tags that it
 * cannot read are none.
 */
export async function readTags(file: TrackBytes): Promise<TrackTags> {
  try {
    const bytes = Buffer.concat([id3v2Of(file), ...STAND_IN, endOf(file)]);
    const found = await parseBuffer(bytes, "audio/mpeg", { duration: false, skipCovers: true });
    return { ...textOf(found), ...gainOf(found) };
  } catch {
    return {};
  }
}

const STAND_IN_FRAMES = 6;
const STAND_IN = Array.from({ length: STAND_IN_FRAMES }, plainSilence);

const ID3V2_HEADER_BYTES = 10;
const UNSYNCHRONISED = 0x80;
const ID3V1_BYTES = 128;
const APE_FOOTER_BYTES = 32;

/** The ID3v2 tag at the beginning; of one that is too large or goes beyond the file, its first part, with a size that fits. */
function id3v2Of(file: TrackBytes): Buffer {
  const head = file.read(0, ID3V2_HEADER_BYTES);
  if (head.length < ID3V2_HEADER_BYTES || head.toString("latin1", 0, 3) !== "ID3") return Buffer.alloc(0);
  const total = ID3V2_HEADER_BYTES + synchsafe(head, 6);
  const tag = file.read(0, total <= tagBytes ? total : largeTagBytes);
  let body = tag.subarray(ID3V2_HEADER_BYTES);
  // Of the whole tag only before 2.4, whose frames have a flag each; music-metadata knows that one alone.
  if (((head[5] ?? 0) & UNSYNCHRONISED) !== 0 && (head[3] ?? 0) < 4) {
    head[5] = (head[5] ?? 0) & ~UNSYNCHRONISED;
    body = synchronised(body);
  }
  body = textFramesOf(body, head);
  head.set(syncSafe(body.length), 6);
  return Buffer.concat([head, body]);
}

const EXTENDED = 0x40;

/**
 * The frames of a tag that hold text, as they are: not its pictures, nor more or longer text than anybody shows. Of 16 MB
 * of artists music-metadata makes hundreds, which the thread has not.
 */
function textFramesOf(body: Buffer, head: Buffer): Buffer {
  const version = head[3] ?? 0;
  const idBytes = version === 2 ? 3 : 4;
  const headerBytes = version === 2 ? 6 : 10;
  const kept: Buffer[] = [];
  let at = 0;
  if (version !== 2 && ((head[5] ?? 0) & EXTENDED) !== 0 && body.length >= 4) {
    head[5] = (head[5] ?? 0) & ~EXTENDED;
    // Its size counts itself since 2.4.
    at = version === 4 ? synchsafe(body, 0) : 4 + body.readUInt32BE(0);
  }
  while (at + headerBytes <= body.length && kept.length < tagFrames) {
    const size =
      version === 4 ? synchsafe(body, at + 4) : body.readUIntBE(at + idBytes, version === 2 ? 3 : 4);
    if (body[at] === TEXT_FRAME && size <= frameBytes) kept.push(body.subarray(at, at + headerBytes + size));
    at += headerBytes + size;
  }
  return Buffer.concat(kept);
}

const TEXT_FRAME = 0x54;

const synchsafe = (bytes: Buffer, at: number): number =>
  bytes.subarray(at, at + 4).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);

/** Without the zero that follows each 0xff there. */
function synchronised(bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    out[length++] = bytes[i] ?? 0;
    if (bytes[i] === 0xff && bytes[i + 1] === 0) i++;
  }
  return out.subarray(0, length);
}

/** The file's end, as much as holds its APE tag, unless that is too large. */
function endOf(file: TrackBytes): Buffer {
  const end = file.read(file.size - tailBytes, tailBytes);
  const apeEnd = end.toString("latin1", end.length - ID3V1_BYTES).startsWith("TAG") ? ID3V1_BYTES : 0;
  const footer = end.subarray(Math.max(0, end.length - apeEnd - APE_FOOTER_BYTES));
  if (footer.toString("latin1", 0, 8) !== "APETAGEX") return end;
  const length = footer.readUInt32LE(12) + APE_FOOTER_BYTES + apeEnd;
  if (length > largeTagBytes) return end.subarray(end.length - apeEnd);
  return length <= end.length ? end : file.read(file.size - length, length);
}

function textOf(found: IAudioMetadata): Pick<TrackTags, "title" | "artist" | "album"> {
  const { title: written = "", album: record = "" } = found.common;
  const [title, by, album] = repairLegacyText([written, artistOf(found), record]).map(plainText);
  return { ...(title ? { title } : {}), ...(by ? { artist: by } : {}), ...(album ? { album } : {}) };
}

/** Several are separated in ID3v2.3 by a slash, and so music-metadata takes AC/DC apart; it goes back where it was. */
function artistOf({ common, native }: IAudioMetadata): string {
  const several = (native["ID3v2.3"] ?? []).filter(({ id }) => id === "TPE1").length > 1;
  return (common.artists ?? []).join(several ? "/" : ", ") || (common.artist ?? "");
}

/** One line, without what fills fields up. */
const plainText = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\ufffd\ufeff]+/gu, " ")
    .replaceAll(/\s+/gu, " ")
    .trim()
    .slice(0, textLength)
    .toWellFormed();

/** Names as any program spells them, in any kind of tag. */
function gainOf({ native }: IAudioMetadata): GainTags {
  const values = new Map<string, number>();
  for (const { id, value } of Object.values(native).flat()) {
    const name = id.slice(id.indexOf(":") + 1).toUpperCase();
    const number = typeof value === "string" ? Number.parseFloat(value.replace(",", ".")) : Number.NaN;
    if (Number.isFinite(number) && !values.has(name)) values.set(name, number);
  }
  const trackGainDb = values.get("REPLAYGAIN_TRACK_GAIN");
  const trackPeak = values.get("REPLAYGAIN_TRACK_PEAK");
  const r128TrackGain = values.get("R128_TRACK_GAIN");
  return {
    ...(trackGainDb === undefined ? {} : { trackGainDb }),
    ...(trackPeak === undefined ? {} : { trackPeak }),
    ...(r128TrackGain === undefined ? {} : { r128TrackGain }),
  };
}
