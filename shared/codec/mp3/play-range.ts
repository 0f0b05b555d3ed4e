import { DECODER_DELAY, type InfoFrame } from "./lame-tag.ts";

/** Frames of a file that play, counted without Xing, Info and VBRI frames. */
export interface PlayRange {
  readonly firstFrame: number;
  readonly frames: number;
}

/** The most silence that may be added between two files, samples: one frame of MPEG-1. */
const MAX_ADDED_SAMPLES = 1152;

/**
 * Which of a file's `frames` play, so that between any two files no more than 1152 samples of silence are added: an
 * encoder puts `delay` samples before the sound and `padding` after it, and a decoder is 529 samples late.
 *
 * Frames cannot be cut, so either a little silence stays or a little sound goes, and which file comes next is not known
 * here: the 1152 samples have to be shared between every beginning and every end once for all. The beginnings get them.
 * LAME, and what is built on it, put 576 samples in front, 1105 with the decoder's: at 44.1 kHz the first frame holds them and
 * 47 samples of the sound. To drop it gains nothing where the second frame reaches back into it, as it mostly does: a
 * primer, as long, would have to stand in for it. And it would spoil the attack that a beginning may be, because without
 * the first frame's overlap the second is only half there. So a beginning keeps its sound to the sample; only frames
 * that hold nothing of it go, as the first one does in MPEG-2, whose frames are half as long.
 *
 * An end then may add nothing: the last frame plays only if sound fills it. What is given up is less than a frame, the
 * sound's very end, and it fades out in its overlap. Frames that hold nothing but padding go in any case.
 *
 * More silence in front than 1152 samples (other encoders) is dropped by whole frames, less than one of them sound: the
 * primer that may be needed counts as a frame added again.
 *
 * Files that continue one another say so (lame --nogap): nothing is dropped between them. Where nobody told what the
 * encoder added everything plays, and the end of a file that is not as long as it was (cut, joined) does.
 */
export function playRange(info: InfoFrame | undefined, frames: number): PlayRange {
  const lame = info?.lame;
  if (!info || !lame) return { firstFrame: 0, frames };
  const firstFrame = lame.continues ? 0 : leadingFrames(lame.delay + DECODER_DELAY, info.samplesPerFrame);
  const isWhole = info.frames === undefined || info.frames === frames;
  const soundEnd = frames * info.samplesPerFrame - lame.padding + DECODER_DELAY;
  const end =
    lame.continued || !isWhole ? frames : Math.min(frames, Math.floor(soundEnd / info.samplesPerFrame));
  // No sound at all, by what the tag says: then it is about another file.
  return firstFrame < end ? { firstFrame, frames: end - firstFrame } : { firstFrame: 0, frames };
}

/** Frames to drop of `lead` samples of silence. */
function leadingFrames(lead: number, frameSamples: number): number {
  if (lead <= MAX_ADDED_SAMPLES) return Math.floor(lead / frameSamples);
  return Math.ceil((lead + frameSamples - MAX_ADDED_SAMPLES) / frameSamples);
}
