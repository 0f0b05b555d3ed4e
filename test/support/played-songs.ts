import { basename } from "node:path";
import type { AutoDjSettings, IngestSettings } from "../../config/ingest-settings.ts";
import { realParts } from "../../ingest/autodj/real-parts.ts";
import { openLog } from "../../ingest/log.ts";
import { shiftGain } from "../../shared/codec/mp3/gain.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import type { MadeSong } from "./made-music.ts";
import { songs } from "./songs.ts";
import { framesOf } from "./stream-mp3.ts";
import { waitFor } from "./wait.ts";

const samplesPerFrame = 1_152;
const sampleRate = 44_100;

/** A song as it has to go out. */
export interface PlayedSong {
  readonly file: string;
  readonly title: string;
  readonly frames: readonly Uint8Array[];
}

/** Frames of one song that follow each other in the recording. */
export interface SongRun {
  readonly song: number;
  readonly first: number;
  last: number;
  /** Where its first frame is in the recording, frames; primers count. */
  readonly at: number;
  /** Frames in front of it that no file has. */
  readonly primers: number;
}

/**
 * What has to be heard of each file. What the AutoDJ's own analyser finds, its loudness and what was encoded anew, is then
 * known beforehand: at this speed there is no time for it. How many frames play is reckoned here, from the sound that was encoded.
 */
export async function playedSongs(
  settings: IngestSettings,
  made: readonly MadeSong[],
): Promise<PlayedSong[]> {
  const autodj = settings.autodjs[0] as AutoDjSettings;
  const parts = realParts(() => settings, openLog("warn"));
  const analyser = parts.analyser(autodj.loudnessLufs);
  const places = [...autodj.rotations, ...autodj.jingles].flatMap((each) => each.places);
  const sources = parts.sources(places, autodj.reloadMs);
  await sources.start();
  // Not before they have been left alone for a moment.
  await waitFor("all files to be found", () => sources.files.length === songs.length);
  const found = await Promise.all(
    songs.map(async ({ name, title, lame, sampleRate: rate = sampleRate }, index): Promise<PlayedSong> => {
      const { path, samples } = made[index] as MadeSong;
      const file = sources.files.find(({ id }) => id === `file:${path}`);
      if (!file) throw new Error(`${name} was not found`);
      const analysis = await analyser.analyse(file);
      if (analysis.kind !== "plays") throw new Error(`${name} ${analysis.reason}`);
      const played =
        analysis.plan.format.sampleRate !== sampleRate
          ? await analyser.transcoded(file, analysis.plan, { sampleRate, channels: 2 }, autodj.bitrateKbps)
          : { path, plan: analysis.plan };
      const { gainSteps } = played.plan;
      const isTagged = !lame.includes("-t");
      const all = framesOf(played.path);
      const count = isTagged
        ? Math.floor((samples * (sampleRate / rate) + lameDelay) / samplesPerFrame)
        : all.length;
      const frames = all.slice(0, count).map(({ bytes }) => {
        const copy = bytes.slice();
        shiftGain(copy, gainSteps);
        return copy;
      });
      return { file: basename(name), title, frames };
    }),
  );
  await sources.stop();
  await analyser.stop();
  return found;
}

/** Samples before the sound in what a decoder makes of LAME's files: LAME's own, and the decoder's. */
const lameDelay = 576 + 529;

/** Whose frames a recording has, in order. Throws where bytes of it are in no frame. */
export function readSongRuns(
  bytes: Uint8Array,
  songsPlayed: readonly PlayedSong[],
): { readonly runs: readonly SongRun[]; readonly frames: number } {
  const places = new Map<string, { readonly song: number; readonly index: number }>();
  for (const [song, { frames }] of songsPlayed.entries()) {
    for (const [index, frame] of frames.entries()) {
      if (places.has(nameOf(frame))) throw new Error(`two of the frames are alike: ${song} ${index}`);
      places.set(nameOf(frame), { song, index });
    }
  }
  const found: SongRun[] = [];
  let at = 0;
  let primers = 0;
  const parser = mp3.createParser();
  for (const frame of [...parser.push(bytes), ...parser.flush()].map(({ bytes: each }) => each.slice())) {
    const place = places.get(nameOf(frame));
    const open = found.at(-1);
    if (!place) primers++;
    else if (open && primers === 0 && place.song === open.song && place.index === open.last + 1) open.last++;
    else {
      found.push({ song: place.song, first: place.index, last: place.index, at, primers });
      primers = 0;
    }
    at++;
  }
  const { garbageBytes, resyncs } = parser.counts;
  if (garbageBytes > 0 || resyncs > 0 || primers > 0) {
    throw new Error(
      `${garbageBytes} bytes of no frame, ${resyncs} resyncs, ${primers} frames of no song at the end`,
    );
  }
  return { runs: found, frames: at };
}

const nameOf = (frame: Uint8Array): string => Buffer.from(frame).toString("latin1");
