/** Every bound of the MP3 parser. Together they keep one parser under two arenas, whatever comes in. */

/**
 * Headers that must follow a candidate before anything of it is handed out. By chance a byte of noise starts a
 * header once in 8,000, and a matching one stands where it should once in 130,000: with two, noise passes about
 * once in 10^14 bytes. More would only delay the first frame of a source.
 */
export const CONFIRMING_HEADERS = 2;

/** As above when the frame size is not in the header but measured: any distance fits, so one header more. */
export const CONFIRMING_FREE_HEADERS = 3;

/**
 * As above for Layer I, whose headers begin with 0xffff: tables and machine code are full of small negative numbers at
 * regular distances. Its frames are short, so this is still 70 ms.
 */
export const CONFIRMING_LAYER1_HEADERS = 8;

/** Whole frames that suffice where the run of frames ends at a tag or at the end of the stream. */
export const CONFIRMING_LAST_FRAMES = 2;

/** The smallest frame a bitrate table knows (8 kb/s Layer III at 24 kHz), taken as the least for free format too, bytes. */
export const MIN_FREE_FRAME_BYTES = 24;

/** The largest free format frame looked for: 640 kb/s (what LAME can be asked for) at 8 kHz, bytes. */
export const MAX_FREE_FRAME_BYTES = 5_760;

/**
 * The largest ID3v2 or APE tag that is skipped by its own word, bytes. Cover pictures of several MB are common;
 * the format allows 256 MB, which would silence a 128 kb/s source for over four hours. A tag that claims more
 * is taken for garbage: the parser looks for frames inside it.
 */
export const MAX_TAG_BYTES = 16 * 1024 * 1024;

/**
 * Size of the buffer that frames are views of, bytes: while a source sends frames in small chunks, and at most. The
 * most must exceed what can wait for confirmation (a run of `CONFIRMING_LAYER1_HEADERS` frames of
 * `MAX_FREE_FRAME_BYTES`, 46 kB).
 */
export const SMALL_ARENA_BYTES = 8 * 1024;
export const ARENA_BYTES = 64 * 1024;

/** The furthest a Layer III frame reaches back: `main_data_begin` has 9 bits (ISO 11172-3 2.4.1.7). */
export const MAX_RESERVOIR_BYTES = 511;
