/** Every bound of HLS, and how its default was chosen. Times in ms. */

/** What a live playlist shows: as much as a mount's window, so that players who were away for a minute find their place. */
export const playlistMs = 60_000;
/** What is kept: entries stay available for as long again after they have left the playlist (RFC 8216 §6.2.2). */
export const timelineLimits = { keptMs: 2 * playlistMs, entries: 512 };

/** How far from the end players begin: six segments of 2 s in hand, which the networks of phones need. */
export const startBehindSeconds = 12;

/** How often the mount is looked at for the next entry. */
export const lookMs = 200;
/** How long a question of an isolate is held: what it says of its listeners is as old as that. */
export const holdMs = 3_000;
/** Past this a question is taken for lost. */
export const questionTimeoutMs = 6_000;
/** An isolate asks on for so long after a request: the platform lets work outlive it by 30 s. */
export const askOnMs = 20_000;
/** With nothing heard for so long an isolate asks before it answers. */
export const freshMs = 1_000;
/** Mounts that an isolate knows the timelines of. */
export const feeds = 256;

/** A listener has gone when it has asked for nothing for three target durations, and what isolates hold back. */
export const goneAfterTargets = 3;
/** Listeners that were ended are remembered, so many of a mount. */
export const endedListeners = 1_000;
/** How long a place is waited for that the same listener is just taking with another request: an authentication server has 15 s. */
export const enterTimeoutMs = 20_000;
/** How long a login is good for one whom the object has forgotten, where it is not for less. */
export const tokenMs = 24 * 3_600_000;
/** Tokens an isolate remembers to be right. */
export const rightTokens = 10_000;

/** A timeline that nobody heard for so long begins anew: what is in it is over. */
export const staleTimelineMs = 30_000;

/** How far back `?dvr=` and `?from=` reach: 1,800 entries of 8 s, 150 kB of playlist. Whoever stays gets twice as much. */
export const maxDvrMs = 4 * 3_600_000;
/** What an entry of such a playlist lasts at least, media time of its epoch: fewer, longer ones than live. */
export const dvrSlotMs = 8_000;
/** Segments of one such entry. */
export const dvrSegments = 32;

/** How long browsers and caches may keep what never changes, s... */
export const segmentSeconds = 31_536_000;
/** ...and what is numbered and over after a while. */
export const passingSeconds = 600;

/** How long a listener waits for the first entry: a source is on air before its sound is. */
export const firstEntryWaitMs = 15_000;
