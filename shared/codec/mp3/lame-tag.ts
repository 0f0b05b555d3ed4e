import { decodeHeader, samplesPerFrame } from "./header.ts";
import { infoMarkerAt } from "./info-frame.ts";

/**
 * What a Xing, Info or VBRI frame says of the file it begins. Every word of it is a claim: the file may have been cut,
 * joined or tagged since. All numbers are big-endian.
 *
 * Xing and Info (Xing Technologies, "XHEAD"; "Info" is LAME's name for it at a constant bitrate), from the marker on:
 *
 *     4 bytes  "Xing" or "Info"
 *     4        flags: 1 frames, 2 bytes, 4 table of contents, 8 quality; each field is there when its flag is
 *     4        frames of audio, without this one
 *     4        bytes, with this frame
 *     100      table of contents
 *     4        quality
 *
 * and after the last of those, LAME's extension ("Mp3 Info Tag revision 1", gabriel.mp3-tech.org), which libavformat
 * writes as well:
 *
 *     9        encoder and version, "LAME3.100" or "Lavf59.27"
 *     6        not read: method, lowpass, peak
 *     2        ReplayGain of the track: 3 bits 1, 3 bits originator (0: none), sign, 9 bits of tenths of a dB
 *     2        the same of the album: 3 bits 2
 *     1        flags: 0x40 the next file continues this one, 0x80 this one continues the file before (--nogap)
 *     1        not read: bitrate
 *     3        12 bits of delay and 12 of padding: samples that the encoder added before and after
 *
 * VBRI (Fraunhofer): "VBRI", version, delay and quality in two bytes each, bytes and frames in four. What its delay
 * counts is not written anywhere, so it is not read.
 */
export interface InfoFrame {
  readonly kind: "xing" | "info" | "vbri";
  readonly sampleRate: number;
  readonly samplesPerFrame: number;
  /** Frames of audio, without this one. */
  readonly frames?: number;
  /** Bytes of all frames; with this one. */
  readonly bytes?: number;
  /** kb/s on average, where frames and bytes are told. */
  readonly bitrateKbps?: number;
  readonly lame?: LameTag;
}

interface LameTag {
  /** As it stands there, without what fills it up: "LAME3.100", "Lavf59.27". */
  readonly encoder: string;
  /** Samples that the encoder put before the first one of the sound; a decoder adds `DECODER_DELAY`. */
  readonly delay: number;
  /** Samples that the encoder put after the last one. */
  readonly padding: number;
  /** Its last frame runs on in the next file (lame --nogap). */
  readonly continued: boolean;
  /** Its first frame continues the file before (lame --nogap). */
  readonly continues: boolean;
  /** dB to 89 dB SPL, which is -18 LUFS. */
  readonly trackGainDb?: number;
  readonly albumGainDb?: number;
}

/** Samples by which every Layer III decoder is late: 528 of the filter banks and one. */
export const DECODER_DELAY = 529;

const XING_HEAD_BYTES = 8;
const TOC_BYTES = 100;
const WORD_BYTES = 4;
const ENCODER_BYTES = 9;
const LAME_BYTES = 24;
const FRAMES_FLAG = 1;
const BYTES_FLAG = 2;
const TOC_FLAG = 4;
const QUALITY_FLAG = 8;

/** What the whole frame `frame` says; undefined when it is no Xing, Info or VBRI frame. Throws ProtocolError where it begins with no header. */
export function decodeInfoFrame(frame: Uint8Array): InfoFrame | undefined {
  const header = decodeHeader(frame);
  const marker = infoMarkerAt(frame, header);
  if (marker === null) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const about = { sampleRate: header.sampleRate, samplesPerFrame: samplesPerFrame(header) };
  const fields = view.getUint8(marker) === 0x56 ? vbriFields(view, marker) : xingFields(view, marker);
  const { frames, bytes } = fields;
  if (frames === undefined || bytes === undefined) return { ...about, ...fields };
  const seconds = (frames * about.samplesPerFrame) / about.sampleRate;
  return { ...about, ...fields, bitrateKbps: (bytes * 8) / seconds / 1000 };
}

type Fields = Pick<InfoFrame, "kind" | "frames" | "bytes" | "lame">;

/** A number is believed when it is there and not zero. */
const told = (name: "frames" | "bytes", value: number | undefined): Pick<InfoFrame, "frames" | "bytes"> =>
  value === undefined || value === 0 ? {} : { [name]: value };

function xingFields(view: DataView, marker: number): Fields {
  const kind = view.getUint8(marker) === 0x58 ? "xing" : "info";
  if (marker + XING_HEAD_BYTES > view.byteLength) return { kind };
  const flags = view.getUint32(marker + 4);
  let at = marker + XING_HEAD_BYTES;
  const field = (flag: number, size: number): number | undefined => {
    if ((flags & flag) === 0) return undefined;
    at += size;
    return at <= view.byteLength ? view.getUint32(at - size) : undefined;
  };
  const frames = field(FRAMES_FLAG, WORD_BYTES);
  const bytes = field(BYTES_FLAG, WORD_BYTES);
  field(TOC_FLAG, TOC_BYTES);
  field(QUALITY_FLAG, WORD_BYTES);
  const lame = lameTag(view, at);
  return { kind, ...told("frames", frames), ...told("bytes", bytes), ...(lame ? { lame } : {}) };
}

function vbriFields(view: DataView, marker: number): Fields {
  if (marker + 18 > view.byteLength) return { kind: "vbri" };
  return {
    kind: "vbri",
    ...told("bytes", view.getUint32(marker + 10)),
    ...told("frames", view.getUint32(marker + 14)),
  };
}

/** Before 3.90 LAME wrote its name and nothing behind it; Xing's own encoder leaves zeros. */
function lameTag(view: DataView, at: number): LameTag | undefined {
  if (at + LAME_BYTES > view.byteLength) return undefined;
  const encoder = new TextDecoder("latin1")
    .decode(new Uint8Array(view.buffer, view.byteOffset + at, ENCODER_BYTES))
    // oxlint-disable-next-line no-control-regex -- what is filled up with zeros or blanks
    .replace(/[\u0000 ]+$/, "");
  if (!/^[A-Za-z][\x20-\x7e]{3,}$/.test(encoder) || /^LAME3\.[0-8]\d(?!\d)/.test(encoder)) return undefined;
  const flags = view.getUint8(at + 19);
  const delays = (view.getUint8(at + 21) << 16) | view.getUint16(at + 22);
  const trackGainDb = replayGain(view.getUint16(at + 15), 1);
  const albumGainDb = replayGain(view.getUint16(at + 17), 2);
  return {
    encoder,
    delay: delays >>> 12,
    padding: delays & 0xfff,
    continued: (flags & 0x40) !== 0,
    continues: (flags & 0x80) !== 0,
    ...(trackGainDb === undefined ? {} : { trackGainDb }),
    ...(albumGainDb === undefined ? {} : { albumGainDb }),
  };
}

/** dB; undefined unless it is of the kind asked for and somebody has set it. */
function replayGain(field: number, kind: number): number | undefined {
  if (field >>> 13 !== kind || ((field >>> 10) & 7) === 0) return undefined;
  const tenths = field & 0x1ff;
  return ((field & 0x200) === 0 ? tenths : -tenths) / 10;
}
