/** Every bound of the edge, and how its default was chosen. Times in ms. */

/** Listeners hear silence as a fault after about this long without a byte, so a mount call never holds longer. */
export const mountCallHoldMs = 5_000;

/** Past this a mount call is taken for dead (its request ended, its object moved) and another listener asks. */
export const mountCallTimeoutMs = 8_000;

/** How long a storage read may take before another listener tries: local disk needs 10 ms, R2 far away 200 ms. */
export const segmentReadTimeoutMs = 2_000;

/** A failed read is tried again this often, waiting this much longer each time: in all less than the burst in hand. */
export const segmentReadAttempts = 3;
export const segmentReadRetryMs = 250;

/** How long the data centre's cache may take, 5 ms as a rule; then it is left alone for a while, and the bucket is read. */
export const cacheReadTimeoutMs = 150;
export const cacheRestMs = 10_000;
/** How long it may keep a segment, s: of a mount it is asked for within a minute, of a file in a loop once a round. */
export const cacheSeconds = 3_600;

/** Segment bytes kept per isolate: 512 segments of 2 s at 128 kb/s, a quarter of an isolate's 128 MB. */
export const segmentCacheBytes = 16 * 1024 * 1024;

/** Chromium's media element starts after 131,072 bytes (measured: 4.1 s of silence with 64 KiB of burst at 128 kb/s). */
export const mediaElementBurstBytes = 131_072 + 4_096;

/** A listener's first buffer holds a second of sound at least, where there is more: 5,000 others may be served before its next. */
export const firstPieceMs = 1_500;

/** The longest burst a listener may ask for with `?burst=`. */
export const maxBurstMs = 60_000;

/**
 * How long a mount's absence is remembered: a source that has just connected must be found, and a player that retries a
 * dead mount must not cost a call each time.
 */
export const absentMountMs = 250;

/** How old the list of what is on air may be, for status pages and tools. */
export const directoryAgeMs = 1_000;

/**
 * Events of the station that the directory keeps, for those who lost their connection: of a hundred mounts with a title
 * every three minutes half an hour. Counts of listeners come on top, one of each mount.
 */
export const ringEvents = 1_024;

/** How old the station's settings may be when a listener comes. */
export const stationAgeMs = 5_000;

/** How long a request waits for them where nobody has told them yet, before it goes by those the worker was deployed with. */
export const settingsWaitMs = 1_000;

/** How soon a mount that nobody knew is looked for again: it may just have got its first source. */
export const unknownMountMs = 250;

/** How much of a file that plays in a loop can be joined: as with a mount. */
export const fileWindowMs = 60_000;

/** How soon a stored file that could not be read is looked for again. */
export const fileIndexRetryMs = 1_000;

/** Indexes of stored files kept: a library's tracks of half a day, 20 kB each. */
export const fileIndexesKept = 200;

/** Who returns within this time does not hear the intro again: a player that reconnects. */
export const introAgainMs = 60_000;
/** Listeners remembered for that; the one seen longest ago goes first. */
export const recentListeners = 10_000;

/** While listeners are there clocks are read every few seconds: a longer step is a clock that was set. */
export const clockStepMs = 30_000;
/** Between two readings of an object's clock, and how many follow the last question. */
export const clockBeatMs = 5_000;
export const clockBeats = 3;
/** A clock that shows less than has passed was put back by more than timers and clocks are inexact. */
export const clockSlackMs = 50;

/** Mounts that a listener may fall back through, as in Icecast. */
export const maxFallbacks = 10;

/** How long a listener that joins before the first segment waits for it: a source is on air before its sound is. */
export const firstSegmentWaitMs = 15_000;

/** Retry of a failed mount call: long enough not to hammer a broken object, short against the burst in hand. */
export const mountCallRetryMs = 500;

/** Changes of a mount's status reach the directory at most this often... */
export const publishEveryMs = 500;
/** ...if they are figures alone, like how many listen, at most this often: each call costs, and listeners come all the time... */
export const publishFiguresEveryMs = 2_000;
/** ...and are repeated this often while nothing changes, so that an evicted directory fills again. */
export const republishMs = 5_000;

/** Past this a call of the directory is taken for lost and made again: well before what it was told the last time expires. */
export const directoryCallTimeoutMs = 3_000;

/** The longest time an ingest host may be silent before its mounts count as free: the bound of `leaseMs` in shared/mount-state.ts. */
export const longestLeaseMs = 10_000;

/** A body of the ingest API: an announcement with 16 titles of 4 kB. */
export const ingestBodyBytes = 256 * 1024;
/** The body that tells the station's settings: 40,000 listener users with names of 40 characters. */
export const stationBodyBytes = 8 * 1024 * 1024;

/** Distance between two calls of an isolate for seats of the same mount: 2,000 joins in a second are ten calls. */
export const seatBatchMs = 100;

/** Past this a call for seats is taken for dead; a busy object answers within a second. */
export const seatCallTimeoutMs = 3_000;

/** How long a listener waits for a seat before it is told to try again: two calls and a bit. */
export const seatWaitMs = 7_000;

/** How long a seat is kept for a listener that waited for it: those who live come at once. */
export const seatClaimMs = 2_000;

/** How often an isolate repeats what it holds of the station's seats: some may be lost before they expire. */
export const stationSeatsEveryMs = 2_500;

/** How old an isolate's last word to a mount may be when it has listeners: a question that stands says nothing for 5 s. */
export const mountSeatsEveryMs = 6_000;

/** How long an object that was started anew lets its listeners' isolates speak: a failed question is asked again at once. */
export const mountSeatsRecallMs = 1_500;
export const stationSeatsRecallMs = stationSeatsEveryMs + 1_000;

/** How long a listener may take nothing before it is let go: a phone that changes networks is back within seconds. */
export const stuckListenerMs = 60_000;
/** Listeners who came within so long are looked at together. */
export const stuckTogetherMs = 2_000;

/** How late a listener may be woken: less than the quarter of a second that is in hand when silence is due. */
export const watchMs = 100;
/** The longest time between two looks of a watchman: a clock that was set is noticed by then. */
export const longestWatchMs = 1_000;
/** Requests that keep watch at a time: two, for one may end at any moment and its watch with it... */
export const watchmen = 2;
/** ...of whom the second looks so much later: it is there for the first one's end. */
export const secondWatchMs = 400;
/** A watch that has not looked for so long after it was to is over. */
export const watchLostMs = 500;

/** Listeners woken at a time: their buffers stay in the processor, while the next wait for a turn of the event loop. */
export const sleepersPerRound = 4;
/** Sleepers who are called when watchmen are missing: of those who leave together each calls others. */
export const calledForWatch = 32;

/** Buffers for listeners are multiples of this, bytes. */
export const pooledBufferBytes = 4_096;
/** Buffers kept for the next segment, bytes: those of two hundred listeners at 128 kb/s, far more than are in use at a time. */
export const pooledBuffersBytes = 8 * 1024 * 1024;
/**
 * Relays take over when a mount would be asked more than half as often as one object can answer (documented: about 1,000
 * requests a second, 500 to 750 where they carry data), for all ask at the same moments. One relay then has half of that;
 * 64 are enough for all the runtimes that a mount counts, in one region and with segments of a second.
 */
export const relayLimits = { mountCalls: 500, relayCalls: 250, relays: 64, shrinkMs: 60_000 };

/** How often a mount counts those who ask it. */
export const relayPlanMs = 1_000;

/** How long a relay holds a question, and its own at the mount: so soon it is noticed that one of them hangs. */
export const relayHoldMs = 2_500;

/** An answer may be late by this much: half the way around the world and back, and a busy object. */
export const relaySlackMs = 700;

/** Before a relay asks again when its question failed. */
export const relayRetryMs = 250;

/** A relay that nobody asked for this long asks no more: listeners ask at least every `relayHoldMs`. */
export const relayIdleMs = 10_000;

/** For how long a relay that failed is not asked again: as much again at most, so that not all return together. */
export const relayAvoidMs = 15_000;

/** The largest form that an administrator's command may have: a title, a name and a password many times over. */
export const adminFormBytes = 16 * 1024;

/** How old the statistics may be for those who poll them. */
export const statisticsAgeMs = 1_000;

/** A player that returns within this time goes on with its session: reconnects follow in seconds. */
export const sessionResumeMs = 10_000;
/** Connections shorter than this may be probes: browsers and players look at a stream's head before they play it. */
export const sessionProbeMs = 2_000;
/** How late the runtime notices that a listener has gone: when a segment is written to it, through an ingest host the second. */
export const sessionNoticeMs = 6_000;
/** Sessions of an isolate that have ended and may be gone on with: as many as can leave it together. */
export const endedSessions = 10_000;
/** Characters kept of each text of a listener's request: they come from the network, for 20,000 listeners of a mount. */
export const sessionTextLength = 256;

/** An object asks another's roster again when it failed: so often, with this between. */
export const rosterTries = 5;
export const rosterRetryMs = 1_000;
/** Past this a call of a roster is taken for lost and made again. */
export const rosterCallTimeoutMs = 3_000;
/** How many distances between reports pass before an isolate tells everything again, for a roster that lost something. */
export const rosterWholeReports = 60;
/** How often isolates look whether something is due: at every question to a mount, but no more often. */
export const rosterLookMs = 1_000;
/** What a roster keeps; `shared/roster.ts` has the arithmetic. Sessions: what fits a page and 128 MB, with texts of 256 characters. */
export const rosterLimits = {
  everyMs: 2_000,
  reportsPerSecond: 250,
  // The platform takes an object that has nothing to do out of memory after 10 s, and isolates look every five at least.
  idleMs: 4_000,
  silentReports: 16,
  sessions: 20_000,
  runtimes: 10_000,
  countsMs: 3_600_000,
};
/** Between two times that a roster stores its counts and tells the ledger: what a crash costs, and 9,000 alarms a day. */
export const rosterSaveMs = 10_000;
/** Records for the access log on their way, in an isolate and in a roster; the oldest are lost first. */
export const recordsOnTheirWay = 20_000;
/** Records kept for the ingest host; the oldest go first and are counted. */
export const ledgerRecords = 50_000;
/** Records in one call: half a megabyte of texts. */
export const recordsPerCall = 1_000;
/** In a row of an object's storage, which has 2 MB at most: a record has four texts of `sessionTextLength`. */
export const recordsPerRow = 500;
/** Mounts whose counts the ledger keeps apart. */
export const ledgerMounts = 10_000;

/** How old /metrics may be: scrapers come every few seconds, and each time is a call for every mount. */
export const metricsAgeMs = 2_000;
/** Of the mounts with the most listeners, their rosters are asked, so many at a time. */
export const metricsAudienceMounts = 200;
export const metricsCallsAtOnce = 16;
