import type { Epoch } from "./units.ts";

/** A title as a source set it. */
export interface SongMark {
  readonly epoch: Epoch;
  /** Wall clock of the ingest host, ms since the Unix epoch. */
  readonly atMs: number;
  /** Empty: none from then on. */
  readonly text: string;
  readonly url?: string;
}

/** When an epoch was on air. */
export interface Aired {
  readonly epoch: Epoch;
  readonly startMs: number;
  /** Null: it is. */
  readonly endMs: number | null;
}

/** A title while it held, on air or in breaks shorter than `samePlayMs`. */
export interface Play {
  /** Where it began; with the time it names the play. */
  readonly epoch: Epoch;
  readonly startMs: number;
  /** Null: it is on air. */
  readonly endMs: number | null;
  readonly text: string;
  readonly url?: string;
  /** When it was on air, in order. Without its breaks. */
  readonly parts: readonly Part[];
}

interface Part {
  readonly fromMs: number;
  /** Null: it is on air. */
  readonly toMs: number | null;
}

/** A source that is back within this with the same title goes on with it: reconnects take seconds. */
const samePlayMs = 60_000;

/**
 * What was played, from titles in order of play and the times of their epochs. One that is set again while it holds is one play. An
 * epoch ends at the latest where the next one begins: hosts' clocks differ, and a takeover is told late.
 */
export function* playsOf(marks: Iterable<SongMark>, aired: readonly Aired[]): Generator<Play> {
  const spans = aired.toSorted((a, b) => a.epoch - b.epoch);
  let open: Play | null = null;
  let last: SongMark | null = null;
  for (const mark of marks) {
    if (last && last.epoch !== mark.epoch) open = ended(open, endOf(last, spans));
    if (open && isSame(open, mark) && continues(open, mark)) {
      if (last?.epoch !== mark.epoch) open = resumed(open, mark);
    } else {
      const whole: Play | null = ended(open, mark.atMs);
      if (whole) yield whole;
      open = mark.text === "" ? null : begun(mark);
    }
    last = mark;
  }
  const end = last && endOf(last, spans);
  const whole = end === null ? open : ended(open, end);
  if (whole) yield whole;
}

/** When what a mark began ends, if nothing in its epoch ends it; null: it is on air. */
function endOf({ epoch, atMs }: SongMark, spans: readonly Aired[]): number | null {
  const own = spans.findIndex((span) => span.epoch === epoch);
  const next = spans.find((span) => span.epoch > epoch);
  const endMs = own < 0 ? atMs : (spans[own]?.endMs ?? null);
  // What is known to have begun is not made to vanish by a clock that was put back.
  if (!next || next.startMs <= atMs) return next ? (endMs ?? atMs) : endMs;
  return Math.min(endMs ?? next.startMs, next.startMs);
}

const begun = ({ epoch, atMs, text, url }: SongMark): Play => ({
  epoch,
  startMs: atMs,
  endMs: null,
  text,
  ...(url !== undefined && { url }),
  parts: [{ fromMs: atMs, toMs: null }],
});

const resumed = (play: Play, { atMs }: SongMark): Play => ({
  ...play,
  endMs: null,
  parts: [...play.parts, { fromMs: Math.max(atMs, play.endMs ?? atMs), toMs: null }],
});

/** Null for one that nobody can have heard; one that has ended already stays as it is. */
function ended(play: Play | null, atMs: number | null): Play | null {
  if (!play || play.endMs !== null || atMs === null) return play;
  const parts = play.parts
    .map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? atMs }))
    .filter(({ fromMs, toMs }) => toMs > fromMs);
  const endMs = parts.at(-1)?.toMs;
  return endMs === undefined ? null : { ...play, endMs, parts };
}

const isSame = (play: Play, mark: SongMark): boolean => play.text === mark.text && play.url === mark.url;

const continues = ({ endMs }: Play, { atMs }: SongMark): boolean =>
  endMs === null || atMs - endMs < samePlayMs;

/** On air, ms; what still is counts until `nowMs`. */
export const onAirMs = ({ parts }: Pick<Play, "parts">, nowMs: number): number =>
  parts.reduce((ms, { fromMs, toMs }) => ms + Math.max(0, (toMs ?? nowMs) - fromMs), 0);

/** `Artist - Title` as encoders write it; without the dash all is the title. */
export function artistAndTitle(text: string): { readonly artist: string; readonly title: string } {
  const dash = /\s[-–—]\s/u.exec(text);
  const [artist, title] = dash
    ? [text.slice(0, dash.index).trim(), text.slice(dash.index + 3).trim()]
    : ["", ""];
  return artist && title ? { artist, title } : { artist: "", title: text };
}

export interface PlayAudience {
  readonly atStart: number;
  readonly peak: number;
  /** One listener for one minute is one. */
  readonly minutes: number;
}

/** Of a play. `listeners`: the most there were in each minute since the Unix epoch; a minute that is absent had none. */
export function audienceOf(
  play: Pick<Play, "parts">,
  listeners: ReadonlyMap<number, number>,
  nowMs: number,
): PlayAudience {
  let peak = 0;
  let sumMs = 0;
  for (const { fromMs, toMs } of play.parts) {
    const endMs = toMs ?? nowMs;
    for (let minute = Math.floor(fromMs / minuteMs); minute * minuteMs < endMs; minute++) {
      const count = listeners.get(minute) ?? 0;
      const heardMs = Math.min(endMs, (minute + 1) * minuteMs) - Math.max(fromMs, minute * minuteMs);
      peak = Math.max(peak, count);
      sumMs += count * heardMs;
    }
  }
  const atStart = listeners.get(Math.floor((play.parts[0]?.fromMs ?? 0) / minuteMs)) ?? 0;
  return { atStart, peak, minutes: sumMs / minuteMs };
}

export const minuteMs = 60_000;
