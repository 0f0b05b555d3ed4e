import { LoudnessMeter } from "../../../ingest/autodj/analysis/loudness-meter.ts";
import { amplify, fade, highPass, reverb, roundPeaks } from "./effects.ts";
import { add, sampleRate, silence, type Sound } from "./sound.ts";

/** A finished piece of music and its name. */
export interface Piece {
  /** Of its file, without extension. */
  readonly name: string;
  readonly title: string;
  play(): Sound;
}

/** A part in the mix. */
export interface Track {
  readonly sound: Sound;
  readonly gain: number;
  /** How much of it the room has. */
  readonly room: number;
}

/** What is decoded has -16: at this bitrate LAME takes half a decibel off. */
const loudnessLufs = -15.6;

/** The parts together in one room, as loud as everything on this radio. */
export function mixDown(
  tracks: readonly Track[],
  { ringS, lengthS }: { ringS: number; lengthS: number },
): Sound {
  const mix = silence(lengthS);
  const send = silence(lengthS);
  for (const { sound, gain, room } of tracks) {
    add(mix, sound, gain);
    add(send, sound, gain * room);
  }
  add(mix, reverb(send, ringS));
  highPass(mix);
  fade(mix, 0.05, 3);
  const meter = new LoudnessMeter(sampleRate, 2);
  meter.push([mix.left, mix.right]);
  // Tenths of a decibel: another way to add up what was measured makes no other file.
  const gainTenths = Math.round(10 * (loudnessLufs - (meter.integrated() ?? loudnessLufs)));
  amplify(mix, 10 ** (gainTenths / 200));
  roundPeaks(mix);
  return mix;
}
