/** Every bound of the song history, and how its default was chosen. */

/** How long it is kept, ms: rights societies audit up to six years back. A song every three minutes is 175,000 rows a year, 20 MB. */
export const historyKeptMs = 7 * 366 * 86_400_000;

/** Plays of one reply: of JSON, unless said otherwise and at most; of CSV, which is a month of three-minute songs. */
export const playsUsual = 100;
export const playsPerPage = 1_000;
export const playsPerSheet = 15_000;
