/**
 * Bounds of what this host does for the station besides taking sources: relays, directories, statistics, logs, files.
 * Each says what it bounds and how its value was chosen.
 */

const kibi = 1024;
const mebi = 1024 * kibi;

/** One question to the edge for statistics or records: the edge gathers them from many objects. */
export const questionTimeoutMs = 10_000;
/** The statistics: 1,000 mounts with 40 fields are 1.7 MB. */
export const questionReplyBytes = 8 * mebi;
/** A batch of 1,000 records, each of whose texts is as long as it may be and escaped throughout: one that did not fit would be asked for again and again. */
export const recordsReplyBytes = 16 * mebi;
/** How long statistics are as good as new; Icecast's clients look once a second at most. */
export const statisticsAgeMs = 1_000;

/** Between two looks at the statistics while a STATS client is there. */
export const statsPollMs = 1_000;
/** STATS clients at once: each costs a copy of every change. */
export const statsClients = 64;
/** What a STATS client may leave unread: a dump of 1,000 mounts, 2.4 MB, fits; one that is further behind is dropped, as in Icecast. */
export const statsBehindBytes = 4 * mebi;

/** A head of a server that is relayed: Icecast's own limit for what it reads from its master is 4,096. */
export const relayHeadLimits = { maxBytes: 16 * kibi, maxHeaders: 100 } as const;
/** From the connection's beginning to the end of the head. Icecast's client timeout is 30 s; a live server answers at once. */
export const relayHeadMs = 10_000;
/** As Icecast. */
export const relayRedirects = 10;
/** Before a relay is tried again; doubled each time, half of it random. Icecast looks every `master-update-interval`, 120 s, and only for those listed. */
export const relayRetryFirstMs = 1_000;
export const relayRetryMaxMs = 60_000;
/** A relay that was on air for so long begins its waits anew. */
export const relaySteadyMs = 30_000;
/** How often a relay whose mount another source has looks whether it is free. */
export const relayYieldMs = 5_000;
/** Titles that a relayed stream may set at once, and how long until it may set another: stations that send advertisements, jingles and songs set some in a minute. */
export const relayTitles = 10;
export const relayTitleMs = 1_000;
/** How often it is looked whether somebody listens to a mount on demand, and for how long nobody must have, before it is left. */
export const demandPollMs = 2_000;
export const demandLingerMs = 30_000;
/** How long a listener who asks this port for a mount on demand waits for its source: Icecast's client waits as long as the connection takes. */
export const demandWaitMs = 5_000;
/** Streams of one master: its list has one line each. */
export const masterStreams = 1_000;
export const masterListBytes = 256 * kibi;
export const masterTimeoutMs = 10_000;

/** Icecast 2.4.4, yp.c: from the source's start to the add, from there to the first touch, and the least time between touches. */
export const directoryAddMs = 60_000;
export const directoryFirstTouchMs = 5_000;
export const directoryTouchMinMs = 30_000;
/** A new title is told within this time. */
export const directoryTitleMs = 3_000;
/** After a directory could not be reached, and after it refused an add. A refused touch waits the first of them at least. */
export const directoryUnreachableMs = 1_200_000;
export const directoryRefusedMs = 7_200_000;
/** The longest touch interval that a directory may ask for: it would have forgotten the stream. */
export const directoryTouchMaxMs = 24 * 3_600_000;
/** Its whole reply; the answer is in its headers. */
export const directoryReplyBytes = 64 * kibi;
/** When this process ends: all removals together. */
export const directoryGoodbyeMs = 1_000;

/** How often the edge is asked for sessions that have ended; at once again while there are more. */
export const recordsPollMs = 5_000;
/** After the edge could not be asked, or the disk did not take them. */
export const recordsRetryMs = 10_000;
/** Lines of sources and titles that wait for the disk: a disk that hangs costs lines, not memory. */
export const logWaitingLines = 1_000;
/** Between two complaints about a log that cannot be written. */
export const logComplainMs = 60_000;
/** When this process ends: a disk that hangs must not keep the mounts from being given back. */
export const logGoodbyeMs = 1_000;
/** Of one field of a line: longer ones are cut. */
export const logFieldLength = 2_048;

/** What waits to be told to one webhook, or to authentication servers: a busy day's titles of one mount, at a kilobyte each. */
export const deliveriesWaiting = 1_000;
/** What one receiver is told at the same moment: what an ordinary web server answers without a queue. */
export const deliveriesAtOnce = 16;
/** One try, and the waits before further ones: a receiver that restarts misses nothing, one that is away for longer than two minutes must ask. */
export const deliveryTimeoutMs = 15_000;
export const deliveryWaitsMs: readonly number[] = [1_000, 5_000, 20_000, 60_000];

/** Programs of the operator's that run at the same time, those that wait, how long one may run, and what of its output is logged. Few cores serve the sources too. */
export const programsRunning = 4;
export const programsWaiting = 256;
export const programMs = 60_000;
export const programOutputBytes = 4 * kibi;
