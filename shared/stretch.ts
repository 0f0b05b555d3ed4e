import { durationMs, type SegmentRef } from "./segment.ts";
import type { Epoch, Millis, Sequence } from "./units.ts";

/** A title as a recording has it. */
export interface RecordedTitle {
  /** From the recording's first sample, ms: media time, unrounded. */
  readonly atMs: number;
  /** Wall clock of the ingest host, ms since the Unix epoch. */
  readonly wallMs: number;
  readonly text: string;
  readonly url?: string;
}

/** Audio that an epoch has numbered and storage does not have. */
interface Hole {
  /** The segments between which it is missing. */
  readonly after: Sequence;
  readonly before: Sequence;
  /** Media time of the recording, ms, unrounded. */
  readonly atMs: number;
  readonly missingMs: number;
}

/** What is known of a run of segments of one epoch without the segments: two that follow each other join to one. */
export interface Stretch {
  readonly epoch: Epoch;
  readonly firstSequence: Sequence;
  readonly lastSequence: Sequence;
  readonly segments: number;
  readonly bytes: number;
  /** Samples per channel by sample rate, each rate once, lowest first: durations are exact, whatever was joined. */
  readonly samples: readonly RateSamples[];
  /** Wall clock of its first frame, and of the end of its last segment, unrounded. */
  readonly startMs: Millis;
  readonly endMs: number;
  /** Media time of the epoch at its first and after its last sample, at the rates that hold there. */
  readonly from: MediaTime;
  readonly to: MediaTime;
  /** In order; one that is set again while it holds is left out. At most `maxStretchTitles`. */
  readonly titles: readonly RecordedTitle[];
  readonly holes: readonly Hole[];
}

export interface RateSamples {
  readonly sampleRate: number;
  readonly samples: number;
}

interface MediaTime {
  readonly sample: number;
  readonly sampleRate: number;
}

/** Titles kept of a recording: one every 15 s for a day. The first ones stay. */
export const maxStretchTitles = 6_000;

function stretchOf(segment: SegmentRef): Stretch {
  const { epoch, sequence, bytes, startMs, firstSample, samples, sampleRate } = segment;
  const titles = segment.titles.map(({ atSample, text, url }): RecordedTitle => {
    const atMs = (atSample * 1000) / sampleRate;
    return { atMs, wallMs: startMs + atMs, text, ...(url !== undefined && { url }) };
  });
  return {
    epoch,
    firstSequence: sequence,
    lastSequence: sequence,
    segments: 1,
    bytes,
    samples: [{ sampleRate, samples }],
    startMs,
    endMs: startMs + durationMs(segment),
    from: { sample: firstSample, sampleRate },
    to: { sample: firstSample + samples, sampleRate },
    titles: withoutRepeats(titles),
    holes: [],
  };
}

/** Two stretches of one epoch, `b` after `a`, with what is missing between them. Associative. */
function joinStretches(a: Stretch, b: Stretch): Stretch {
  const beforeMs = samplesMs(a.samples);
  const missingMs = missingBetween(a, b);
  const hole = { after: a.lastSequence, before: b.firstSequence, atMs: beforeMs, missingMs };
  return {
    ...a,
    lastSequence: b.lastSequence,
    segments: a.segments + b.segments,
    bytes: a.bytes + b.bytes,
    samples: addSamples(a.samples, b.samples),
    endMs: b.endMs,
    to: b.to,
    titles: joinTitles(a.titles, b.titles, beforeMs),
    holes: [
      ...a.holes,
      ...(b.firstSequence === a.lastSequence + 1 ? [] : [hole]),
      ...b.holes.map((later) => ({ ...later, atMs: later.atMs + beforeMs })),
    ],
  };
}

/** Segments of one epoch in order of play; null when there are none. */
export function stretchOfAll(segments: readonly SegmentRef[]): Stretch | null {
  return joinAll(segments.map(stretchOf));
}

export function joinAll(stretches: readonly Stretch[]): Stretch | null {
  const [first, ...rest] = stretches;
  return first ? rest.reduce(joinStretches, first) : null;
}

/** Duration of samples of any rates, ms, unrounded. */
export const samplesMs = (samples: readonly RateSamples[]): number =>
  samples.reduce((ms, run) => ms + durationMs(run), 0);

export function addSamples(a: readonly RateSamples[], b: readonly RateSamples[]): RateSamples[] {
  const sum = new Map(a.map(({ sampleRate, samples }) => [sampleRate, samples]));
  for (const { sampleRate, samples } of b) sum.set(sampleRate, (sum.get(sampleRate) ?? 0) + samples);
  return [...sum]
    .map(([sampleRate, samples]) => ({ sampleRate, samples }))
    .toSorted((x, y) => x.sampleRate - y.sampleRate);
}

/** Titles of a recording with those of what follows it after `beforeMs` of media time. */
export function joinTitles(
  a: readonly RecordedTitle[],
  b: readonly RecordedTitle[],
  beforeMs: number,
): RecordedTitle[] {
  const last = a.at(-1);
  const first = b[0];
  const repeats = last !== undefined && first !== undefined && isSameTitle(last, first);
  const later = (repeats ? b.slice(1) : b).map((title) => ({ ...title, atMs: title.atMs + beforeMs }));
  return [...a, ...later].slice(0, maxStretchTitles);
}

/** A change of format is no hole, though the count of samples is another from there on. */
function missingBetween({ lastSequence, to }: Stretch, { firstSequence, from }: Stretch): number {
  if (firstSequence === lastSequence + 1) return 0;
  const fromMs = (to.sample * 1000) / to.sampleRate;
  return Math.max(0, (from.sample * 1000) / from.sampleRate - fromMs);
}

function withoutRepeats(titles: readonly RecordedTitle[]): RecordedTitle[] {
  return titles.filter((title, index) => {
    const before = titles[index - 1];
    return !before || !isSameTitle(before, title);
  });
}

const isSameTitle = (a: RecordedTitle, b: RecordedTitle): boolean => a.text === b.text && a.url === b.url;
