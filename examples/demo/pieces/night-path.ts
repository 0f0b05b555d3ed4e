import { mixDown, type Piece } from "../synth/piece.ts";
import { chord, melody, Part } from "../synth/score.ts";
import { bass, musicBox, pluck, strings } from "../synth/voices.ts";

const beatS = 60 / 96;
const lengthS = 32 * 3 * beatS + 1.2;

const f = chord("F2 A3 C4 F4");
const fOverA = chord("A2 A3 C4 F4");
const fMajor7 = chord("F2 A3 C4 E4");
const aMinor = chord("A2 G3 C4 E4");
const dMinor = chord("D2 A3 C4 F4");
const bFlat = chord("Bb2 A3 D4 F4");
const gMinor = chord("G2 Bb3 D4 F4");
const cSus = chord("C2 Bb3 C4 F4");
const c7 = chord("C2 Bb3 C4 E4");
const opening = [f, aMinor, dMinor, bFlat];
const closing = [...opening, gMinor, c7, f, f];
const middle = [bFlat, c7, aMinor, dMinor, gMinor, c7, fMajor7, cSus];
const chords = [...opening, fOverA, gMinor, cSus, c7, ...closing, ...middle, ...closing];

const question = "A5:2 C6:1 | G5:2 E5:1 | F5:1 G5:1 A5:1 |";
const tune = melody(
  `${question} F5:2 D5:1 | C5:1 F5:1 A5:1 | Bb5:2 G5:1 | F5:1 G5:1 C5:1 | E5:2 G5:1 | ` +
    `${question} D6:2 C6:1 | Bb5:1 A5:1 G5:1 | E5:1 F5:1 G5:1 | F5:3 | C5:1 F5:1 A5:1 | ` +
    "D6:2 Bb5:1 | C6:2 G5:1 | A5:1 G5:1 E5:1 | F5:3 | Bb5:2 A5:1 | G5:1 A5:1 Bb5:1 | A5:1 C6:1 E6:1 | C6:3 | " +
    `${question} D6:2 C6:1 | Bb5:1 A5:1 G5:1 | E5:1 F5:1 G5:1 | F5:3 | F6:3`,
);

/** A waltz of a music box, in F; the strings come with its second half. */
export const nightPath: Piece = {
  name: "night-path",
  title: "Night Path",
  play() {
    const part = (seed: number) => new Part({ lengthS, beatS, seed });
    const [box, harp, pad, low] = [part(31), part(32), part(33), part(34)];
    for (const [bar, { root, notes }] of chords.entries()) {
      const beat = bar * 3;
      const isLast = bar >= chords.length - 2;
      low.note(bass, root, { beat, beats: 2.4, velocity: 0.5 });
      for (const [index, name] of notes.entries()) {
        const pan = index * 0.3 - 0.3;
        if (!isLast) {
          harp.note(pluck, name, { beat: beat + 1 + index * 0.03, beats: 0.8, velocity: 0.42, pan });
          harp.note(pluck, name, { beat: beat + 2 + index * 0.03, beats: 0.8, velocity: 0.34, pan });
        } else if (bar === chords.length - 2) {
          harp.note(pluck, name, { beat: beat + 1 + index, beats: 2, velocity: 0.4, pan });
        }
        if (bar >= 8)
          pad.note(strings, name, { beat, beats: 3, velocity: bar >= 16 ? 0.5 : 0.36, pan: -pan });
      }
    }
    for (const { name, beat, beats } of tune) {
      box.note(musicBox, name, { beat, beats: beats + 0.6, velocity: 0.66, pan: 0.1 });
    }
    return mixDown(
      [
        { sound: box.sound, gain: 0.6, room: 0.22 },
        { sound: harp.sound, gain: 0.5, room: 0.14 },
        { sound: pad.sound, gain: 0.24, room: 0.14 },
        { sound: low.sound, gain: 0.55, room: 0.02 },
      ],
      { ringS: 2.2, lengthS },
    );
  },
};
