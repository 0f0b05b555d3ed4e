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
  const atMs = parseDateTime(text);
  if (atMs === null) return bad("at is a date and time as in RFC 3339, such as 2026-03-01T18:00:00Z");
  if (atMs > nowMs + clockSlackMs) return bad("at is in the future");
  return { kind: "from", atMs: Math.min(atMs, nowMs) };
}

const bad = (reason: string): BadMoment => ({ kind: "bad", reason });

/** Ms; null for anything but decimal seconds of 30 years at most. */
function parseSeconds(text: string): number | null {
  return /^\d{1,9}(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : null;
}

const dateTime =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+\- ])(\d\d):(\d\d))$/;

/**
 * RFC 3339 clause 5.6, ms since the Unix epoch, a second's fraction rounded down to ms; null when it is none. A leap second is
 * the second after it. A plus that nobody encoded has become a space on its way.
 */
export function parseDateTime(text: string): number | null {
  const match = dateTime.exec(text);
  if (!match) return null;
  const field = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day] = [field(1), field(2), field(3)];
  const [hour, minute, second] = [field(4), field(5), field(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 60 || field(9) > 23 || field(10) > 59) return null;
  const eastMs = (field(9) * 60 + field(10)) * 60_000 * (match[8] === "-" ? -1 : 1);
  const fractionMs = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const seconds = ((daysBefore(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * 1000 + fractionMs - eastMs;
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

const daysIn = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/** Days from 1970-01-01 to a date of the Gregorian calendar. */
function daysBefore(year: number, month: number, day: number): number {
  // Years that begin in March have their leap day last.
  const shifted = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const days =
    shifted * 365 + Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return days + dayOfYear - 719_468;
}
