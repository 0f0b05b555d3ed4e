import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  openTrack,
  type ReadPlan,
  type TrackPiece,
  type TrackReader,
} from "../../../ingest/autodj/track-reader.ts";
import { playRange } from "../../../shared/codec/mp3/play-range.ts";
import { parse } from "../../shared/codec/mp3/streams.ts";

/** A folder of a test file's own; `remove` it in the end. */
export class TrackFolder {
  readonly path = mkdtempSync(join(tmpdir(), "tracks-"));
  #count = 0;

  write(bytes: Uint8Array): string {
    const path = join(this.path, `${this.#count++}.mp3`);
    writeFileSync(path, bytes);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** The plan for a file whose first frame is of its format. */
export function planOf(path: string, gainSteps = 0): ReadPlan {
  const { frames, info } = parse(new Uint8Array(readFileSync(path)), [64 * 1024]);
  const [first] = frames;
  if (!first) throw new Error(`${path} has no frames`);
  const count = frames.filter((frame) => frame.format.key === first.format.key).length;
  return { ...playRange(info, count), samplesPerFrame: first.samples, format: first.format, gainSteps };
}

/** All that is left of an open track; closes it. */
export async function readOut(reader: TrackReader): Promise<TrackPiece[]> {
  const pieces: TrackPiece[] = [];
  try {
    for (let piece = await reader.read(); piece; piece = await reader.read()) pieces.push(piece);
  } finally {
    await reader.close();
  }
  return pieces;
}

export async function readTrack(path: string, plan: ReadPlan, atFrame = 0): Promise<Uint8Array> {
  const pieces = await readOut(await openTrack(path, plan, atFrame));
  return new Uint8Array(Buffer.concat(pieces.map(({ bytes }) => bytes)));
}
