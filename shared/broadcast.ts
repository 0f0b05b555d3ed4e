import {
  addSamples,
  joinTitles,
  type RateSamples,
  type RecordedTitle,
  samplesMs,
  type Stretch,
} from "./stretch.ts";
import type { SourceInfo } from "./source/source-info.ts";
import type { Epoch, Millis, MountPath, Sequence } from "./units.ts";

/**
 * A broadcast is what one source sent with its returns: one or more epochs of a mount, of which each began less than the
 * mount's grace after the end of the one before, or while listeners still waited for it.
 *
 * Times "from the start" are media time: of the samples that are kept, as whoever plays the recording counts. Wall clocks are
 * those of ingest hosts, two of which may differ.
 */
export interface Broadcast {
  readonly mount: MountPath;
  /** Its first epoch. */
  readonly id: Epoch;
  /** Its epochs that have audio, in order. */
  readonly epochs: readonly Epoch[];
  readonly startMs: Millis;
  /** Of its last sample, by the wall clock; null while it is on air. */
  readonly endMs: number | null;
  /** Of the samples that are kept, unrounded. */
  readonly durationMs: number;
  readonly samples: readonly RateSamples[];
  readonly bytes: number;
  readonly segments: number;
  /** Of its latest epoch; null when nobody told and only the audio is there. */
  readonly source: SourceInfo | null;
  readonly titles: readonly RecordedTitle[];
  readonly listenerPeak: number;
  /** Where audio does not continue what was before it, in order. */
  readonly joins: readonly Join[];
}

/**
 * reconnect: the source went and came back, or another took over. ingest-restart: the ingest host began anew and could not
 * say goodbye. gap: segments that were cut and that storage does not have (yet: back-filled ones close it).
 */
type JoinKind = "reconnect" | "gap" | "ingest-restart";

export interface Join {
  readonly kind: JoinKind;
  /** From the start, ms, unrounded: the first sample after the join. */
  readonly atMs: number;
  /** What is not there, ms: between two epochs by the wall clock, within one by its count of samples. */
  readonly missingMs: number;
  /** The segment that begins there. */
  readonly epoch: Epoch;
  readonly sequence: Sequence;
}

/** What is known of one epoch besides its audio. Every field but the epoch may be unknown: nobody told, and it is in no object. */
export interface EpochFacts {
  readonly epoch: Epoch;
  readonly source: SourceInfo | null;
  /** When its source took the mount, by the clock of the mount's object; 0: unknown. */
  readonly claimedMs: Millis;
  readonly graceMs: Millis;
  /** Identity of the ingest host, and of the process that it was; "": unknown. */
  readonly ingest: string;
  readonly process: string;
  /** Whether there were listeners, or could have been, who had waited for it since the epoch before. */
  readonly continues: boolean;
  /** How it ended: the source's ingest host said so, or nothing was heard of it any more; null while it is on air. */
  readonly end: "released" | "lost" | null;
  readonly listenerPeak: number;
}

/** One epoch with audio. */
export interface EpochRecord {
  readonly facts: EpochFacts;
  readonly stretch: Stretch;
}

/** Of an epoch that nobody told of; the mount's grace is then that of a new station. */
export const unknownEpoch = (epoch: Epoch): EpochFacts => ({
  epoch,
  source: null,
  claimedMs: 0 as Millis,
  graceMs: 15_000 as Millis,
  ingest: "",
  process: "",
  continues: false,
  end: "lost",
  listenerPeak: 0,
});

/** Epochs of a mount in order as broadcasts in order. An epoch is on air only while no later one has audio. */
export function broadcastsOf(mount: MountPath, epochs: readonly EpochRecord[]): Broadcast[] {
  const found: Broadcast[] = [];
  let before: EpochRecord | null = null;
  for (const record of epochs) {
    const open = found.at(-1);
    if (before && open && isReturn(before, record)) found[found.length - 1] = extended(open, before, record);
    else {
      if (open && before) found[found.length - 1] = { ...open, endMs: before.stretch.endMs };
      found.push(begun(mount, record));
    }
    before = record;
  }
  return found;
}

/** Whether an epoch goes on with the broadcast of the one before. */
export function isReturn(before: EpochRecord, next: EpochRecord): boolean {
  return next.facts.continues || interruptionMs(before, next) < before.facts.graceMs;
}

/** From the end of an epoch's audio to the beginning of the next one's; none where clocks or sources overlap. */
const interruptionMs = (before: EpochRecord, next: EpochRecord): number =>
  Math.max(0, next.stretch.startMs - before.stretch.endMs);

function begun(mount: MountPath, { facts, stretch }: EpochRecord): Broadcast {
  const { epoch, from, firstSequence: sequence } = stretch;
  const missingMs = (from.sample * 1000) / from.sampleRate;
  const gap: Join = { kind: "gap", atMs: 0, missingMs, epoch, sequence };
  return {
    mount,
    id: epoch,
    epochs: [epoch],
    startMs: stretch.startMs,
    endMs: facts.end === null ? null : stretch.endMs,
    durationMs: samplesMs(stretch.samples),
    samples: stretch.samples,
    bytes: stretch.bytes,
    segments: stretch.segments,
    source: facts.source,
    titles: stretch.titles,
    listenerPeak: facts.listenerPeak,
    joins: [...(sequence > 0 ? [gap] : []), ...gapsOf(stretch, 0)],
  };
}

function extended(open: Broadcast, before: EpochRecord, next: EpochRecord): Broadcast {
  const { facts, stretch } = next;
  const samples = addSamples(open.samples, stretch.samples);
  const beforeMs = samplesMs(open.samples);
  const join: Join = {
    kind: joinKind(before.facts, facts),
    atMs: beforeMs,
    missingMs: interruptionMs(before, next),
    epoch: stretch.epoch,
    sequence: stretch.firstSequence,
  };
  return {
    ...open,
    epochs: [...open.epochs, stretch.epoch],
    endMs: facts.end === null ? null : stretch.endMs,
    durationMs: samplesMs(samples),
    samples,
    bytes: open.bytes + stretch.bytes,
    segments: open.segments + stretch.segments,
    source: facts.source ?? open.source,
    titles: joinTitles(open.titles, stretch.titles, beforeMs),
    listenerPeak: Math.max(open.listenerPeak, facts.listenerPeak),
    joins: [...open.joins, join, ...gapsOf(stretch, beforeMs)],
  };
}

const gapsOf = ({ epoch, holes }: Stretch, beforeMs: number): Join[] =>
  holes.map(({ before, atMs, missingMs }) => ({
    kind: "gap",
    atMs: atMs + beforeMs,
    missingMs,
    epoch,
    sequence: before,
  }));

/** One that ends says goodbye; a takeover on the same host is the same process. */
function joinKind(before: EpochFacts, next: EpochFacts): JoinKind {
  if (before.end === "released" || before.ingest !== next.ingest || next.ingest === "") return "reconnect";
  return before.process === next.process && next.process !== "" ? "reconnect" : "ingest-restart";
}
