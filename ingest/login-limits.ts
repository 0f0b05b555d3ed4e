/**
 * Bounds of who may come and who may log in. Each says what it bounds and how its value was chosen.
 */

const mebi = 1024 * 1024;

/** Longest wait before a refused login is answered. Some clients come back every 7 ms for ever; a person does not notice. */
export const throttleMaxMs = 300;
/** Longest wait of a wrong password behind others of its address, after which it gets no answer at all: some 20 of them wait, and butt gives up after 5 s. */
export const throttleQueueMs = 5_000;
/** Refusals of one address older than this are forgotten. */
export const throttleForgetMs = 30_000;
/** Addresses remembered; the oldest goes first. */
export const throttleAddresses = 4_096;

/** Between two log lines that count wrong passwords, and how many of them get a line of their own meanwhile: enough for every mistyped one, few enough for those who guess. */
export const loginLogMs = 10_000;
export const loginLogLines = 10;

/** How long an authentication server may take to answer: Icecast's patience. And how many questions may wait for one, of all and of one address: as many sources come at the same moment, and more are no sources. */
export const authTimeoutMs = 15_000;
export const authWaiting = 64;
export const authOfAddress = 8;

/** Passwords that wait to be compared with a hash, 30 ms each, of all and of one address: two seconds and an eighth of it. */
export const hashesWaiting = 64;
export const hashesOfAddress = 8;
/** How long it is remembered whether a password was right, and of how many. */
export const passwordsKeptMs = 60_000;
export const passwordsKept = 1_024;

/** How often it is looked whether a DJ's slot is still what it was: the settings and the clock may have been set. */
export const slotLookMs = 5_000;
/** By how much the time of day must go another way than a steady clock to have been set: more than what NTP corrects in a slot of hours, less than anybody sets by hand. */
export const clockStepMs = 1_000;

/** How often files of banned addresses are looked at: Icecast's. And how long one may be: 64,000 addresses. */
export const banLookMs = 10_000;
export const banFileBytes = 1 * mebi;
