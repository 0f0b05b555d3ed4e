/** What bounds the reading of music's places; `ingest/limits.ts` has what bounds the rest of the ingest. */

const kibi = 1024;
const mebi = 1024 * kibi;

/** Files of one AutoDJ: 20,000 albums. Some 400 bytes of memory each. */
export const placeFiles = 200_000;

/** Files that are looked through in one go: some milliseconds. */
export const filesAtOnce = 2_000;

/** Folders of one place: one for every four files. */
export const placeFolders = 50_000;
/** Those of them that are watched, the first ones: Linux gives a user 8,192 watches where it gives least. The others are read every `reloadMs`. */
export const watchedFolders = 8_000;

/** How deep folders are followed: deeper than any path of 4,096 bytes with names that people give. */
export const folderDepth = 64;

/** A file whose size and time have not changed for so long is whole. A copy over a network pauses for less. */
export const steadyMs = 1_000;

/** After the last sign of a change until places are read again: a copied album is one change... */
export const quietMs = 300;
/** ...and the longest that signs may go on before. */
export const busyMs = 2_000;
/** After a reading it rests for so many times as long as that took. */
export const restShare = 5;

/** How often it is looked for a place that is not there. */
export const missingLookMs = 2_000;

/** A list of music, bytes: 100,000 entries of 160. */
export const listBytes = 16 * mebi;
/** Entries of a list with the lists within it. */
export const listEntries = 100_000;
/** Lists within lists. */
export const listDepth = 8;
/** Things left out of one place that are told one by one, in one log line; the rest is counted. */
export const leftOutTold = 5;

/** Objects of the bucket that one place may name. */
export const placeObjects = 200_000;
/** One page of a listing: 1,000 keys of 1,024 bytes, percent-encoded, with what is around them. */
export const listingBytes = 8 * mebi;
/** Pages of one listing: `placeObjects` are 200, and some stores' pages hold few or none. */
export const listingPages = 1_000;
/** How long storage has for a page. */
export const listingMs = 15_000;
/** How long other places wait for a listing that is slow. */
export const listingPatienceMs = 2_000;
/** Until a listing that failed is tried again, at most; `reloadMs` where that is less. */
export const listingRetryMs = 30_000;

/** Objects kept on this host, bytes: 14 hours at 160 kb/s. */
export const cacheBytes = 1024 * mebi;
/** Objects handed out last that stay whatever the cache holds: what plays, what is next, what is being analysed, one to spare. */
export const cacheInUse = 4;
/** How long nothing may come of an object that is being fetched. */
export const fetchStallMs = 20_000;
/** What an unfinished fetch of a process that died leaves is removed after so long. */
export const staleFetchMs = 3_600_000;
