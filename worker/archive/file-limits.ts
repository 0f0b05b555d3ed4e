/** Bounds of what is served from the archive, and how their defaults were chosen. */

/** Bytes read from a chunk at once: a day at 128 kb/s is 1,300 reads, and a download holds no more in memory. */
export const readAtOnceBytes = 1_048_576;
/** ...and segments in objects of their own, which are read at the same time. */
export const readAtOnceSegments = 8;
/** Places of segments asked for at once: the first time, for most ranges are short, and then. */
export const placesFirst = 32;
export const placesAhead = 500;

/** Ranges of one request, each of which costs reads; more are answered with the whole file. */
export const maxRanges = 16;
/** The longest cut: a day, and the hour that some have more. All of its index is read before the first byte. */
export const maxCutMs = 25 * 3_600_000;
/** Longer ones wait for each other: so many are looked for at once in an isolate... */
export const shortCutMs = 3_600_000;
export const cutsAtOnce = 4;
/** ...and one that is not found after so long has ended with its request. */
export const cutLookMs = 30_000;

/** Broadcasts in one reply of /archive.json where nobody says, and on one page. */
export const listedBroadcasts = 50;
export const shownBroadcasts = 20;
/** ...and titles of all of them together: 3 MB. A broadcast has 6,000 at most, and what is listed is in memory at once. */
export const listedTitles = 20_000;
/** Titles of one broadcast on a page; the track list has them all. */
export const shownTitles = 500;
/** Archives of mounts that are asked at the same time. */
export const mountsAtOnce = 8;

/** Broadcasts of a podcast: what its players show. */
export const feedItems = 100;

/** How long caches may keep a recording that changes no more: deleted ones should go some day. */
export const settledFileSeconds = 86_400;
