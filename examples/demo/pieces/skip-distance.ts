import { echoes } from "../synth/effects.ts";
import { mixDown, type Piece } from "../synth/piece.ts";
import { chord, melody, Part } from "../synth/score.ts";
import { add } from "../synth/sound.ts";
import { bass, electricPiano, shaker, softDrum, whistle } from "../synth/voices.ts";

const beatS = 60 / 90;
const lengthS = 22 * 4 * beatS + 0.5;

const f = chord("F2 A3 C4 E4 G4");
const g = chord("G2 B3 D4 E4 A4");
const eMinor = chord("E2 G3 B3 D4 G4");
const aMinor = chord("A2 G3 B3 C4 E4");
const dMinor = chord("D2 F3 A3 C4 E4");
const g13 = chord("G2 F3 A3 B3 E4");
const c = chord("C2 E3 G3 B3 D4");
const verse = [f, g, eMinor, aMinor];
const chords = [...verse, ...verse, ...verse, dMinor, g13, c, aMinor, ...verse];
const endBeat = chords.length * 4;

const tune = melody(
  "E5:1.5 D5:.5 C5:1 A4:1 | B4:1.5 C5:.5 D5:2 | D5:1 E5:.5 G5:1.5 E5:1 | C5:1 B4:.5 A4:2 _:.5 | " +
    "F5:1.5 E5:.5 D5:1 A4:1 | B4:1 D5:1 E5:2 | G5:1.5 E5:.5 D5:2 | C5:1 D5:.5 E5:2 _:.5 | " +
    "A5:1.5 G5:.5 E5:1 C5:1 | D5:1 E5:.5 D5:2 _:.5 | B4:1 D5:1 G5:1 E5:1 | E5:1 D5:.5 C5:2.5 | " +
    "A4:1 C5:1 B4:1 D5:1 | E5:4",
);

/** At a walking pace: electric piano, a soft drum, and something that whistles from the ninth bar on. */
export const skipDistance: Piece = {
  name: "skip-distance",
  title: "Skip Distance",
  play() {
    const part = (seed: number) => new Part({ lengthS, beatS, seed });
    const [keys, low, drums, song] = [part(21), part(22), part(23), part(24)];
    const strike = (notes: readonly string[], beat: number, beats: number, velocity: number): void => {
      for (const [index, name] of notes.entries()) {
        // From the lowest note up, as a hand does.
        keys.note(electricPiano, name, {
          beat: beat + index * 0.02,
          beats,
          velocity,
          pan: index * 0.25 - 0.4,
        });
      }
    };
    for (const [bar, { root, notes }] of chords.entries()) {
      const beat = bar * 4;
      strike(notes, beat, 1.5, 0.62);
      strike(notes, beat + 1.5, 1.5, 0.4);
      strike(notes.slice(1), beat + 3, 1, 0.46);
      if (bar >= 2)
        for (let eighth = 0; eighth < 8; eighth++) {
          const swing = eighth % 2 === 1 ? 0.06 : 0;
          const velocity = eighth % 4 === 2 ? 0.9 : 0.45;
          drums.hit(shaker, { beat: beat + eighth / 2 + swing, velocity, pan: 0.35 });
        }
      if (bar < 4) {
        low.note(bass, root, { beat, beats: 3.7, velocity: 0.45 });
        continue;
      }
      for (const [at, velocity] of [
        [0, 0.85],
        [2, 0.7],
        [2.56, 0.4],
      ] as const) {
        drums.hit(softDrum, { beat: beat + at, velocity });
      }
      for (const [at, beats, velocity] of [
        [0, 1.3, 0.62],
        [1.5, 0.8, 0.46],
        [2.5, 1.2, 0.54],
      ] as const) {
        low.note(bass, root, { beat: beat + at, beats, velocity });
      }
    }
    strike(f.notes, endBeat, 1.8, 0.6);
    strike(g.notes, endBeat + 2, 1.8, 0.56);
    strike(c.notes, endBeat + 4, 4.4, 0.6);
    low.note(bass, f.root, { beat: endBeat, beats: 1.8, velocity: 0.58 });
    low.note(bass, g.root, { beat: endBeat + 2, beats: 1.8, velocity: 0.54 });
    low.note(bass, c.root, { beat: endBeat + 4, beats: 4.4, velocity: 0.6 });
    for (const { name, beat, beats } of tune) {
      song.note(whistle, name, { beat: 32 + beat, beats: beats * 0.92, velocity: 0.55, pan: -0.1 });
    }
    add(song.sound, echoes(song.sound, beatS * 0.75, 0.35), 0.35);
    return mixDown(
      [
        { sound: keys.sound, gain: 0.42, room: 0.09 },
        { sound: low.sound, gain: 0.55, room: 0.01 },
        { sound: drums.sound, gain: 0.36, room: 0.05 },
        { sound: song.sound, gain: 0.42, room: 0.2 },
      ],
      { ringS: 1.7, lengthS },
    );
  },
};
