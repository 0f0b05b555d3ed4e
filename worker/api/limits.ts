/** Bounds of the API, and how each was chosen. Times in ms. */

/** A body: a title and its URL in the longest encoding. */
export const apiBodyBytes = 16 * 1024;

/** How often a client's stream looks for news: no oftener than the directory is asked. */
export const eventPollMs = 1_000;

/** Proxies close what is silent for half a minute. */
export const eventHeartbeatMs = 15_000;

/** After how long a client that lost its connection comes again. */
export const eventRetryMs = 2_000;

/** Clients of one isolate, for 128 MB and one thread are shared with listeners; the page polls where there is no room. */
export const maxEventClients = 1_000;

/** Of one address, where it is known: a house full of open pages, and nobody who takes the places of all others. */
export const maxEventClientsPerAddress = 50;
