/** Waits of the local stack, ms. */

/** First and last pause before a process that ended is started again; each failure doubles it. */
export const restartDelayMs = { first: 200, last: 5_000 };
/** A process that ran this long has recovered: when it ends it is started again without a pause, for listeners are waiting. */
export const recoveredAfterMs = 10_000;

/** Between two looks at a running process. */
export const healthIntervalMs = 2_000;
/** Of so many looks one is whole: for that the edge asks its directory, and the ingest the edge. */
export const wholeHealthEvery = 5;
/** An answer later than this is none. Twice what ingest's own answer may take, which asks the edge first (`healthProbeMs`). */
export const healthTimeoutMs = 2_000;
/** Looks without an answer before a running process is taken for hung and replaced. */
export const healthFailures = 3;
/** How long a process may take from its start to its first answer: a cold machine bundles and opens databases in it. */
export const startupMs = 30_000;
/** Between two looks at a process that is starting. */
export const startupIntervalMs = 100;

/** For so long the ready block waits for what the station itself plays: until then its address is nobody's. */
export const firstSoundMs = 3_000;

/**
 * A stop is promised within 10 s: ingest flushes its open segments to storage first (in 6 s at most, `shutdownPublishMs`
 * and `shutdownReleaseMs`), then the edge, which has written everything it answered for and only closes.
 */
export const ingestStopMs = 7_000;
export const edgeStopMs = 2_000;

/** Interrupts closer together are one key press: the terminal and npm both deliver it. */
export const sameInterruptMs = 500;
