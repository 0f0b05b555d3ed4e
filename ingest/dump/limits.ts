/** Every bound of the dumps, and how its default was chosen. Times in ms. */

/** What one source may be ahead of its disk, bytes: 100 s at 320 kb/s, four minutes at 128. What does not fit is left out. */
export const dumpBufferBytes = 4 * 1024 * 1024;
/** How often what came is written: what a process that is killed loses, and few enough writes for a hundred mounts. */
export const dumpWriteMs = 250;
/** How often it is brought to the disk: what a machine that loses its power loses. */
export const dumpSyncMs = 5_000;
/** After which a disk that refused is tried again. */
export const dumpRetryMs = 5_000;
/** File operations of all dumps at once: of the process's four threads some are left for everything else, however long these hang. */
export const dumpOperations = 2;
/** Files of one name that are counted through: a rotated one without the time in its name. */
export const dumpNames = 9_999;
/** At the end of the process, for all of them: below `shutdownPublishMs`, within which segments are published. */
export const dumpStopMs = 4_000;
