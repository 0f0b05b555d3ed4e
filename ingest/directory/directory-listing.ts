import {
  directoryFirstTouchMs,
  directoryRefusedMs,
  directoryTitleMs,
  directoryTouchMaxMs,
  directoryTouchMinMs,
  directoryUnreachableMs,
} from "../station-limits.ts";

/*
 * One stream's entry in one directory, as Icecast 2.4.4 keeps it (yp.c), by time and answers alone:
 *
 *   add      60 s after the source came; refused: again after 7,200 s
 *   touch    5 s after the add, then as often as the directory asks for (`TouchFreq`, 30 s at least), 3 s after a new
 *            title; refused: added again after 1,200 s or the touch interval, the longer of them
 *   either   no connection or no answer: added again after 1,200 s
 *   remove   when the source has gone, if the directory has the stream
 */
export interface Listing {
  readonly next: "add" | "touch";
  /** When it is due. */
  readonly atMs: number;
  /** The directory's name for the stream; null before it has one. */
  readonly sid: string | null;
  readonly touchMs: number;
}

/** What a directory answered, in headers; null: it did not answer. */
export type DirectoryAnswer = {
  /** `YPResponse: 1`. */
  readonly done: boolean;
  readonly message: string;
  readonly sid: string | null;
  readonly touchMs: number | null;
} | null;

export function newListing(atMs: number, touchMs: number): Listing {
  return { next: "add", atMs, sid: null, touchMs: touchInterval(touchMs) };
}

/** After the call that `listing.next` asked for. */
export function answered(listing: Listing, answer: DirectoryAnswer, now: number): Listing {
  if (answer === null) return { ...listing, next: "add", atMs: now + directoryUnreachableMs, sid: null };
  const touchMs = answer.touchMs === null ? listing.touchMs : touchInterval(answer.touchMs);
  const sid = answer.sid ?? listing.sid;
  if (answer.done && sid !== null) {
    const waitMs = listing.next === "add" ? directoryFirstTouchMs : touchMs;
    return { next: "touch", atMs: now + waitMs, sid, touchMs };
  }
  const refusedMs = listing.next === "add" ? directoryRefusedMs : Math.max(directoryUnreachableMs, touchMs);
  return { next: "add", atMs: now + refusedMs, sid: null, touchMs };
}

/** The stream has a new title: one that is listed is touched soon. */
export function retitled(listing: Listing, now: number): Listing {
  if (listing.next !== "touch") return listing;
  return { ...listing, atMs: Math.min(listing.atMs, now + directoryTitleMs) };
}

const touchInterval = (ms: number): number =>
  Math.min(directoryTouchMaxMs, Math.max(directoryTouchMinMs, Math.round(ms)));
