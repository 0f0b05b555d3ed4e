/** Of everything here. */
export const sampleRate = 44_100;

/** Sound in two channels of the same length; full scale is 1. */
export interface Sound {
  readonly left: Float32Array;
  readonly right: Float32Array;
}

export const silence = (seconds: number): Sound => {
  const samples = Math.ceil(seconds * sampleRate);
  return { left: new Float32Array(samples), right: new Float32Array(samples) };
};

/** Adds one voice at a place in time. `pan` from -1, left, to 1, at the same power; what goes past the end is left out. */
export function mixAt(
  into: Sound,
  voice: Float32Array,
  { startS, pan }: { startS: number; pan: number },
): void {
  const from = Math.round(startS * sampleRate);
  const angle = ((pan + 1) * Math.PI) / 4;
  const [leftGain, rightGain] = [Math.cos(angle), Math.sin(angle)];
  const end = Math.min(voice.length, into.left.length - from);
  for (let at = Math.max(0, -from); at < end; at++) {
    const sample = voice[at] ?? 0;
    into.left[from + at] = (into.left[from + at] ?? 0) + sample * leftGain;
    into.right[from + at] = (into.right[from + at] ?? 0) + sample * rightGain;
  }
}

/** Adds `from` to `into` at a gain. */
export function add(into: Sound, from: Sound, gain = 1): void {
  for (const side of ["left", "right"] as const) {
    const [target, source] = [into[side], from[side]];
    for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) + gain * (source[at] ?? 0);
  }
}

/** Numbers from 0 to 1 that are the same in every run (xorshift32). */
export function seeded(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
