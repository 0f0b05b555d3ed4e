/**
 * Bounds of the AutoDJs of a host. Each says what it bounds and how its value was chosen.
 */
const mebi = 1024 * 1024;

/** What goes out at once lasts at most so long: less than the 500 ms of silence that a session's watch takes for a stall before it knows its source. */
export const pieceMs = 450;
/** How far ahead of its time a stream begins that nobody waits for: what a late timer on a busy machine may take without its session noticing. */
export const leadMs = 250;
/** What listeners missed before the stream began is sent at once, up to this: who missed more has heard the break. */
export const catchUpMs = 4_000;
/** For so long it sends nothing while another source is let in, and how often it looks: the edge answers in a tenth of a second, and what listeners have in hand lasts. What is held back goes out when the other was refused. */
export const arrivalMs = 2_000;
export const arrivalLookMs = 20;
/** This far behind its time (the process was suspended), the clock is set anew: what was missed is not poured in. */
export const behindMs = 5_000;

/** Audio of a track that is read ahead: a disk that hangs for less is not heard. */
export const readAheadMs = 4_000;
/** A track of which nothing has come for so long is given up: its disk hangs, and others may be on another. */
export const stallMs = 10_000;
/** How long a track may take to be ready, from when all of the one before has been read, before others are tried beside it: a second more than what is read ahead, so that no gap is longer than a segment where something else is ready. To measure a song takes 2 s at most. */
export const patienceMs = readAheadMs + 1_000;
/** Tracks that are prepared beside each other after that. */
export const slowTracks = 4;
/** After a track could not be had for a reason that need not be its own, before the next is tried. */
export const failurePauseMs = 300;
/** How often it is looked, while nothing is playable, whether the hour makes something so. */
export const idleLookMs = 1_000;
/** How long the mount is not claimed yet because its music has not been read, and then because its first track is not ready: an empty mount and silence say the same. */
export const firstTrackMs = 5_000;
/** How often it is looked, while the folders of changed settings are read, whether those are still wanted. */
export const changeLookMs = 500;
/** How long the end of the track that plays is waited for before changed settings count: a song's, not a recorded night's. */
export const lastTrackMs = 15 * 60_000;

/** Before a mount is claimed again that could not be had, first and at most; doubled each time. */
export const retryFirstMs = 500;
export const retryMaxMs = 15_000;
/** How often it is looked whether a mount is free that another ingest host has, or a source of this host: of the latter's end it is told, besides. */
export const yieldMs = 2_000;

/** Between two times that the place within a track is written down. */
export const saveMs = 10_000;
/** A state: 1,000 remembered files of each rotation are 100 kB. Larger ones are not read. */
export const stateBytes = 16 * mebi;
/** How long its last writing is waited for when the ingest ends. */
export const goodbyeMs = 1_000;

/** Files looked at for what format most music has, and bytes of each: a cover picture may come first. */
export const votes = 60;
export const voteBytes = 32 * 1024;
/** Tracks that a command tells of, unless asked for more, and at most. */
export const nextCount = 10;
export const nextMost = 100;
