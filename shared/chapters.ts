import type { RecordedTitle } from "./stretch.ts";

/** A title's time in a recording, ms from its first sample. */
export interface Chapter {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** Each title until the next; an empty one only ends the one before. Of several at one moment the last counts. */
export function chaptersOf(
  titles: readonly Pick<RecordedTitle, "atMs" | "text">[],
  durationMs: number,
): Chapter[] {
  return titles.flatMap(({ atMs, text }, index): Chapter[] => {
    const endMs = Math.min(titles[index + 1]?.atMs ?? durationMs, durationMs);
    return text === "" || endMs <= atMs ? [] : [{ startMs: atMs, endMs, text }];
  });
}
