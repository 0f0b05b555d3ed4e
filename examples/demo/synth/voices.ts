import { sampleRate, seeded } from "./sound.ts";

/** One note of an instrument, from its beginning to the end of its release; about 1 at its loudest at velocity 1. */
export type Voice = (note: {
  readonly hertz: number;
  readonly holdS: number;
  readonly velocity: number;
}) => Float32Array;

interface Partial {
  /** Multiple of the note's frequency. */
  readonly ratio: number;
  readonly level: number;
  /** Time in which it falls by 60 dB; Infinity: it stays. */
  readonly fallS: number;
}

/** Above this no partial sounds: it would only cost the encoder bits. */
const highestHertz = 9_000;

/**
 * A sum of sines that fall each at its own speed. Each is a two-pole resonator, struck once: two multiplications a
 * sample, and no phase to lose.
 */
function addPartials(into: Float32Array, hertz: number, partials: readonly Partial[]): void {
  for (const { ratio, level, fallS } of partials) {
    if (hertz * ratio > highestHertz) continue;
    const angle = (2 * Math.PI * hertz * ratio) / sampleRate;
    const radius = fallS === Number.POSITIVE_INFINITY ? 1 : 10 ** (-3 / (fallS * sampleRate));
    const [feedback, loss] = [2 * radius * Math.cos(angle), radius * radius];
    let before = -Math.sin(angle) / radius;
    let sample = 0;
    for (let at = 0; at < into.length; at++) {
      into[at] = (into[at] ?? 0) + level * sample;
      const next = feedback * sample - loss * before;
      before = sample;
      sample = next;
    }
  }
}

/** Raised cosines at both ends: nothing begins or ends with a step. */
function shape(voice: Float32Array, attackS: number, releaseS: number, gain: number): Float32Array {
  const attack = attackS * sampleRate;
  const release = releaseS * sampleRate;
  for (let at = 0; at < voice.length; at++) {
    const ends = Math.min(1, at / attack, (voice.length - 1 - at) / release);
    voice[at] = (voice[at] ?? 0) * gain * (0.5 - 0.5 * Math.cos(Math.PI * ends));
  }
  return voice;
}

const room = (seconds: number): Float32Array => new Float32Array(Math.ceil(seconds * sampleRate));

interface Struck {
  readonly partials: readonly Partial[];
  readonly attackS: number;
  readonly releaseS: number;
}

/** An instrument that is struck or plucked: brighter when it is struck harder, shorter when it is high. */
const struck =
  ({ partials, attackS, releaseS }: Struck): Voice =>
  ({ hertz, holdS, velocity }) => {
    const voice = room(holdS + releaseS);
    const shortening = Math.min(1.5, Math.sqrt(440 / hertz));
    addPartials(
      voice,
      hertz,
      partials.map(({ ratio, level, fallS }) => ({
        ratio,
        level: level * velocity ** (ratio > 1 ? 0.6 : 0),
        fallS: fallS * shortening,
      })),
    );
    return shape(voice, attackS, releaseS, velocity);
  };

export const pluck: Voice = struck({
  partials: [
    { ratio: 1, level: 0.7, fallS: 2.4 },
    { ratio: 2, level: 0.28, fallS: 1.3 },
    { ratio: 3, level: 0.12, fallS: 0.8 },
    { ratio: 4, level: 0.06, fallS: 0.5 },
    { ratio: 6, level: 0.03, fallS: 0.25 },
  ],
  attackS: 0.004,
  releaseS: 0.35,
});

export const electricPiano: Voice = struck({
  partials: [
    { ratio: 1, level: 0.72, fallS: 4 },
    { ratio: 2, level: 0.2, fallS: 2 },
    { ratio: 3, level: 0.06, fallS: 1.2 },
    { ratio: 4.02, level: 0.05, fallS: 0.7 },
    { ratio: 9.1, level: 0.025, fallS: 0.12 },
  ],
  attackS: 0.006,
  releaseS: 0.18,
});

/** A comb of steel: its second mode is no harmonic. */
export const musicBox: Voice = struck({
  partials: [
    { ratio: 1, level: 0.75, fallS: 2.8 },
    { ratio: 2, level: 0.1, fallS: 1.4 },
    { ratio: 3.01, level: 0.12, fallS: 0.9 },
    { ratio: 6.24, level: 0.05, fallS: 0.18 },
  ],
  attackS: 0.002,
  releaseS: 0.6,
});

export const bass: Voice = struck({
  partials: [
    { ratio: 1, level: 0.75, fallS: 5 },
    { ratio: 2, level: 0.25, fallS: 2.5 },
    { ratio: 3, level: 0.1, fallS: 1.2 },
  ],
  attackS: 0.012,
  releaseS: 0.12,
});

/** Three strings, a little out of tune with one another, that swell. */
export const strings: Voice = ({ hertz, holdS, velocity }) => {
  const voice = room(holdS + 1.4);
  for (const cents of [-5, 0, 6]) {
    const tuned = hertz * 2 ** (cents / 1200);
    const partials = [1, 2, 3, 4, 5, 6].map((ratio) => ({
      ratio,
      level: 0.26 / ratio ** 1.8,
      fallS: Number.POSITIVE_INFINITY,
    }));
    addPartials(voice, tuned, partials);
  }
  return shape(voice, 0.7, 1.4, velocity);
};

/** Something between a flute and a voice, with a vibrato that comes late. */
export const whistle: Voice = ({ hertz, holdS, velocity }) => {
  const voice = room(holdS + 0.16);
  let phase = 0;
  for (let at = 0; at < voice.length; at++) {
    const seconds = at / sampleRate;
    const depth = 0.006 * Math.min(1, Math.max(0, seconds - 0.25) / 0.5);
    phase += (2 * Math.PI * hertz * (1 + depth * Math.sin(2 * Math.PI * 5.1 * seconds))) / sampleRate;
    voice[at] = 0.8 * Math.sin(phase) + 0.14 * Math.sin(2 * phase) + 0.09 * Math.sin(3 * phase);
  }
  return shape(voice, 0.05, 0.16, velocity);
};

/** A drum whose skin gives way: its tone falls from 130 Hz to 48. */
export function softDrum(velocity: number): Float32Array {
  const voice = room(0.32);
  let phase = 0;
  for (let at = 0; at < voice.length; at++) {
    const seconds = at / sampleRate;
    phase += (2 * Math.PI * (48 + 82 * Math.exp(-seconds / 0.03))) / sampleRate;
    voice[at] = Math.sin(phase) * Math.exp(-seconds / 0.11);
  }
  return shape(voice, 0.003, 0.08, velocity);
}

/** Noise between 2.5 and 6 kHz: higher up an encoder at a low bitrate makes chirps of it. */
export function shaker(velocity: number, seed: number): Float32Array {
  const voice = room(0.11);
  const random = seeded(seed);
  let [low, lower] = [0, 0];
  for (let at = 0; at < voice.length; at++) {
    low += 0.55 * (random() * 2 - 1 - low);
    lower += 0.3 * (low - lower);
    voice[at] = (low - lower) * Math.exp(-at / (0.028 * sampleRate));
  }
  return shape(voice, 0.012, 0.03, velocity);
}
