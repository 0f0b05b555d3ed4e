import { tagSize } from "../../../shared/codec/mp3/tags.ts";
import { tagBytes } from "./limits.ts";
import type { TrackBytes } from "./track-bytes.ts";

const LOOKED_AT_BYTES = 512;

const MAGICS: readonly (readonly [at: number, magic: string, what: string])[] = [
  [0, "\x89PNG", "is a PNG picture"],
  [0, "\xff\xd8\xff", "is a JPEG picture"],
  [0, "GIF8", "is a GIF picture"],
  [8, "WAVE", "is a WAV file"],
  [8, "WEBP", "is a WebP picture"],
  [8, "AIFF", "is an AIFF file"],
  [0, "fLaC", "is a FLAC file"],
  [0, "OggS", "is an Ogg file"],
  [4, "ftyp", "is an MP4 file"],
  [0, "\x1a\x45\xdf\xa3", "is a Matroska or WebM file"],
  [0, "\x30\x26\xb2\x75", "is a Windows Media file"],
  [0, "ADIF", "is an AAC file"],
  [0, "PK\x03\x04", "is a ZIP archive"],
  [0, "SQLite format 3\0", "is an SQLite database"],
  [0, "%PDF", "is a PDF document"],
  [0, "<!DOCTYPE", "is a web page"],
  [0, "<html", "is a web page"],
  [0, "#EXTM3U", "is a playlist"],
];

/** Why a file without a single MPEG frame has none, as far as its first bytes tell. */
export function reasonWithoutFrames(file: TrackBytes): string {
  if (file.size === 0) return "is empty";
  const { head, hasTag } = headOf(file);
  if (hasTag && head.length === 0) return "is only a tag";
  const foreign = foreignKind(head);
  if (foreign !== null) return foreign;
  const text = head.toString("latin1");
  if (text.startsWith("TAG") && file.size <= 128) return "is only a tag";
  if (head.every((byte) => byte === 0)) return "is all zeros";
  if (/^[\t\n\r\x20-\x7e\x80-\xff]*$/.test(text)) return "is text";
  return "has no MPEG audio";
}

/** What a file that cannot be played is by its first bytes, if that is no MP3: what looks like frames in it is chance. */
export const foreignReason = (file: TrackBytes): string | null => foreignKind(headOf(file).head);

/** Its first bytes behind an ID3v2 tag. */
function headOf(file: TrackBytes): { readonly head: Buffer; readonly hasTag: boolean } {
  const head = file.read(0, LOOKED_AT_BYTES);
  const tag = tagSize(head, 0, head.length, true);
  const hasTag = typeof tag === "number" && tag > 0 && tag <= tagBytes;
  return { head: hasTag ? file.read(tag, LOOKED_AT_BYTES) : head, hasTag };
}

function foreignKind(head: Buffer): string | null {
  const text = head.toString("latin1");
  const found = MAGICS.find(([at, magic]) => text.startsWith(magic, at));
  if (found) return found[2];
  return head[0] === 0xff && ((head[1] ?? 0) & 0xf6) === 0xf0 ? "is an AAC file" : null;
}
