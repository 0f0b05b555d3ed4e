import type { DjSlot } from "../../config/ingest-settings.ts";
import { type Millis, millis } from "../../shared/units.ts";

/**
 * When weekly slots are, on a clock of UTC. A time on the wall means the first moment at which the wall shows it or a
 * later one: where clocks go back that is the first of the two, where they go forward the moment of the jump. So slots
 * that meet on the wall meet in truth, on every day of the year.
 */

/** The slot that `now` is in, and when it ends; slots that go on without a pause are one. Null outside. */
export function slotAt(slots: readonly DjSlot[], now: Millis): { readonly untilMs: Millis } | null {
  const untilMs = endAfter(slots, now);
  return untilMs === null ? null : { untilMs };
}

/** When the next slot begins, in a week and a day at most; null without slots. */
export function nextSlotMs(slots: readonly DjSlot[], now: Millis): Millis | null {
  let next: number | null = null;
  for (const slot of slots) {
    for (const { fromMs, toMs } of occurrences(slot, now, 0, 8)) {
      if (fromMs > now && toMs > fromMs && (next === null || fromMs < next)) next = fromMs;
    }
  }
  return next === null ? null : millis(next);
}

/** More than this many slots without a pause are a week: whoever asks again later learns of the rest. */
const longestChain = 64;

function endAfter(slots: readonly DjSlot[], now: Millis): Millis | null {
  let until: number = now;
  for (let links = 0; links < longestChain; links++) {
    const at = until;
    for (const slot of slots) {
      for (const { fromMs, toMs } of occurrences(slot, at, -1, 0)) {
        if (fromMs <= at && toMs > until) until = toMs;
      }
    }
    if (until === at) break;
  }
  return until > now ? millis(until) : null;
}

/** The slot's times on the days around `ms`, counted from the day that it is in the slot's own time zone. */
function occurrences(slot: DjSlot, ms: number, firstDay: number, lastDay: number) {
  const today = Math.floor(wallMs(slot.timeZone, ms) / dayMs);
  const found: { readonly fromMs: number; readonly toMs: number }[] = [];
  const nextDay = slot.to <= slot.from ? 1 : 0;
  for (let day = today + firstDay; day <= today + lastDay; day++) {
    if (!slot.days.includes(isoWeekday(day))) continue;
    found.push({
      fromMs: momentOf(slot.timeZone, day * dayMs + slot.from * minuteMs),
      toMs: momentOf(slot.timeZone, (day + nextDay) * dayMs + slot.to * minuteMs),
    });
  }
  return found;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Of days since 1970, which began on a Thursday. */
const isoWeekday = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1;

/** The first moment at which the wall shows `wall` or later; no zone changes its clock twice in two days. */
function momentOf(timeZone: string, wall: number): number {
  const before = offsetMs(timeZone, wall - dayMs);
  const after = offsetMs(timeZone, wall + dayMs);
  if (before === after) return wall - before;
  const first = wall - Math.max(before, after);
  const second = wall - Math.min(before, after);
  for (const moment of [first, second]) if (wallMs(timeZone, moment) === wall) return moment;
  return jump(timeZone, first, second, after);
}

/** When the offset becomes `after`, between two moments that are less than two days apart. */
function jump(timeZone: string, from: number, to: number, after: number): number {
  let [low, high] = [from - 1, to];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(timeZone, middle) === after) high = middle;
    else low = middle;
  }
  return high;
}

const offsetMs = (timeZone: string, ms: number): number => wallMs(timeZone, ms) - ms;

/** What the wall shows, as ms since 1970 as if it were UTC. */
function wallMs(timeZone: string, ms: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(ms)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const withinSecond = ((ms % 1000) + 1000) % 1000;
  return Date.UTC(year, month - 1, day, hour, minute, second) + withinSecond;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** There are some 600 names of time zones. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "iso8601",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(timeZone, made);
  return made;
}
