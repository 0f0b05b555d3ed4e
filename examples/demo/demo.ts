import { createMp3Encoder } from "wasm-media-encoders";
import { concatenate } from "../../shared/concatenate.ts";
import { encodeTag } from "../../shared/id3.ts";
import { greyLine } from "./pieces/grey-line.ts";
import { nightPath } from "./pieces/night-path.ts";
import { skipDistance } from "./pieces/skip-distance.ts";
import type { Piece } from "./synth/piece.ts";
import { sampleRate, type Sound } from "./synth/sound.ts";

export const pieces: readonly Piece[] = [greyLine, skipDistance, nightPath];

/** The whole file of a piece: tag and audio, the same in every run. */
export async function fileOf(piece: Piece): Promise<Uint8Array> {
  const sound = piece.play();
  const tag = encodeTag({
    title: piece.title,
    artist: "Skywave",
    album: "First Sounds",
    durationMs: (sound.left.length * 1000) / sampleRate,
  });
  return concatenate([tag, ...(await encoded(sound))]);
}

/** Enough for music without high tones; what a repository carries for good should be small. */
const bitrate = 64;

async function encoded({ left, right }: Sound): Promise<Uint8Array[]> {
  const encoder = await createMp3Encoder();
  encoder.configure({ sampleRate, channels: 2, bitrate, outputSampleRate: sampleRate });
  // What the encoder gives is its own memory, written again at the next call.
  const audio = encoder.encode([left, right]).slice();
  return [audio, encoder.finalize().slice()];
}
