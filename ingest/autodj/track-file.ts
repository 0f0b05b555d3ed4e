import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { reasonOf } from "../log.ts";
import { TrackError } from "./track-error.ts";

/** One read: 6 s of 320 kb/s, and few enough calls that 10 hours are passed over within a second. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A file as it was when it was opened, read from front to back through one buffer. What is renamed or deleted under it
 * stays readable; what is written to is no longer the same file.
 */
export class OpenTrack {
  readonly #handle: FileHandle;
  readonly #opened: Stats;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  #position = 0;

  private constructor(handle: FileHandle, opened: Stats) {
    this.#handle = handle;
    this.#opened = opened;
  }

  /** Rejects with TrackError. Never waits for a writer, as opening a pipe would. */
  static async open(path: string): Promise<OpenTrack> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
      throw new TrackError(`cannot be opened: ${reasonOf(error)}`);
    });
    try {
      const opened = await handle.stat();
      if (!opened.isFile()) throw new TrackError("is not a file");
      return new OpenTrack(handle, opened);
    } catch (error) {
      await handle.close();
      throw asTrackError(error);
    }
  }

  /** The next bytes, a view until the next call; null at the end. Rejects with TrackError, also once the file was written to. */
  async next(): Promise<Uint8Array | null> {
    try {
      const { bytesRead } = await this.#handle.read(this.#buffer, 0, CHUNK_BYTES, this.#position);
      // Afterwards: what was written before this moment may be in what was read.
      const { size, mtimeMs } = await this.#handle.stat();
      if (size !== this.#opened.size || mtimeMs !== this.#opened.mtimeMs) {
        throw new TrackError("was changed while it played");
      }
      this.#position += bytesRead;
      return bytesRead === 0 ? null : this.#buffer.subarray(0, bytesRead);
    } catch (error) {
      throw asTrackError(error);
    }
  }

  /** Nothing can be lost of what was only read: what the disk says is of no use. Resolves when a read that is under way has ended. */
  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }
}

const asTrackError = (error: unknown): TrackError =>
  error instanceof TrackError ? error : new TrackError(`cannot be read: ${reasonOf(error)}`);
