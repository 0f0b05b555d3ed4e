import { readFileSync } from "node:fs";
import { CutError } from "../../../ingest/library/cut-track.ts";
import type { MusicTools } from "../../../ingest/library/music.ts";
import type { Analysis, TrackFile, TrackPlan } from "../../../ingest/autodj/track.ts";
import type { Frame } from "../../../shared/codec/codec.ts";
import { mp3 } from "../../../shared/codec/mp3/mp3.ts";

/** A track of whole frames in memory, for uploads that are tested without the analysis. */
export interface FakeTrack {
  readonly name: string;
  readonly frames: readonly Frame[];
  readonly refused?: string;
  version?: string;
}

/** `count` frames of a file from its frame `from` on, whose first ones stand by themselves. */
export function framesFrom(path: string, from: number, count: number): Frame[] {
  const parser = mp3.createParser();
  const frames = [...parser.push(readFileSync(path)).map(copied), ...parser.flush().map(copied)];
  return frames.slice(from, from + count);
}

const copied = (frame: Frame): Frame => ({
  ...frame,
  bytes: frame.bytes.slice(),
  reservoir: frame.reservoir.slice(),
});

export const trackFile = (track: FakeTrack): TrackFile => ({
  id: `file:/music/${track.name}`,
  version: track.version ?? "1",
  name: track.name,
  path: async () => track.name,
});

export interface FakeTools extends MusicTools {
  /** How often each track was opened. */
  readonly opened: Map<string, number>;
  readonly transcodedNames: string[];
}

export function fakeTools(tracks: readonly FakeTrack[]): FakeTools {
  const named = new Map(tracks.map((track) => [track.name, track]));
  const opened = new Map<string, number>();
  const transcodedNames: string[] = [];
  const planOf = ({ name, frames }: FakeTrack): TrackPlan => {
    const first = frames[0];
    if (!first) throw new Error(`${name} has no frame`);
    return {
      title: name.replace(/\.mp3$/, ""),
      format: first.format,
      firstFrame: 0,
      frames: frames.length,
      samplesPerFrame: first.samples,
      gainSteps: 0,
      bitrateKbps: 128,
    };
  };
  const trackOf = (name: string): FakeTrack => {
    const track = named.get(name);
    if (!track) throw new CutError("is not there");
    return track;
  };
  return {
    opened,
    transcodedNames,
    analyser: {
      async analyse({ name }): Promise<Analysis> {
        const track = trackOf(name);
        return track.refused === undefined
          ? { kind: "plays", plan: planOf(track) }
          : { kind: "refused", reason: track.refused };
      },
      async transcoded({ name }, plan, { sampleRate, channels }) {
        transcodedNames.push(name);
        return { path: name, plan: { ...plan, format: { ...plan.format, sampleRate, channels } } };
      },
    },
    async open(path) {
      opened.set(path, (opened.get(path) ?? 0) + 1);
      const { frames } = trackOf(path);
      let at = 0;
      return {
        frame: 0,
        async read() {
          const piece = frames.slice(at, at + 38);
          at += piece.length;
          if (piece.length === 0) return null;
          return {
            bytes: Buffer.concat(piece.map(({ bytes }) => bytes)),
            samples: piece.reduce((sum, { samples }) => sum + samples, 0),
          };
        },
        close: () => undefined,
      };
    },
  };
}
