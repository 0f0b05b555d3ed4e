/** Every bound of the libraries, and how its default was chosen. Times in ms. */

/** How old an isolate's word of a library's editions may be while somebody listens: a new one is named 150 s before it plays. */
export const libraryAgeMs = 60_000;

/** How soon it is asked for again when it could not be had. */
export const libraryRetryMs = 2_000;

/** How soon a library is looked for again that was not there: somebody waits for the first upload. */
export const libraryAbsentMs = 10_000;

/** How long a reading of it may take before another listener begins one; an edition of 10,000 tracks has a megabyte. */
export const libraryReadTimeoutMs = 5_000;

/** A play's index is read so long before it begins: four readings that fail. */
export const nextPlayMs = 15_000;

/** Plays whose segments are kept: those of a minute are 32 at most, and the next. */
export const playsKept = 40;

/** Other tracks that are tried in place of one that storage has lost: those of ten minutes, or what is lost with it. */
export const mostStandIns = 16;

/** How long a library is heard where the settings want a source instead, and none has come: its connecting, and a claim or two. */
export const successorMs = 30_000;

/** How old the number of a library's listeners may be, for status pages and tools. */
export const libraryListenersAgeMs = 2_000;

/** What comes next is told of so many plays unless somebody says how many... */
export const usualNextPlays = 10;
/** ...and of as many as this at most. */
export const mostNextPlays = 100;
