import { echoes } from "../synth/effects.ts";
import { mixDown, type Piece } from "../synth/piece.ts";
import { chord, melody, Part } from "../synth/score.ts";
import { add } from "../synth/sound.ts";
import { bass, musicBox, pluck, strings } from "../synth/voices.ts";

const beatS = 60 / 70;
const bars = 17;
const lengthS = bars * 4 * beatS + 1.5;

const tonic = chord("D2 D3 A3 C#4 E4 F#4");
const sixth = chord("B1 B2 A3 D4 E4 F#4");
const fourth = chord("G2 D3 B3 D4 F#4 A4");
const fifth = chord("A2 E3 B3 D4 E4 F#4");
const second = chord("E2 B2 G3 B3 D4 F#4");
const round = [tonic, sixth, fourth, fifth];
const chords = [...round, ...round, ...round, second, fifth, fourth, fifth, tonic];

const tune = melody(
  "F#5:1.5 E5:.5 D5:2 | A4:1 B4:1 D5:2 | F#5:1.5 G5:.5 A5:2 | E5:3 _:1 | " +
    "F#5:1.5 E5:.5 D5:1 B4:1 | D5:1 E5:1 F#5:2 | B5:1.5 A5:.5 F#5:1 D5:1 | E5:4 | " +
    "G5:1 F#5:1 D5:1 B4:1 | E5:1.5 F#5:.5 E5:2 | D5:1 B4:1 A4:1 B4:1 | A4:2 E5:2 | D5:4",
);

/** Calm, in D: a broken chord and its echoes, strings, and a tune that comes in with the fifth bar. */
export const greyLine: Piece = {
  name: "grey-line",
  title: "Grey Line",
  play() {
    const part = (seed: number) => new Part({ lengthS, beatS, seed });
    const [broken, pad, low, song] = [part(11), part(12), part(13), part(14)];
    for (const [bar, { root, notes }] of chords.entries()) {
      const beat = bar * 4;
      const isLast = bar === chords.length - 1;
      for (const [index, name] of notes.entries()) {
        pad.note(strings, name, { beat, beats: isLast ? 5 : 4, velocity: 0.5, pan: index / 3 - 0.65 });
      }
      for (const [eighth, index] of [1, 3, 4, 2, 3, 4, 2, 3].entries()) {
        if (isLast && eighth > 4) continue;
        const name = (notes[index] ?? root).replace(/\d$/, (octave) => `${Number(octave) + 1}`);
        const velocity = (eighth % 4 === 0 ? 0.62 : 0.45) * (isLast ? 0.8 : 1);
        broken.note(pluck, name, {
          beat: beat + eighth / 2,
          beats: 0.8,
          velocity,
          pan: eighth % 2 === 0 ? -0.3 : 0.3,
        });
      }
      if (bar < 2) continue;
      low.note(bass, root, { beat, beats: isLast ? 4 : 2.4, velocity: 0.6 });
      if (!isLast) low.note(bass, root, { beat: beat + 2.5, beats: 1.3, velocity: 0.4 });
    }
    for (const { name, beat, beats } of tune) {
      song.note(musicBox, name, { beat: 16 + beat, beats: beats + 0.5, velocity: 0.7, pan: 0.08 });
    }
    add(broken.sound, echoes(broken.sound, beatS * 0.75, 0.42), 0.5);
    return mixDown(
      [
        { sound: broken.sound, gain: 0.5, room: 0.12 },
        { sound: pad.sound, gain: 0.3, room: 0.12 },
        { sound: low.sound, gain: 0.62, room: 0.02 },
        { sound: song.sound, gain: 0.72, room: 0.2 },
      ],
      { ringS: 2.6, lengthS },
    );
  },
};
