import { parseRfc3339 } from "./rfc3339.ts";

/**
 * What a listener may ask for instead of now, in the query of a mount's address:
 *
 *   offset=-SECONDS   from so long ago on; the sign may be left out
 *   at=DATE-TIME      from then on: RFC 3339, in the past
 *   delay=SECONDS     always so long ago
 *
 * One of them, once. Seconds are decimal, with up to three places.
 */
export type Moment =
  /** Plays on from then; pauses between broadcasts are left out. */
  | { readonly kind: "from"; readonly atMs: number }
  /** Stays so far behind the clock; pauses are silence. 0: live. */
  | { readonly kind: "delay"; readonly delayMs: number };

/** `reason` is for whoever typed it: one line of text, without what was typed. */
export interface BadMoment {
  readonly kind: "bad";
  readonly reason: string;
}

/** A client's clock may be ahead by this much: a moment so little in the future is now. */
const clockSlackMs = 5_000;
/** A listener may stay behind for as long as anything that is sent again a week later. */
export const longestDelayMs = 8 * 86_400_000;

/** `all` gives the values of a parameter. Null when none of the three is there. */
export function parseMoment(
  all: (name: "offset" | "at" | "delay") => readonly string[],
  nowMs: number,
): Moment | BadMoment | null {
  const [offset, at, delay] = [all("offset"), all("at"), all("delay")];
  const given = offset.length + at.length + delay.length;
  if (given === 0) return null;
  if (given > 1) return bad("only one of offset, at and delay can be asked for, and only once");
  if (offset[0] !== undefined) return fromOffset(offset[0], nowMs);
  return at[0] === undefined ? fromDelay(delay[0] ?? "") : fromTime(at[0], nowMs);
}

function fromOffset(text: string, nowMs: number): Moment | BadMoment {
  const ms = parseSeconds(text.startsWith("-") ? text.slice(1) : text);
  return ms === null
    ? bad("offset is a number of seconds in the past, such as -1800")
    : { kind: "from", atMs: nowMs - ms };
}

function fromDelay(text: string): Moment | BadMoment {
  const ms = parseSeconds(text);
  if (ms === null) return bad("delay is a number of seconds, such as 3600");
  if (ms > longestDelayMs) return bad(`delay is at most ${longestDelayMs / 1000} seconds`);
  return { kind: "delay", delayMs: ms };
}

function fromTime(text: string, nowMs: number): Moment | BadMoment {
  const atMs = parseRfc3339(text);
  if (atMs === null) return bad("at is a date and time as in RFC 3339, such as 2026-03-01T18:00:00Z");
  if (atMs > nowMs + clockSlackMs) return bad("at is in the future");
  return { kind: "from", atMs: Math.min(atMs, nowMs) };
}

const bad = (reason: string): BadMoment => ({ kind: "bad", reason });

/** Ms; null for anything but decimal seconds of 30 years at most. */
function parseSeconds(text: string): number | null {
  return /^\d{1,9}(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : null;
}
