import { ProtocolError } from "./protocol-error.ts";

/**
 * C's strftime in the C locale, over ms since the Unix epoch and an IANA time zone. `E` and `O` change nothing in that locale
 * and are taken; so is glibc's `-` (no padding). A field that C does not have throws ProtocolError.
 */
export function strftime(pattern: string, ms: number, timeZone: string): string {
  const time = civilTime(ms, timeZone);
  return pattern.replaceAll(/%([EO-]?)([\s\S]?)/g, (field: string, flag: string, letter: string) => {
    const text = fieldOf(letter, time);
    if (text === null) throw new ProtocolError(`expected a field of strftime, got ${JSON.stringify(field)}`);
    return flag === "-" ? text.replace(/^[0 ]+(?=[0-9])/, "") : text;
  });
}

/** Throws ProtocolError when the time zone is not known. */
export function checkTimeZone(timeZone: string): void {
  formatOf(timeZone);
}

export interface CivilTime {
  readonly ms: number;
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0: Sunday. */
  readonly weekday: number;
  /** 0: the first of January. */
  readonly yearDay: number;
  /** East of Greenwich, minutes. */
  readonly offsetMinutes: number;
  readonly zone: string;
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

function fieldOf(letter: string, time: CivilTime): string | null {
  const { year, month, day, hour, minute, second, weekday, yearDay } = time;
  const hour12 = hour % 12 === 0 ? 12 : hour % 12;
  const several = (letters: string, between: string): string =>
    letters
      .split("")
      .map((each) => fieldOf(each, time))
      .join(between);
  switch (letter) {
    case "a":
      return (days[weekday] ?? "").slice(0, 3);
    case "A":
      return days[weekday] ?? "";
    case "b":
    case "h":
      return (months[month - 1] ?? "").slice(0, 3);
    case "B":
      return months[month - 1] ?? "";
    case "c":
      return several("abeTY", " ");
    case "C":
      return padded(Math.floor(year / 100));
    case "d":
      return padded(day);
    case "D":
    case "x":
      return several("mdy", "/");
    case "e":
      return String(day).padStart(2, " ");
    case "F":
      return several("Ymd", "-");
    case "g":
      return padded(isoWeek(time).year % 100);
    case "G":
      return String(isoWeek(time).year);
    case "H":
      return padded(hour);
    case "I":
      return padded(hour12);
    case "j":
      return String(yearDay + 1).padStart(3, "0");
    case "k":
      return String(hour).padStart(2, " ");
    case "l":
      return String(hour12).padStart(2, " ");
    case "m":
      return padded(month);
    case "M":
      return padded(minute);
    case "n":
      return "\n";
    case "p":
      return hour < 12 ? "AM" : "PM";
    case "P":
      return hour < 12 ? "am" : "pm";
    case "r":
      return `${several("IMS", ":")} ${fieldOf("p", time)}`;
    case "R":
      return several("HM", ":");
    case "s":
      return String(Math.floor(time.ms / 1000));
    case "S":
      return padded(second);
    case "t":
      return "\t";
    case "T":
    case "X":
      return several("HMS", ":");
    case "u":
      return String(weekday === 0 ? 7 : weekday);
    case "U":
      return padded(Math.floor((yearDay + 7 - weekday) / 7));
    case "V":
      return padded(isoWeek(time).week);
    case "w":
      return String(weekday);
    case "W":
      return padded(Math.floor((yearDay + 7 - ((weekday + 6) % 7)) / 7));
    case "y":
      return padded(year % 100);
    case "Y":
      return String(year);
    case "z":
      return offsetText(time.offsetMinutes);
    case "Z":
      return time.zone;
    case "%":
      return "%";
    default:
      return null;
  }
}

/** ISO 8601: the week that has a year's first Thursday is its first. */
function isoWeek({ year, yearDay, weekday }: CivilTime): { readonly year: number; readonly week: number } {
  const monday = (weekday + 6) % 7;
  const week = Math.floor((yearDay - monday + 10) / 7);
  if (week < 1) return { year: year - 1, week: weeksOf(year - 1) };
  if (week > weeksOf(year)) return { year: year + 1, week: 1 };
  return { year, week };
}

function weeksOf(year: number): number {
  const firstWeekday = weekdayOf(daysBefore(year, 1, 1));
  const isLeap = daysBefore(year + 1, 1, 1) - daysBefore(year, 1, 1) === 366;
  return firstWeekday === 4 || (isLeap && firstWeekday === 3) ? 53 : 52;
}

/** What the clocks of a time zone show. Throws ProtocolError when it is not known. */
export function civilTime(ms: number, timeZone: string): CivilTime {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const [year, month, day] = [number("year"), number("month"), number("day")];
  const [hour, minute, second] = [number("hour"), number("minute"), number("second")];
  const date = daysBefore(year, month, day);
  const localSeconds = date * 86_400 + hour * 3_600 + minute * 60 + second;
  return {
    ms,
    year,
    month,
    day,
    hour,
    minute,
    second,
    weekday: weekdayOf(date),
    yearDay: date - daysBefore(year, 1, 1),
    offsetMinutes: Math.round((localSeconds - Math.floor(ms / 1000)) / 60),
    zone: parts.get("timeZoneName") ?? "",
  };
}

/** Formats are dear to make and few. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = newFormat(timeZone);
  if (formats.size >= maxFormats) formats.clear();
  formats.set(timeZone, format);
  return format;
}
const maxFormats = 32;

function newFormat(timeZone: string): Intl.DateTimeFormat {
  const two = "2-digit";
  const fields = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two } as const;
  try {
    return new Intl.DateTimeFormat("en-US", {
      ...fields,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      timeZoneName: "short",
      timeZone,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ProtocolError(`expected the name of a time zone, got ${JSON.stringify(timeZone.slice(0, 64))}`);
  }
}

/** Days from the Unix epoch to a date of the Gregorian calendar. */
export function daysBefore(year: number, month: number, day: number): number {
  // Years begin in March: the day that leap years add is then the last.
  const marchYear = month > 2 ? year : year - 1;
  const fromMarch = (month + 9) % 12;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + Math.floor((153 * fromMarch + 2) / 5) + day - 1 - 719_468;
}

const weekdayOf = (date: number): number => (((date + 4) % 7) + 7) % 7;
const padded = (value: number): string => String(value).padStart(2, "0");

function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${padded(Math.floor(size / 60))}${padded(size % 60)}`;
}
