/** Every bound of the access layer, and how its default was chosen. Times in ms. */

/** Wrong passwords that cost nothing: people mistype. An address has fewer than an account, which has several people. */
export const addressTries = { free: 5, firstMs: 1_000, maxMs: 60_000, forgetMs: 900_000, keys: 10_000 };
/** One guess in 30 s is 2,880 a day, from however many addresses. */
export const accountTries = { free: 20, firstMs: 1_000, maxMs: 30_000, forgetMs: 900_000, keys: 256 };
/**
 * An account from an address that it has logged in from: nobody else's wrong passwords count there, and its own cost a second, so that
 * the right one gets in.
 */
export const knownTries = { free: 10, firstMs: 1_000, maxMs: 1_000, forgetMs: 900_000, keys: 1_000 };

/** Accounts are slowed in so many groups, whether they exist or not: memory is bounded, and a refusal names nobody. */
export const accountGroups = accountTries.keys;

/** Pairs of account and address that have logged in, the last ones. */
export const knownLogins = 1_000;

/**
 * How long a password that was right, or wrong, is known without being hashed again, since it was last shown: programs poll every
 * minute or less. A user that is changed or removed is another at once.
 */
export const loginMemoryMs = 600_000;
export const rememberedLogins = 10_000;

/** Logins checked at a time in an isolate: each takes 12 to 30 ms of the thread that also feeds its listeners. */
export const loginChecksAtOnce = 16;
/** Of one name: more users than that may have it in the settings, and are not looked at. */
export const usersOfOneName = 4;
/** Past this the object counts as silent and the isolate's own throttle holds. */
export const accountsCallTimeoutMs = 2_000;
/** Refusals that an isolate remembers without asking again. */
export const slowedLogins = 10_000;

/** How old what manageauth and fallbacks have changed may be in another isolate. */
export const accountChangesAgeMs = 5_000;
/** Listener users added or deleted, and fallbacks set, on top of the station's settings. */
export const maxListenerUserChanges = 10_000;
export const maxFallbackOverrides = 1_000;

export const auditEntries = 10_000;
/** Of one entry: its details, and the characters of each. */
export const auditDetails = 16;
export const auditTextLength = 256;

/** How long a form can be sent after its page was made: a console is left open for a shift. */
export const csrfHours = 12;
/** Fields of a form that is looked at for its token, bytes. */
export const formBytes = 64 * 1024;
