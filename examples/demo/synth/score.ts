import { seeded, mixAt, silence, type Sound } from "./sound.ts";
import type { Voice } from "./voices.ts";

const steps: Readonly<Record<string, number>> = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };

/** Frequency of a note by its name: "A4" is 440 Hz, "F#3", "Bb5". */
export function hertzOf(name: string): number {
  const [, letter = "", accidental = "", octave = ""] = /^([A-G])([#b]?)(\d)$/.exec(name) ?? [];
  const step = steps[letter];
  if (step === undefined) throw new Error(`expected a note such as F#3, got ${JSON.stringify(name)}`);
  const semitone = step + (accidental === "#" ? 1 : 0) - (accidental === "b" ? 1 : 0);
  return 440 * 2 ** ((semitone - 9 + 12 * (Number(octave) - 4)) / 12);
}

/** A chord: its lowest note, and the notes above it from low to high. */
export interface Chord {
  readonly root: string;
  readonly notes: readonly string[];
}

/** "D3 A3 C#4 E4": the first is the root. */
export function chord(names: string): Chord {
  const [root = "", ...notes] = names.split(" ");
  return { root, notes };
}

/** "A4:1 _:.5 B4:2": names and lengths in beats, one after another; `_` is a rest. */
export function melody(text: string): { name: string; beat: number; beats: number }[] {
  let beat = 0;
  return text.split(/[\s|]+/).flatMap((word) => {
    const [name = "", length = ""] = word.split(":");
    const at = beat;
    beat += Number(length);
    return name === "_" ? [] : [{ name, beat: at, beats: Number(length) }];
  });
}

/** Where and how a note is played. */
interface Play {
  readonly beat: number;
  readonly beats: number;
  readonly velocity: number;
  readonly pan?: number;
}

/** One instrument's part, played as a person would: never quite on the beat, nor twice as loud. */
export class Part {
  readonly sound: Sound;
  readonly #beatS: number;
  readonly #random: () => number;

  constructor(options: { readonly lengthS: number; readonly beatS: number; readonly seed: number }) {
    this.sound = silence(options.lengthS);
    this.#beatS = options.beatS;
    this.#random = seeded(options.seed);
  }

  note(voice: Voice, name: string, play: Play): void {
    const hertz = hertzOf(name);
    this.#mix((velocity) => voice({ hertz, holdS: play.beats * this.#beatS, velocity }), play);
  }

  hit(make: (velocity: number, seed: number) => Float32Array, play: Omit<Play, "beats">): void {
    this.#mix((velocity) => make(velocity, Math.floor(this.#random() * 2 ** 31)), play);
  }

  #mix(make: (velocity: number) => Float32Array, { beat, velocity, pan = 0 }: Omit<Play, "beats">): void {
    const lateS = 0.008 * this.#random();
    const sound = make(velocity * (0.92 + 0.16 * this.#random()));
    mixAt(this.sound, sound, { startS: beat * this.#beatS + lateS, pan });
  }
}
