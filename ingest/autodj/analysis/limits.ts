/** Every bound of the analysis. Together they keep its thread under `threadHeapMiB` and the codecs' memory, whatever a file holds. */

const mebi = 1024 * 1024;

/** Read of a file at once to be decoded: at 128 kb/s 2 s of sound, which take 5 ms, and to be encoded anew 50. */
export const pieceBytes = 32 * 1024;

/** Read at once where frames are only counted. */
export const scanPieceBytes = 1 * mebi;

/** The largest ID3v2 tag that is read whole: covers of several MB are common. Of a larger one `largeTagBytes` are; of a larger APE tag nothing is. */
export const tagBytes = 16 * mebi;
export const largeTagBytes = 1 * mebi;

/** Frames of text that are read of an ID3v2 tag, and bytes of each: some have a hundred, and lyrics are not among them. */
export const tagFrames = 200;
export const frameBytes = 4 * 1024;

/** From the end of a file, where ID3v1 and APE stand. */
export const tailBytes = 64 * 1024;

/** A title, artist or album, UTF-16 units: ICY's block of 4,080 bytes holds two of them in any script. */
export const textLength = 500;

/** What plays for less is refused: no decoder has settled by then, and a join takes as long. */
export const minPlayMs = 200;

/** Frames of other formats that a file may hold, as a share of its time: damage can look like a few. More is a file that changes. */
export const strayShare = 0.01;

/** A file of which less than this is audio is something else that holds some. Tags do not count. */
export const minAudioShare = 0.2;

/** Neither frames nor tags, in a row: what the reader of tracks gives a file up for. */
export const maxGarbageBytes = 8 * mebi;

/** Of a file's frames, those whose data is all there; the others play as silence. */
export const minWholeShare = 0.5;

/** What a decoder must yield of what the frames promise. */
export const minDecodedShare = 0.5;

/** Longer files are measured in stretches evenly spaced over them, as many of so long: what half an hour costs. */
export const wholeMeasureMs = 30 * 60_000;
export const stretches = 40;
export const stretchMs = 20_000;

/** Decoded from the middle of a file whose level nobody asks for, to see that it can be. */
export const probeMs = 5_000;

/** No gain above this, dB: noise and hiss come up with the music. Nor one below: such a tag is no good. */
export const maxGainDb = 12;
export const minGainDb = -60;

/** The thread is ended when it has not said for so long that it goes on: a decoder in a loop, a disk that hangs. A host whose processors are all taken leaves it a hundredth of one. */
export const silentThreadMs = 60_000;

/** Threads that were ended and have not gone, within reads of a disk that hangs, before no other is started: each has its memory. */
export const goingThreads = 4;

/** How often it says so at most. */
export const aliveMs = 1_000;

/** A file that has kept the thread for so long is refused: ten hours of audio take less than a minute to analyse. */
export const analysisMs = 10 * 60_000;

/** The same for encoding anew: ten hours at ten times real time on a slow machine. */
export const transcodeMs = 90 * 60_000;

/** The thread ends after so long without work, and its memory with it. */
export const idleThreadMs = 60_000;

/** Old space of the thread's heap, MiB. Its codecs' memory is beside it, 20 MiB. */
export const threadHeapMiB = 256;

/** Files of which the outcome is in memory: 1 kB each. */
export const knownFiles = 20_000;

/** Records on disk, half a kilobyte each in a block of 4: 200 MB. */
export const cachedRecords = 50_000;

/** A record on disk: titles of `textLength` in UTF-8 and some numbers. */
export const recordBytes = 16 * 1024;

/** Files encoded anew: 23 hours at 192 kb/s. */
export const transcodedBytes = 2048 * mebi;
