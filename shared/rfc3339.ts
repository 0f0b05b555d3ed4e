import { daysBefore } from "./strftime.ts";

/**
 * A moment as RFC 3339 writes it (`2026-11-21T10:00:00Z`, `2026-11-21T19:00:00.5+09:00`), ms since the Unix epoch; null for
 * anything else. A space in place of the `+` is taken: that is what a `+` in a query means. A leap second is the next second.
 */
export function parseRfc3339(text: string): number | null {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+ -])(\d\d):(\d\d))$/.exec(text);
  if (!match) return null;
  const number = (group: number): number => Number(match[group] ?? 0);
  const [year, month, day] = [number(1), number(2), number(3)];
  const [hour, minute, second] = [number(4), number(5), number(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 60 || number(9) > 23 || number(10) > 59) return null;
  const offsetMinutes = (number(9) * 60 + number(10)) * (match[8] === "-" ? -1 : 1);
  const minutes = daysBefore(year, month, day) * 1_440 + hour * 60 + minute - offsetMinutes;
  return minutes * 60_000 + second * 1_000 + Math.round(number(7) * 1_000);
}

const daysOf = (year: number, month: number): number =>
  (month === 12 ? daysBefore(year + 1, 1, 1) : daysBefore(year, month + 1, 1)) - daysBefore(year, month, 1);
