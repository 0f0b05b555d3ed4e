/** Every bound of rewinding, and how its default was chosen. Times in ms. */

/** What is known beyond what is offered: one look into the index every ten seconds, and more than the longest segment. */
export const knownAheadMs = 20_000;
/** ...and how little of it is left when more is looked for: longer than a slow answer takes. */
export const knownLeastMs = 10_000;
/** How soon it is looked again for what was not there, or could not be asked for. */
export const lookAgainMs = 2_000;
/** ...and of a long delay: what comes meanwhile is due much later. */
export const longestLookAgainMs = 60_000;
/** Past this a look is taken for dead (its request ended) and another listener's begins: several questions to the archive. */
export const lookTimeoutMs = 15_000;
/** How long a listener's reply waits for a look. */
export const firstLookMs = 4_000;

/** Audio that listeners have in hand, at the least: reading a segment may take so long, twice. */
export const leastLeadMs = 2_000;
/** ...and at the most: it is sent at once. */
export const longestLeadMs = 60_000;

/** How far back the title of a moment is looked for among segments; further back the broadcast's list is exact. */
export const titleSearchMs = 60_000;

/** A delayed mount that nobody attended to for so long begins anew for the next one. */
export const idleStageMs = 20_000;
/** Delayed mounts of an isolate, by mount and delay; those that nobody attends to go first, others are not shared beyond it. */
export const delayedStages = 1_000;

/** How old an isolate's word may be of a mount's earliest moment: those who ask for what is not there ask again and again. */
export const earliestAgeMs = 2_000;
/** Mounts of which that is known. */
export const earliestMounts = 1_000;
