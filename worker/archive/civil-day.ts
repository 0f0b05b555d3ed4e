import { daysBefore, strftime } from "../../shared/strftime.ts";

/** A day as people write it, "2026-11-21": from its first moment in a time zone to the next day's. Null for what is no day. */
export function dayOf(
  text: string,
  timeZone: string,
): { readonly fromMs: number; readonly toMs: number } | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!match) return null;
  const day = daysBefore(Number(match[1]), Number(match[2]), Number(match[3]));
  if (strftime("%F", day * dayMs, "UTC") !== text) return null;
  return { fromMs: midnight(day, timeZone), toMs: midnight(day + 1, timeZone) };
}

const dayMs = 86_400_000;

/** Where a clock is put forward at midnight the day begins an hour later. */
function midnight(day: number, timeZone: string): number {
  const wall = day * dayMs;
  const guess = wall - offsetMs(wall, timeZone);
  return wall - offsetMs(guess, timeZone);
}

/** East of Greenwich. */
function offsetMs(ms: number, timeZone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d)(\d\d)$/.exec(strftime("%z", ms, timeZone)) ?? [];
  const size = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  return sign === "-" ? -size : size;
}
