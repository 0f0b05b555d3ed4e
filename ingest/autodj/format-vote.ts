import { constants, open } from "node:fs/promises";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { tagSize } from "../../shared/codec/mp3/tags.ts";
import { voteBytes, votes } from "./limits.ts";
import { formatName, type Mp3Format, type TrackAnalyser } from "./parts.ts";
import type { TrackFile } from "./track.ts";

/**
 * The format of a mount whose settings name none: what most of the music has. Known files count as they were found, of
 * others the first frames; of a large folder some files from all over it. What the mount had before stays unless twice as
 * many have another: who listens hears a change.
 */
export async function voteFormat(
  files: readonly TrackFile[],
  analyser: Pick<TrackAnalyser, "known">,
  before: Mp3Format | null,
): Promise<Mp3Format> {
  const counts = new Map<string, { readonly format: Mp3Format; count: number }>();
  const step = Math.max(1, files.length / votes);
  for (let at = 0; at < files.length; at += step) {
    const file = files[Math.floor(at)];
    const format = file && (await formatOf(file, analyser));
    if (!format) continue;
    const entry = counts.get(formatName(format)) ?? { format, count: 0 };
    entry.count++;
    counts.set(formatName(format), entry);
  }
  const [most] = [...counts.values()].toSorted((a, b) => b.count - a.count);
  if (!most) return before ?? usualFormat;
  const kept = before ? (counts.get(formatName(before))?.count ?? 0) : 0;
  return before && kept > 0 && most.count < 2 * kept ? before : most.format;
}

/** What most music is in, as long as nothing is known of it. */
export const usualFormat: Mp3Format = { sampleRate: 44_100, channels: 2 };

async function formatOf(file: TrackFile, analyser: Pick<TrackAnalyser, "known">): Promise<Mp3Format | null> {
  const known = analyser.known(file);
  if (known) return known.kind === "plays" ? known.plan.format : null;
  // What is not on this machine is not fetched for a vote.
  if (!file.id.startsWith("file:")) return null;
  return file
    .path()
    .then(firstFormat)
    .catch(() => null);
}

/** Of the first frame behind the tag. */
async function firstFormat(path: string): Promise<Mp3Format | null> {
  // A pipe may stand there by now: to open one that nobody writes to would wait for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) return null;
    const head = Buffer.alloc(10);
    await file.read(head, 0, 10, 0);
    const size = tagSize(head, 0, head.length, true);
    const tagBytes = size === "wait" ? 0 : size;
    const bytes = Buffer.alloc(voteBytes);
    const { bytesRead } = await file.read(bytes, 0, voteBytes, tagBytes);
    const [frame] = mp3.createParser().push(bytes.subarray(0, bytesRead));
    return frame ? { sampleRate: frame.format.sampleRate, channels: frame.format.channels } : null;
  } finally {
    await file.close();
  }
}
