/** Every bound of listener authentication, and how its default was chosen. Times in ms. */

/** How long an authentication server may take to let a listener in: as Icecast 2.4.4. */
export const authTimeoutMs = 15_000;
/** ...and to hear that one has gone, twice with a pause: the runtime lets work outlive a request by 30 s. */
export const removeTimeoutMs = 12_000;
export const removeRetryMs = 1_000;

/** Listeners of a mount that wait for its server, in an isolate: as Icecast 2.4.4; whoever comes then is told to try again. */
export const pendingAuths = 100;

/** Listeners whose passwords wait to be looked at try so often, so far apart: a mount that comes back has hundreds at once. */
export const slowedTries = 5;
export const slowedWaitMs = 1_000;

/** Characters of what an authentication server says for the log. */
export const authMessageLength = 200;

/** How long a user who listens already is waited for to go, where each may only once; and how often it is looked for. */
export const duplicateWaitMs = 3_000;
export const duplicateLookMs = 200;

/** Sessions of this isolate that are remembered where a user may listen once: the roster tells of them for some seconds more. */
export const ownSessions = 10_000;
