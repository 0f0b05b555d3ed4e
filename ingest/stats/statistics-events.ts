import type { Statistics } from "../../shared/edge-api.ts";

/*
 * Icecast's event stream for statistics clients (stats.c), one line for each field:
 *
 *   EVENT global <name> <value>\n        of the station
 *   EVENT <mount> <name> <value>\n       of a source
 *   EVENT <mount> null null\n            the source has gone
 *
 * First come all fields, the station's and then each mount's, in the order of the alphabet; then those that change.
 * Values are UTF-8 and of one line.
 */

export const noStatistics: Statistics = { global: {}, sources: {} };

/** The lines that bring a client from one state to another: from `noStatistics` they are the whole dump. */
export function statisticsEvents(before: Statistics, after: Statistics): string {
  let lines = fieldEvents("global", before.global, after.global);
  for (const mount of names(before.sources)) {
    if (!Object.hasOwn(after.sources, mount)) lines += event(mount, "null", "null");
  }
  for (const mount of names(after.sources)) {
    lines += fieldEvents(mount, ownOf(before.sources, mount) ?? {}, ownOf(after.sources, mount) ?? {});
  }
  return lines;
}

type Fields = Readonly<Record<string, string>>;

/** Icecast has no line for a field that has gone; it tells an empty value where one is cleared. */
function fieldEvents(owner: string, before: Fields, after: Fields): string {
  let lines = "";
  // Sorted are those that differ alone: of 1,000 mounts few do, and this is asked every second.
  const changed = Object.keys(after).filter((name) => ownOf(after, name) !== ownOf(before, name));
  for (const name of changed.toSorted()) lines += event(owner, name, ownOf(after, name) ?? "");
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  for (const name of gone.toSorted()) lines += event(owner, name, "");
  return lines;
}

const event = (owner: string, name: string, value: string): string =>
  `EVENT ${word(owner)} ${word(name)} ${line(value)}\n`;

/** What a source chose must not begin a line of its own, nor another field. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const line = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
const word = (text: string): string => line(text).replaceAll(" ", "%20");

const names = (fields: object): string[] => Object.keys(fields).toSorted();

function ownOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
