import {
  apeV2,
  id3v1,
  id3v2,
  latin1Text,
  userText,
  utf16Text,
  utf8Text,
} from "../ingest/autodj/analysis/id3-writer.ts";
import type { Recipe } from "./made-music.ts";

const cbr = ["-b", "128", "-q", "9"];
const joint = ["-b", "192", "-m", "j", "-q", "9"];
const vbr = ["-V", "4", "-q", "9"];
const abr = ["--abr", "140", "-q", "9"];
/** Without what tells a player of the encoder's delay and padding. */
const untagged = ["-t"];
/** So that its loudness has to be measured. */
const unmeasured = ["--noreplaygain"];

export interface Song extends Recipe {
  /** As listeners are told. */
  readonly title: string;
}

const v23 = (title: string, artist: string) =>
  id3v2(3, [utf16Text("TIT2", title, "le"), utf16Text("TPE1", artist, "le")]);
const v24 = (title: string, artist: string) => id3v2(4, [utf8Text("TIT2", title), utf8Text("TPE1", artist)]);
const v22 = (title: string, artist: string) =>
  id3v2(2, [latin1Text("TT2", title), latin1Text("TP1", artist)]);

/** Of every kind that people have: two folders of music and one of jingles. Lengths that leave another padding each time. */
export const songs: readonly Song[] = [
  { name: "hits/01.mp3", seconds: 31.7, lame: cbr, before: v23("Öne", "Ann"), title: "Ann - Öne" },
  { name: "hits/02.mp3", seconds: 24.013, lame: vbr, before: v24("Two", "Bö"), title: "Bö - Two" },
  { name: "hits/03.mp3", seconds: 41.37, lame: joint, before: v22("Three", "Cleo"), title: "Cleo - Three" },
  { name: "hits/04 four.mp3", seconds: 28.801, lame: [...cbr, ...untagged], title: "04 four" },
  {
    name: "hits/05.mp3",
    seconds: 35.11,
    lame: abr,
    before: v23("五", "歌手"),
    title: "歌手 - 五",
  },
  {
    name: "hits/06.mp3",
    seconds: 22.422,
    lame: [...vbr, ...untagged],
    after: id3v1(Buffer.from("Six"), Buffer.from("Fay")),
    title: "Fay - Six",
  },
  { name: "hits/07 seven.mp3", seconds: 30.5, lame: joint, level: 0.1, title: "07 seven" },
  {
    name: "hits/08.mp3",
    seconds: 26.9,
    lame: [...cbr, ...unmeasured],
    before: id3v2(3, [latin1Text("TIT2", "Eight"), userText("REPLAYGAIN_TRACK_GAIN", "-7.00 dB")]),
    title: "Eight",
  },
  {
    name: "hits/09.mp3",
    seconds: 33.3,
    lame: [...joint, ...unmeasured],
    after: apeV2({ Title: "Nine", Artist: "Ida", REPLAYGAIN_TRACK_GAIN: "+3.00 dB" }),
    title: "Ida - Nine",
  },
  { name: "hits/10 ten.mp3", seconds: 19.019, lame: [...vbr, ...unmeasured], level: 0.9, title: "10 ten" },
  { name: "hits/11 eleven.mp3", seconds: 21, sampleRate: 48_000, lame: cbr, title: "11 eleven" }, // encoded anew
  {
    name: "hits/12.mp3",
    seconds: 44.44,
    lame: abr,
    before: v24("Twelve; it's", "L"),
    title: "L - Twelve; it's",
  },
  { name: "deep/a.mp3", seconds: 47.9, lame: vbr, before: v24("A", "Deep"), title: "Deep - A" },
  { name: "deep/b.mp3", seconds: 38.25, lame: cbr, before: v23("B", "Deep"), title: "Deep - B" },
  { name: "deep/c.mp3", seconds: 19.03, lame: [...joint, ...untagged], title: "c" },
  { name: "deep/d.mp3", seconds: 46.6, lame: ["-V", "0", "-q", "9"], title: "d" },
  { name: "deep/e.mp3", seconds: 23.77, lame: ["-b", "320", "-m", "s", "-q", "9"], title: "e" },
  { name: "deep/f.mp3", seconds: 27.272, lame: ["-p", "-b", "160", "-q", "9"], title: "f" },
  { name: "deep/g.mp3", seconds: 34.9, lame: ["--resample", "44.1", "-b", "64", "-q", "9"], title: "g" },
  { name: "deep/h.mp3", seconds: 40.04, lame: ["--nores", "-b", "192", "-q", "9"], title: "h" },
  {
    name: "jingles/j1.mp3",
    seconds: 3.1,
    lame: cbr,
    before: v23("Jingle 1", "Hour FM"),
    title: "Hour FM - Jingle 1",
  },
  { name: "jingles/j2.mp3", seconds: 2.22, lame: vbr, title: "j2" },
  { name: "jingles/j3.mp3", seconds: 4.567, lame: [...joint, ...untagged], title: "j3" },
];
