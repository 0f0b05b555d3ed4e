/**
 * Every bound of the ingest process that is not the operator's to set (`IngestSettings.limits` has those). Each says
 * what it bounds and how its value was chosen.
 */

const kibi = 1024;
const mebi = 1024 * kibi;

/** A request head or SHOUTcast login. Icecast takes 4,096 bytes and 32 headers; libshout with a long token and a browser with cookies need more. */
export const headLimits = { maxBytes: 16 * kibi, maxHeaders: 100 } as const;

/** Body of a metadata update sent as a form: a title of 10 kB with every byte percent-encoded still fits. */
export const adminBodyBytes = 32 * kibi;

/** A title's URL, in UTF-16 units: what the edge takes (`segmentRefSchema`). Blocks of relayed streams have room for four times as much. */
export const titleUrlLength = 1_024;

/** Body of a request that is passed on to the edge: forms and JSON, never media. */
export const passOnBodyBytes = 1 * mebi;

/** How long the edge may take to begin its answer to a request passed on. Live replies begin within a segment, 10 s at most. */
export const passOnReplyMs = 30_000;

/** The whole body of a request passed on: 1 MiB over a mobile line of 300 kb/s. */
export const passOnBodyMs = 30_000;

/** A client that has taken nothing of its reply for so long is gone; no player's buffer is as long. */
export const idleMs = 60_000;

/** After a refusal: how much of the body already in flight is read away, and for how long, so that closing does not reset the connection before the client has read the reply. 10 s of 320 kb/s is 400 kB. */
export const lingerBytes = 1 * mebi;
export const lingerMs = 2_000;

/** A TLS handshake; a round trip to the other side of the world and a slow processor fit several times. */
export const tlsHandshakeMs = 10_000;

/** How often it is looked whether the certificate was renewed: that is done days before the old one ends. */
export const certificateLookMs = 60_000;

/** Idle time before the kernel probes a peer that says nothing: below the 60 s after which home routers forget a connection. */
export const keepAliveMs = 30_000;

/** Sockets over the operator's limit that still get a reply, in all and of one address; beyond them they are closed unheard. */
export const refusedConnections = 64;
export const refusedPerAddress = 16;

/** Between two log lines about addresses with too many connections: whoever causes them decides how many there would be. */
export const tellAgainMs = 60_000;

/** Bytes without a confirmed frame after which a source is no source of this codec: a text, a picture or a video sent by mistake. It is 4 s at 128 kb/s. Tags do not count. */
export const bytesWithoutFrame = 64 * kibi;

/** Time from a source's first bytes to its first frame, before which few bytes hold a mount as well as many; and what a tag before that frame is allowed besides, by its bytes: the pace of 16 kb/s, the lowest bitrate in use. */
export const firstFrameMs = 15_000;
export const slowestTagBytesPerMs = 2;

/** How far ahead of real time a source may be: more is listeners' memory, less starves a burst. */
export const maxAheadMs = 10_000;

/** A source that is this far ahead may be held back, and its end unseen in the socket that is not read. Below `maxAheadMs` by what a late timer lets drain. */
export const heldAheadMs = maxAheadMs - 1_000;

/** How much of a source's audio is taken between two looks at how far ahead it is: a second of the lowest bitrate in use, 16 kb/s. One read of a socket can bring half a minute of that. */
export const feedBytes = 2 * kibi;

/** Longest time between two signs of life to the edge while no segment is announced: with short segments it is one of them. Under a mount's lease several fit, the shortest being 3 s. */
export const renewMs = 2_000;

/** A source's connection from which nothing came for so long, and for longer than is usual for it, is stuck: its login may take the mount over. The keep-alive of a dead line notices far later; a line that lives is silent for less, unless its source sends seconds at a time. */
export const stuckMs = 2_000;

/** What came is published early when a source stalls. One that is ahead of real time is given what it is ahead, up to this part of a segment: listeners have little more in hand when they joined late. */
export const stallAheadSegments = 0.5;

/** How long a new source waits for the segments of the one before it on the same mount to be stored and announced. */
export const handoverMs = 2_000;

/** How long a source that has ended waits for its last segments before the mount is told that it has gone. Below `shutdownPublishMs`: the mounts are told while the rest is still being published. */
export const releaseAfterMs = 4_000;

/** Segments of one mount that wait for storage and that the disk does not take: 10 minutes of 128 kb/s in 2 s segments, and at most 32 MiB. */
export const queueSegments = 300;
export const queueBytes = 32 * mebi;

/** Bodies of one mount's waiting segments that are kept in memory although they are on disk: 4 minutes of 128 kb/s, so that a short outage costs no reading. */
export const queueHeldBytes = 4 * mebi;

/** Segments of all mounts that wait on disk for storage: 18 hours of one mount at 128 kb/s, 40 minutes of 25. */
export const spoolBytes = 1024 * mebi;

/** What a file counts at least: it takes a block of the disk, and its place in a queue takes memory. With this the spool has 262,144 files at most. */
export const spoolFileBytes = 4 * kibi;

/** How long a segment waits for the disk before its PUT is tried; for as long anything asked of the disk may wait to begin, and to be answered before the disk is said to hang. A disk that hangs must not take a source off the air. */
export const spoolWaitMs = 1_000;

/** How long storage has for a segment that nothing else waits behind, before it is written to disk as well: a PUT that goes well takes less, and a file made and removed costs this process more than the PUT. What a kill can take besides the open segment is what was closed within this time. */
export const spoolDelayMs = 250;

/** Operations of the spool on its disk at the same time: half of the 4 threads that libuv has for files, and for signing, TLS and name lookups as well. Those of a disk that hangs are gone until it answers. */
export const spoolOperations = 2;
/** Operations that wait for their turn: everything that a dozen mounts have in memory, when all is written at the end. */
export const spoolWaiting = 4_096;
/** Files of stored segments that could not be removed yet, by name; beyond them they stay until the next start. A mount that is stored from memory has some hundred. */
export const spoolUnremoved = 4_096;

/** At the start, how long the disk may take for the names of its files, and then for the sizes of some: a disk that was asleep is awake by then. What waits on one that hangs waits for the next start. */
export const spoolScanMs = 10_000;
/** Files whose sizes are asked for together: 100,000 take 0.7 s, and 1.9 s one by one. */
export const spoolStatBatch = 64;

/** After the disk failed: until it is asked again, and until its failing is logged again. */
export const spoolRetryMs = 5_000;
export const spoolLogMs = 60_000;

/** When segments wait for longer than `liveBacklogMs` to be announced, the newest `liveResumeMs` of them go first and the rest is only stored, behind them. Listeners have at most a burst in hand, about 5 s: 10 s later they have been in silence or on a fallback for a while, and what is now is worth more to them than what was. The 4 s are a burst to begin again with. */
export const liveBacklogMs = 10_000;
export const liveResumeMs = 4_000;

/** One PUT. A segment of 10 s at 320 kb/s is 400 kB: a line that cannot move it in this time cannot carry the station. Below `liveBacklogMs`: one PUT that hangs takes nobody off the live edge. */
export const putTimeoutMs = 8_000;

/** One call to the edge. */
export const edgeTimeoutMs = 5_000;
/** ...and the one that tells the station's settings, which may be 8 MiB on a slow line. */
export const stationTimeoutMs = 30_000;

/** A claim: short, because the source waits for its reply and some give up after 5 s (butt), `handoverMs` included. */
export const claimTimeoutMs = 2_500;

/** Reply of the edge to a call (an epoch or an error), of storage to a PUT (nothing or an error in XML). */
export const replyBytes = 64 * kibi;

/** Idle connections to edge and storage that are kept for each: as many mounts may publish at the same moment. */
export const keptConnections = 64;

/** First and longest wait before a PUT or call is tried again; doubled each time, half of it random. */
export const retryFirstMs = 100;
export const retryMaxMs = 5_000;

/** The longest wait that storage may ask for with Retry-After: an outage of ours is not to last longer than its own. */
export const retryAfterMaxMs = 30_000;

/** How far our clock may be from that of a storage that refuses our signature before it is taken for the reason: more than the way of a reply, less than the 15 minutes that storage allows. */
export const clockDriftMs = 60_000;
/** The greatest correction of our clock that is believed. Two days cover every time zone, and a signature for a far future in nobody's hands stays out of reach. */
export const clockOffsetMaxMs = 48 * 3_600_000;

/** Asking the edge whether it is well, and how long its answer is believed. Well below the 2 s after which whoever asks us for our health takes us for hung (local/limits.ts): an edge that hangs must not look like it. */
export const healthProbeMs = 1_000;
export const healthCacheMs = 1_000;

/** How often it is looked how late timers are, and over how long `/health` sums it up: fine and long enough for an operator who asks every few seconds. */
export const eventLoopSampleMs = 20;
export const eventLoopWindowMs = 10_000;

/** From SIGTERM: flushing and publishing; then telling the mounts. Together below the 7 s that the local stack gives this process (local/limits.ts), with a second for a busy machine. */
export const shutdownPublishMs = 5_000;
export const shutdownReleaseMs = 1_000;
/** Whatever happens. */
export const shutdownMs = 6_500;
/** How long a process waits for the data folder of an earlier one that is ending, and how often it looks. */
export const lockWaitMs = shutdownMs + 500;
export const lockRetryMs = 100;

/** A file that the edge plays (fallback, intro), bytes: an hour at 128 kb/s. Its whole audio is in memory while it is cut. */
export const storedFileBytes = 64 * mebi;
/** Target duration of its segments, ms: the same as the usual one of a broadcast. */
export const storedFileSegmentMs = 2_000;
/** How long the edge waits for new settings while their files are being stored: as long as nobody takes the change for lost. */
export const filesPatienceMs = 3_000;

/** How often an ingest that ends looks whether its file operations have come back. */
export const diskPollMs = 20;

/** At the end, for what waits: below `shutdownPublishMs`, within which segments are published. */
export const shutdownDeliveryMs = 2_000;

/** A process that has done nothing for so long has stood still: who asked for a title has given up by then. */
export const standstillMs = 3_000;
/** ...and for so long afterwards it reads what came meanwhile. */
export const standstillOverMs = 1_000;
