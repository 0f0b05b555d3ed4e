import type { DjSlot } from "./ingest-settings.ts";

/**
 * When somebody may be a mount's source, as it stands in a station file: `Mon-Fri 20:00-22:00`, `Sat,Sun 23:00-02:00`,
 * `daily 06:00-09:30 Asia/Seoul`. Without a time zone the station's counts.
 */
const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const shape = /^(\S+)\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+(\S+))?$/;

/** Why a text is no slot; undefined when it is one. */
export function slotProblem(text: string): string | undefined {
  const slot = parse(text, "UTC");
  return typeof slot === "string" ? slot : undefined;
}

/** Of a text that is one. */
export function parseSlot(text: string, timeZone: string): DjSlot {
  const slot = parse(text, timeZone);
  if (typeof slot === "string") throw new TypeError(`a slot ${slot}`);
  return slot;
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function parse(text: string, usualZone: string): DjSlot | string {
  const [, dayNames = "", h1, m1, h2, m2, timeZone = usualZone] = shape.exec(text.trim()) ?? [];
  const slotDays = daysOf(dayNames);
  const [from, to] = [minutes(h1, m1), minutes(h2, m2)];
  if (slotDays === null || from === null || to === null)
    return 'must be days and times such as "Mon-Fri 20:00-22:00"';
  if (from === 24 * 60) return "must begin before 24:00";
  return isTimeZone(timeZone)
    ? { days: slotDays, from, to: to % (24 * 60), timeZone }
    : `names a time zone that is not known: ${timeZone}`;
}

/** Minutes since midnight; 24:00 is the next one. */
function minutes(hour: string | undefined, minute: string | undefined): number | null {
  if (hour === undefined || minute === undefined) return null;
  const all = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && all <= 24 * 60 ? all : null;
}

function daysOf(names: string): number[] | null {
  if (names.toLowerCase() === "daily") return [1, 2, 3, 4, 5, 6, 7];
  const found = new Set<number>();
  for (const part of names.toLowerCase().split(",")) {
    const [first = "", last = first, ...rest] = part.split("-");
    const [from, to] = [days.indexOf(first), days.indexOf(last)];
    if (from < 0 || to < 0 || rest.length > 0) return null;
    for (let day = from; ; day = (day + 1) % 7) {
      found.add(day + 1);
      if (day === to) break;
    }
  }
  return [...found].toSorted((a, b) => a - b);
}
