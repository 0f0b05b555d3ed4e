import type { LibraryEdition, LibrarySlot } from "./library.ts";
import { seedOf } from "./library-rotation.ts";
import { LibrarySpan, type SpanBounds } from "./library-span.ts";
import { civilTime, daysBefore } from "./strftime.ts";

/**
 * Which rotation of an edition plays at a moment, and from when until when: that is a span, with a seed of its own, so that
 * not every morning is the same. A time that does not exist (clocks go forward) is the moment at which they do; one that
 * comes twice is the first of the two.
 */
export function spanOf(edition: LibraryEdition, bounds: SpanBounds, now: number): LibrarySpan {
  const { rotations, seed } = edition;
  const changes = rotations.some(({ times }) => times !== undefined) ? changesAround(edition, now) : [];
  const chosen = rotationAt(edition, now);
  let [fromMs, untilMs] = [bounds.fromMs, bounds.untilMs];
  // Only changes count: the rotation may be the same before and after a border of slots.
  const before = changes.findLast((ms) => ms <= now && rotationAt(edition, ms - 1) !== chosen);
  const after = changes.find((ms) => ms > now && rotationAt(edition, ms) !== chosen);
  if (before !== undefined) fromMs = Math.max(fromMs, before);
  if (after !== undefined) untilMs = Math.min(untilMs, after);
  const own = changes.length === 0 ? seed : seedOf(seed, 2, chosen, Math.floor(fromMs / 60_000));
  return new LibrarySpan(edition, chosen, own, { fromMs, untilMs });
}

/** Every week is like the last; but for one that clocks leap over, a slot begins within two weeks. */
const daysAround = 15;
const dayMs = 86_400_000;

/** All moments around `now` at which a slot begins or ends, in order. */
function changesAround({ rotations }: LibraryEdition, now: number): number[] {
  const found = new Set<number>();
  for (const { times } of rotations) {
    for (const slot of times ?? []) {
      const today = dateOf(now, slot.timeZone);
      for (let date = today - daysAround; date <= today + daysAround; date++) {
        for (const ms of occurrence(slot, date) ?? []) found.add(ms);
      }
    }
  }
  return [...found].toSorted((a, b) => a - b);
}

/** The first rotation whose times hold; else the last. */
function rotationAt({ rotations }: LibraryEdition, now: number): number {
  const index = rotations.findIndex(({ times }) => !times || times.some((slot) => holds(slot, now)));
  return index < 0 ? rotations.length - 1 : index;
}

function holds(slot: LibrarySlot, now: number): boolean {
  const today = dateOf(now, slot.timeZone);
  return [today - 1, today].some((date) => {
    const [fromMs, untilMs] = occurrence(slot, date) ?? [0, 0];
    return fromMs <= now && now < untilMs;
  });
}

/** When the slot of a date (days since the Unix epoch) begins and ends; null where it has none. */
function occurrence(slot: LibrarySlot, date: number): readonly [number, number] | null {
  // The Unix epoch was a Thursday.
  const weekday = ((((date + 3) % 7) + 7) % 7) + 1;
  if (!slot.days.includes(weekday)) return null;
  const lastDate = slot.to > slot.from ? date : date + 1;
  return [momentOf(date, slot.from, slot.timeZone), momentOf(lastDate, slot.to, slot.timeZone)];
}

/** The first moment at which the clocks of a place show a time of a date, or a later one. */
function momentOf(date: number, minutes: number, timeZone: string): number {
  const localMs = date * dayMs + minutes * 60_000;
  const isReached = (ms: number): boolean => ms + offsetMs(ms, timeZone) >= localMs;
  // No place is further from Greenwich than fourteen hours, and none changes its offset twice within two days.
  const before = localMs - offsetMs(localMs - dayMs, timeZone);
  const after = localMs - offsetMs(localMs + dayMs, timeZone);
  if (before === after) return before;
  const [early, late] = [Math.min(before, after), Math.max(before, after)];
  if (isReached(early)) return early;
  // Clocks go forward over it, or have gone back by then.
  let [low, high] = [early, late];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isReached(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Days since the Unix epoch, where the time zone is. */
function dateOf(ms: number, timeZone: string): number {
  const { year, month, day } = civilTime(ms, timeZone);
  return daysBefore(year, month, day);
}

const offsetMs = (ms: number, timeZone: string): number => civilTime(ms, timeZone).offsetMinutes * 60_000;
