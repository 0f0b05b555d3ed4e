/** Every bound of the archive, and how its default was chosen. Times in ms. */

/** Segments of a row of the index: five minutes of the usual ones, 40 kB. Each word of a live mount writes one row. */
export const runSegments = 150;
/** ...and what they may span by the wall clock, from the first's beginning to the last's. */
export const runSpanMs = 600_000;
/** The longest segment that an ingest host may cut: what ends after a moment began no earlier than this before its run did. */
export const longestSegmentMs = 60_000;

/** How often a mount tells its archive what it announced: 8,640 rows a day. */
export const tellEveryMs = 10_000;
/** Segments that wait to be told, of a mount whose archive does not answer; the oldest are found by listing. */
export const untoldSegments = 2_000;
/** Past this a call of the archive is taken for lost and made again. */
export const archiveCallTimeoutMs = 5_000;

/** How often in a row a call is made again, every `tellEveryMs`. */
export const archiveTries = 60;

/** Without a word for this long an epoch is over: several words and a lease. */
export const lostAfterMs = 60_000;
/** When an ended epoch is listed: what was on its way is there; what waited for storage to come back is there. */
export const listAfterEndMs = [15_000, 3_600_000, 21_600_000] as const;
/** How often an epoch that is asked for is listed, while the ingest's spool may still deliver. */
export const listAgainMs = 30_000;
/** ...and one on air that has a hole: all that is after it is listed, for a day 44 calls. */
export const listHoleAgainMs = 600_000;
/** For how long it may. */
export const backfillMs = 86_400_000;
/** How old a hole of an epoch on air is before it is looked for: a segment that was late is told by then. */
export const holeAgeMs = 30_000;

/** Broadcasts of one reply, and the size of their titles, bytes: an RPC carries 32 MB, a page of a site much less. */
export const broadcastsPerCall = 100;
export const broadcastReplyBytes = 2_000_000;
/** Segments of one reply: 300 kB. */
export const segmentsPerCall = 1_000;

/** What an isolate keeps of the index: pages of five minutes, 40 kB each. */
export const pageMs = 300_000;
export const cachedPages = 128;
/** How old a page may be that may still change: the live edge is the mount's to tell. */
export const openPageAgeMs = 2_000;
/** ...one that is over, to which late segments may still come... */
export const recentPageAgeMs = 60_000;
/** ...and one that is settled: compaction moves its segments, which their readers notice. */
export const settledPageAgeMs = 3_600_000;
/** How long a reader waits for the archive. */
export const archiveReadTimeoutMs = 5_000;

/** What a chunk holds at most: an hour, however short segments are, and however many bits a second. */
export const chunkSpanMs = 3_600_000;
export const chunkSegments = 4_000;
export const chunkBytes = 536_870_912;
/** With fewer segments a chunk and its index are no fewer objects. */
export const chunkFrom = 3;
/** Parts of a chunk: at 128 kb/s an hour is seven of them. Storage wants 5 MiB at least, and 128 MB are shared with every listing. */
export const chunkPartBytes = 8_388_608;
/** Segments read at once for a chunk: the platform's connections. */
export const chunkReadsAtOnce = 6;
/** How old what is merged is at least: several windows of the mount, and the retries of an ingest host. */
export const settleMs = 600_000;
/** ...and how old a hole is that no late segment is waited for any more: they come when storage is back, in order. */
export const holeSettledMs = 21_600_000;
/**
 * How long segments' own objects outlive their place in the index: whoever read it before has played or sent them by then, and who
 * has not looks them up again.
 */
export const sweepAfterMs = 600_000;
/** How soon what failed, or had nothing to do yet, is tried again. */
export const compactAgainMs = 300_000;
/** Keys of one call. */
export const deleteAtOnce = 1_000;

/** How often retention looks: where there is any, where nothing is kept at all, and where a setting may come. */
export const retainEveryMs = 3_600_000;
export const windowEveryMs = 600_000;
export const retainNothingEveryMs = 21_600_000;
/** What is kept of a mount that has no archive: what listeners, rewinding ones and playlists may just be reading. */
export const windowKeptMs = 600_000;
/** Broadcasts no longer than this go whole; longer ones and those on air lose their beginning bit by bit. */
export const wholeBroadcastMs = 90_000_000;
/** Rows of the index that retention looks at in one go: half a day of loose ones, ten days of chunks. */
export const retainRows = 3_000;
/** Broadcasts that retention removes in one go. */
export const retainBroadcasts = 100;
