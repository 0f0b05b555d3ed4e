import { sampleRate, silence, type Sound } from "./sound.ts";

/** Delays of the room's eight paths, samples: primes between 24 and 61 ms, so that their echoes do not fall together. */
const pathSamples = [1_061, 1_283, 1_511, 1_741, 1_987, 2_203, 2_447, 2_687];

/**
 * A room: eight delays that feed one another through a Householder matrix (it loses no energy, so that only the gains below
 * decide how long it rings). `ringS` until it is 60 dB down; high tones fall sooner.
 */
export function reverb({ left, right }: Sound, ringS: number): Sound {
  const wet = silence(left.length / sampleRate);
  const paths = pathSamples.map((samples) => ({
    line: new Float32Array(samples),
    at: 0,
    gain: 10 ** ((-3 * samples) / (ringS * sampleRate)),
    damped: 0,
  }));
  for (let at = 0; at < left.length; at++) {
    const [inLeft, inRight] = [left[at] ?? 0, right[at] ?? 0];
    let sum = 0;
    for (const path of paths) {
      path.damped += 0.5 * ((path.line[path.at] ?? 0) - path.damped);
      sum += path.damped;
    }
    let [outLeft, outRight] = [0, 0];
    for (const [index, path] of paths.entries()) {
      const isLeft = index % 2 === 0;
      if (isLeft) outLeft += path.damped;
      else outRight += path.damped;
      path.line[path.at] = (isLeft ? inLeft : inRight) + path.gain * (path.damped - sum / 4);
      path.at = path.at + 1 === path.line.length ? 0 : path.at + 1;
    }
    wet.left[at] = outLeft / 2;
    wet.right[at] = outRight / 2;
  }
  return wet;
}

/** Echoes that change sides, each duller and `feedback` as loud as the one before. */
export function echoes({ left, right }: Sound, delayS: number, feedback: number): Sound {
  const wet = silence(left.length / sampleRate);
  const delay = Math.round(delayS * sampleRate);
  let [dullLeft, dullRight] = [0, 0];
  for (let at = delay; at < left.length; at++) {
    const mono = ((left[at - delay] ?? 0) + (right[at - delay] ?? 0)) / 2;
    dullLeft += 0.35 * (mono + feedback * (wet.right[at - delay] ?? 0) - dullLeft);
    dullRight += 0.35 * (feedback * (wet.left[at - delay] ?? 0) - dullRight);
    wet.left[at] = dullLeft;
    wet.right[at] = dullRight;
  }
  return wet;
}

/** In place: away with what is below 25 Hz, DC first of all. */
export function highPass({ left, right }: Sound): void {
  const pole = Math.exp((-2 * Math.PI * 25) / sampleRate);
  for (const side of [left, right]) {
    let [last, level] = [0, 0];
    for (let at = 0; at < side.length; at++) {
      const sample = side[at] ?? 0;
      level = pole * (level + sample - last);
      last = sample;
      side[at] = level;
    }
  }
}

/** In place: the ends swell and fall as raised cosines. */
export function fade({ left, right }: Sound, inS: number, outS: number): void {
  for (const side of [left, right]) {
    for (let at = 0; at < side.length; at++) {
      const ends = Math.min(1, at / (inS * sampleRate), (side.length - 1 - at) / (outS * sampleRate));
      if (ends < 1) side[at] = (side[at] ?? 0) * (0.5 - 0.5 * Math.cos(Math.PI * ends));
    }
  }
}

/** In place. */
export function amplify({ left, right }: Sound, gain: number): void {
  for (const side of [left, right]) {
    for (let at = 0; at < side.length; at++) side[at] = (side[at] ?? 0) * gain;
  }
}

/** In place: what is above half of full scale bends towards 0.84 (-1.5 dB), which leaves the encoder room for its errors. */
export function roundPeaks({ left, right }: Sound): void {
  const [knee, room] = [0.5, 0.34];
  for (const side of [left, right]) {
    for (let at = 0; at < side.length; at++) {
      const sample = side[at] ?? 0;
      const over = Math.abs(sample) - knee;
      if (over > 0) side[at] = Math.sign(sample) * (knee + room * Math.tanh(over / room));
    }
  }
}
