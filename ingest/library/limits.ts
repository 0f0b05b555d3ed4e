/** Every bound of the library's command that is not its user's to set. */

const kibi = 1024;
const mebi = 1024 * kibi;

/** Target duration of a stored track's segments, ms: twice a broadcast's, so that uploading and playing take half the operations; nothing of it is live, so nobody hears the difference. */
export const trackSegmentMs = 4_000;

/** Tracks at the same time, and requests for each: a put takes 10 ms on this machine and 100 ms to R2, so that 16 of 100 kB fill a line of 100 Mb/s; each holds a segment in memory. */
export const tracksAtOnce = 4;
export const requestsPerTrack = 4;

/** Deletions at the same time. */
export const deletionsAtOnce = 16;

/** One request: a segment at 320 kb/s, sixteen at a time, over a line of 700 kb/s. */
export const requestTimeoutMs = 30_000;

/** First and longest wait before a request that failed is tried again. */
export const requestRetry = { retryFirstMs: 250, retryMaxMs: 10_000 } as const;

/** How long storage may fail, without a single success, before the command gives up: it can be run again and goes on. */
export const patienceMs = 120_000;

/** An edition of 20,000 tracks with long titles; the list of 1,000 keys. */
export const documentBytes = 16 * mebi;
export const listBytes = 4 * mebi;
/** A reply that only says that something was done, or an error in XML. */
export const replyBytes = 64 * kibi;

/** Tracks of an edition: what its format allows. */
export const libraryTracks = 20_000;

/** For how long another edition waits for the end of the track that plays: longer than nearly every song. */
export const borderWaitMs = 5 * 60_000;

/** How often `current.json` is tried again when somebody else changed it in between. */
export const publishTries = 8;

/** A sign of work under way in storage (`work-sign.ts`) is refreshed so often, and is worth nothing after the other. */
export const signRefreshMs = 10 * 60_000;
export const signValidMs = 60 * 60_000;
/** How long storage may fail when one is put up or taken down. */
export const signPatienceMs = 5_000;

/** Lines of progress for a reader who is no terminal. */
export const plainProgressMs = 5_000;

/** How often a folder is looked at until nothing in it is being written, a second apart: what is still written then is left out. */
export const settleTries = 4;

/** A track that no edition names is what an upload left that was never run again, once nothing was put for so long: an upload that is under way keeps `prune` off by itself. */
export const abandonedMs = 24 * 60 * 60_000;
